"""The glossary's terms are in order and defined once, and its letters and chapters lead where they say."""

import re
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[2]
GLOSSARY = (PROJECT / "book" / "glossary.md").read_text(encoding="utf-8")
TERMS = [
    line
    for line in GLOSSARY.partition("```{glossary}\n")[2].partition("```")[0].splitlines()
    if line and not line.startswith(" ")
]


def test_terms_are_in_the_order_of_the_alphabet() -> None:
    terms = [term.lower() for term in TERMS]
    assert len(terms) == len(set(terms))
    assert terms == sorted(terms), [(a, b) for a, b in zip(terms, sorted(terms), strict=True) if a != b][:2]


def test_a_letter_leads_to_its_first_term() -> None:
    first: dict[str, str] = {}
    for term in TERMS:
        first.setdefault(term[0].upper(), term)
    assert dict(re.findall(r"{term}`([A-Z]) <(.+?)>`", GLOSSARY)) == first


def test_a_chapter_has_the_number_of_its_place() -> None:
    parts = yaml.safe_load((PROJECT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    numbered = [chapter["file"] for part in parts if part.get("numbered") for chapter in part["chapters"]]
    links = re.findall(r"\[ch\. (\d+)\]\((.+?)\.ipynb\)", GLOSSARY)
    assert len(links) > 10
    assert [(number, file) for number, file in links if f"book/{file}" != numbered[int(number) - 1]] == []
