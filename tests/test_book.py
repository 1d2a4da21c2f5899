"""When the book's notebooks are executed again, and what is left on their pages."""

import json

import nbformat
import pytest

from uncertlr import book
from uncertlr.book import NOTEBOOKS, execute
from uncertlr.config import preset
from uncertlr.errors import RunError
from uncertlr.runs import project_folder


@pytest.fixture
def executions(tmp_path, monkeypatch):
    """A project of one notebook, and a papermill that only notes that it was called."""
    for folder in ("notebooks", "book"):
        (tmp_path / folder).mkdir()
    (tmp_path / "_config.yml").write_text("")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a: int = 1", metadata={"tags": ["parameters"]})])
    nbformat.write(notebook, tmp_path / "notebooks" / "quickstart.ipynb")
    calls = []

    def pretend(source, target, parameters):
        calls.append(parameters)
        target.parent.mkdir(exist_ok=True)
        injected = nbformat.v4.new_code_cell("a = 2", metadata={"tags": ["injected-parameters"], "papermill": {}})
        done = nbformat.v4.new_notebook(cells=[injected], metadata={"papermill": {"output_path": "somewhere"}})
        nbformat.write(done, target)

    monkeypatch.setattr(book, "project_folder", lambda: tmp_path)
    monkeypatch.setattr(book, "execute_notebook", pretend)
    return tmp_path, calls


def test_a_notebook_is_executed_once_and_again_when_something_changed(executions, monkeypatch):
    project, calls = executions
    execute("quickstart", "quick")
    execute("quickstart", "quick")
    assert len(calls) == 1
    monkeypatch.setitem(NOTEBOOKS["quickstart"], "quick", {"a": 3})
    execute("quickstart", "quick")
    assert calls[1:] == [{"a": 3}]
    with (project / "notebooks" / "quickstart.ipynb").open("a") as file:
        file.write("\n")
    execute("quickstart", "quick")
    book.results_folder().mkdir(parents=True)
    (book.results_folder() / "new.parquet").write_bytes(b"new results")
    execute("quickstart", "quick")
    assert len(calls) == 4


def test_pages_carry_no_trace_of_papermill_and_fold_the_injected_cell(executions):
    project, _ = executions
    page = json.loads(execute("quickstart", "quick").read_text())
    assert "papermill" not in page["metadata"]
    assert page["cells"][0]["metadata"] == {"tags": ["injected-parameters", "hide-input"]}


def test_profiles_inject_parameters_that_exist():
    for profiles in NOTEBOOKS.values():
        assert set(profiles) == {"quick", "standard", "full"}
        for parameters in profiles.values():
            preset("cifar10").replace(**parameters)


def test_no_book_without_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(book, "project_folder", lambda: tmp_path)
    with pytest.raises(RunError, match="built from a checkout"):
        book.build_book()


def test_the_project_is_a_checkout():
    assert (project_folder() / "_config.yml").is_file()
