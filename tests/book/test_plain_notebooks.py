"""Notebooks read well without an extension: plain Markdown, short parameters, visible code, captions in order."""

import ast
import re
from pathlib import Path

import nbformat
import papermill
import pytest

from uncertlr.book.claims import TAG
from uncertlr.runs.paths import project_folder

NOTEBOOKS = sorted(path.stem for path in (project_folder() / "notebooks").glob("*.ipynb"))
RAW = re.compile(r"\{[a-z:]+\}`|^:::|^`{3,}\{", re.MULTILINE)
CAPTION = re.compile(r"\*\*Figure (?:(\d+|[A-Z])\.)?(\d+)\.\*\* \S")
DRAWS = re.compile(r"plots\.show\(")
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
"""Tags of cells whose code a page does not show at first."""
LONGEST_LINE = 92
"""Letters of a line of code that a page shows without scrolling."""


def cells(name, kind=""):
    notebook = nbformat.read(project_folder() / "notebooks" / f"{name}.ipynb", as_version=4)
    return [cell for cell in notebook.cells if not kind or cell.cell_type == kind]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def code_of(cell):
    """A cell's code without lines for IPython."""
    return "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))


def assigned(source):
    """Names that code binds: assignments, loops, imports, definitions."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_markdown_is_plain(name):
    assert [cell.source[:200] for cell in cells(name, "markdown") if RAW.search(cell.source)] == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_parameters_are_few_and_no_later_cell_changes_them(name):
    (parameters,) = [cell for cell in cells(name, "code") if "parameters" in tags(cell)]
    assert cells(name)[1].source == parameters.source
    found = papermill.inspect_notebook(str(project_folder() / "notebooks" / f"{name}.ipynb"))
    assert 1 <= len(found) <= 8
    assert all(each["help"] and each["inferred_type_name"] != "None" for each in found.values())
    later = [cell for cell in cells(name, "code") if "parameters" not in tags(cell)]
    assert set.union(*(assigned(code_of(cell)) for cell in later)) & set(found) == set()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_code_is_visible_and_fits_the_page(name):
    code = [cell for cell in cells(name, "code") if not tags(cell) & {"parameters", "check", TAG}]
    folded = [cell for cell in code if tags(cell) & HIDDEN]
    assert len(folded) <= 0.15 * len(code)
    for cell in cells(name, "code"):
        assert bool(tags(cell) & {"hide-input", "check"}) == cell.metadata.get("jupyter", {}).get("source_hidden", False)
    visible = [cell for cell in cells(name, "code") if cell not in folded and not tags(cell) & {"check", TAG}]
    lines = [line for cell in visible for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > LONGEST_LINE] == []
    imports = [len(re.findall(r"^(?:import|from) ", cell.source, re.MULTILINE)) for cell in code]
    assert max(imports) <= 6


def test_most_code_of_the_book_is_visible():
    code = [cell for name in NOTEBOOKS for cell in cells(name, "code")]
    for counted in (code, [cell for cell in code if "parameters" not in tags(cell)]):
        assert sum(not tags(cell) & HIDDEN for cell in counted) >= 0.85 * len(counted)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_figure_is_followed_by_its_caption_and_has_a_text_for_those_who_do_not_see_it(name):
    every, numbers = cells(name), []
    for cell, after in zip(every, [*every[1:], None], strict=True):
        if cell.cell_type == "code" and DRAWS.search(cell.source):
            assert after is not None
            assert CAPTION.match(after.source), cell.source[-80:]
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 30
        if cell.cell_type == "markdown":
            numbers += [(chapter, int(number)) for chapter, number in CAPTION.findall(cell.source)]
    assert numbers == [(numbers[0][0], place) for place in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_links_lead_somewhere(name):
    text = "\n".join(cell.source for cell in cells(name, "markdown"))
    references = (project_folder() / "book" / "references.bib").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        arxiv = re.fullmatch(r"https://arxiv\.org/abs/([\d.]+)", target)
        if arxiv:
            assert f"arXiv:{arxiv[1]}" in references, target
        elif target.startswith("http"):
            assert target in references, target
        else:
            assert (project_folder() / "notebooks" / target.partition("#")[0]).is_file(), target


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_source_is_stripped_and_opens_with_any_python(name):
    notebook = nbformat.read(project_folder() / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(not cell.outputs and cell.execution_count is None for cell in cells(name, "code"))
    assert "papermill" not in notebook.metadata
    assert not [line for cell in cells(name) for line in cell.source.splitlines() if str(Path.home()) in line]
