"""The glossary's terms are in order, and no term is defined twice."""

from pathlib import Path

GLOSSARY = Path(__file__).resolve().parents[2] / "book" / "glossary.md"


def test_terms_are_in_the_order_of_the_alphabet() -> None:
    block = GLOSSARY.read_text(encoding="utf-8").partition("```{glossary}\n")[2].partition("```")[0]
    terms = [line.lower() for line in block.splitlines() if line and not line.startswith(" ")]
    assert len(terms) == len(set(terms))
    assert terms == sorted(terms), [(a, b) for a, b in zip(terms, sorted(terms), strict=True) if a != b][:2]
