"""The book's sources: complete, in order, free of other hosts, and right in what their examples print."""

import doctest
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.shown_files import importable

PROJECT = Path(__file__).resolve().parents[2]
BOOK = PROJECT / "book"
PAGES = sorted(BOOK.glob("*.md"))
ENTRY = re.compile(r"@\w+\{([^,\s]+),(.*?)\n\}", re.DOTALL)
FENCE = re.compile(r"^(`{3,}|:{3,}).*?^\1[`:]*$", re.DOTALL | re.MULTILINE)


def toc_files() -> list[str]:
    """Every file that the table of contents names, without its ending."""
    toc = yaml.safe_load((PROJECT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def config() -> dict:
    return yaml.safe_load((PROJECT / "_config.yml").read_text(encoding="utf-8"))


def bibliography() -> dict[str, str]:
    """Key to the rest of the entry."""
    return dict(ENTRY.findall((BOOK / "references.bib").read_text(encoding="utf-8")))


def cited() -> set[str]:
    """Keys of the works that a page cites, or that a notebook links by their address or by author and year."""
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    keys = {key for text in texts for keys in re.findall(r"\{cite[^}]*\}`([^`]+)`", text) for key in keys.split(",")}
    notebooks = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "notebooks").glob("*.ipynb"))
    linked = {
        target for text in (*texts, notebooks) for target in re.findall(r"\]\(https://arxiv\.org/abs/([\d.]+)\)", text)
    }
    named = set(re.findall(r"\[([\w-]+)[^\]]*?(\d{4})\)?\]\(\.\./book/bibliography\.md\)", notebooks))
    for key, entry in bibliography().items():
        arxiv = re.search(r"arXiv:([\d.]+)", entry)
        if (arxiv and arxiv[1] in linked) or any(key.startswith(name.lower()) and year in key for name, year in named):
            keys.add(key)
    return keys


def test_table_of_contents_and_pages_agree() -> None:
    pages = {f"book/{page.stem}" for page in PAGES}
    executed = {name for name in toc_files() if name.startswith("book/executed/")}
    assert set(toc_files()) - executed == pages
    notebooks = {f"book/executed/{notebook.stem}" for notebook in (PROJECT / "notebooks").glob("*.ipynb")}
    assert executed == notebooks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_headings_are_in_order(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_figure_has_alternative_text(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    figures = re.findall(r"^`{3,}\{(?:figure|image|drawing)\}(.*?)^`{3,}$", text, re.DOTALL | re.MULTILINE)
    assert [figure.split("\n")[0] for figure in figures if not re.search(r"^:alt: \S", figure, re.MULTILINE)] == []
    assert re.findall(r"!\[\s*\]\([^)]*\)", text) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.usefixtures("published")
def test_examples_print_what_the_page_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text(encoding="utf-8")
    importable(text, tmp_path, monkeypatch)
    blocks = re.findall(r"^```pycon\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert result.failed == 0, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_patches_fit_the_code(page: Path, tmp_path: Path) -> None:
    patches = re.findall(r"^```diff\n(--- a/.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    for number, patch in enumerate(patches):
        (file := tmp_path / f"{number}.patch").write_text(patch, encoding="utf-8")
        tried = subprocess.run(["git", "apply", "--check", file], cwd=PROJECT, capture_output=True, text=True, check=False)
        assert tried.returncode == 0, tried.stderr


def test_there_are_examples_to_check() -> None:
    assert sum(page.read_text(encoding="utf-8").count("```pycon") for page in PAGES) > 5


def test_bibliography_and_citations_agree() -> None:
    entries = bibliography()
    assert len(entries) > 20
    assert cited() == set(entries)


@pytest.mark.parametrize("key", bibliography())
def test_entry_is_complete_and_named_after_its_year(key: str) -> None:
    fields = dict(re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},?$", bibliography()[key], re.MULTILINE))
    assert {"title", "author", "year"} <= set(fields)
    assert fields.keys() & {"booktitle", "journal", "howpublished", "institution", "publisher"}
    assert fields["year"] in key


def test_nothing_names_another_host() -> None:
    own = [PROJECT / "_config.yml", PROJECT / "_toc.yml", *BOOK.glob("_static/*.[cj]s*"), *BOOK.glob("_ext/*.py")]
    assert [path.name for path in own if re.search(r"//[\w-]+\.[\w.-]+/", path.read_text(encoding="utf-8"))] == []


def test_mathematics_is_in_the_tree_with_its_licence() -> None:
    static = PROJECT / config()["sphinx"]["config"]["html_static_path"][0]
    script = static / config()["sphinx"]["config"]["mathjax_path"]
    assert script.is_file()
    assert (script.parent / "LICENSE").is_file()
    assert len(list((script.parent / "output" / "chtml" / "fonts" / "woff-v2").glob("*.woff"))) == 23


def test_build_executes_nothing_and_keeps_the_theme_options() -> None:
    assert config()["execute"]["execute_notebooks"] == "off"
    assert config()["sphinx"]["recursive_update"] is True
    assert config()["only_build_toc_files"] is True


@pytest.mark.slow
@pytest.mark.usefixtures("published")
def test_every_drawing_is_used_and_drawn_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BOOK / "_ext")
    import drawings

    used = drawings.used_by(PAGES)
    assert set(used) == set(drawings.DRAWINGS)
    folder = tmp_path / "drawings"
    drawings.draw_all(folder, used)
    expected = {f"{name}-{mode}.svg" for name in used for mode in drawings.PALETTES}
    assert {path.name for path in folder.iterdir()} == expected
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    drawings.draw_all(folder, used)
    assert before == {path: path.stat().st_mtime_ns for path in folder.iterdir()}
