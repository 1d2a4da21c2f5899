"""When the book's notebooks are executed again, and what is left on their pages."""

import importlib
import json
import os
import subprocess
import zipfile

import nbformat
import papermill
import pytest

from uncertlr.book import build
from uncertlr.book.build import FULL, NOTEBOOKS, execute
from uncertlr.errors import RunError, StaleResults
from uncertlr.runs.paths import default_root, project_folder


@pytest.fixture
def executions(tmp_path, monkeypatch):
    """A project of one notebook, and a papermill that only notes that it was called."""
    for folder in ("notebooks", "book"):
        (tmp_path / folder).mkdir()
    (tmp_path / "_config.yml").write_text("")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a: int = 1", metadata={"tags": ["parameters"]})])
    nbformat.write(notebook, tmp_path / "notebooks" / "quickstart.ipynb")
    calls = []

    def pretend(source, target, parameters, save_every_cell):
        assert not save_every_cell
        calls.append(parameters)
        target.parent.mkdir(exist_ok=True)
        injected = nbformat.v4.new_code_cell("a = 2", metadata={"tags": ["injected-parameters"], "papermill": {}})
        done = nbformat.v4.new_notebook(cells=[injected], metadata={"papermill": {"output_path": "somewhere"}})
        nbformat.write(done, target)

    monkeypatch.setattr(build, "project_folder", lambda: tmp_path)
    monkeypatch.setattr(build, "execute_notebook", pretend)
    return tmp_path, calls


def test_a_notebook_is_executed_once_and_again_when_something_changed(executions, monkeypatch):
    project, calls = executions
    execute("quickstart", "quick")
    execute("quickstart", "quick")
    assert len(calls) == 1
    monkeypatch.setitem(FULL, "quickstart", {"a": 3})
    execute("quickstart", "full")
    del FULL["quickstart"]
    assert calls[1:] == [{"a": 3}]
    with (project / "notebooks" / "quickstart.ipynb").open("a") as file:
        file.write("\n")
    execute("quickstart", "quick")
    build.results_folder().mkdir(parents=True)
    (build.results_folder() / "new.parquet").write_bytes(b"new results")
    execute("quickstart", "quick")
    (project / "benchmarks").mkdir()
    (project / "benchmarks" / "tables.py").write_text("")
    execute("quickstart", "quick")
    (project / "sweeps").mkdir()
    (project / "sweeps" / "study.yaml").write_text("baselines: [constant]")
    execute("quickstart", "quick")
    assert len(calls) == 6


def test_a_site_is_built_again_only_when_something_changed(executions, monkeypatch):
    project, _ = executions
    page, built = project / "book" / "page.md", []

    def pretend(command, **options):
        built.append(command)
        index.parent.mkdir(parents=True, exist_ok=True)
        index.write_text("")
        return subprocess.CompletedProcess(command, returncode)

    index, returncode = project / "book" / "_build" / "html" / "index.html", 0
    monkeypatch.setattr(build, "NOTEBOOKS", ())
    monkeypatch.setattr(build, "check_claims", lambda project: None)
    monkeypatch.setattr(build.subprocess, "run", pretend)
    for _ in range(2):
        assert build.build_book() == index
    assert len(built) == 1
    page.write_text("new")
    returncode = 1
    for _ in range(2):  # what failed is tried again
        with pytest.raises(RunError):
            build.build_book()
    returncode = 0
    build.build_book()
    build.build_book()
    assert len(built) == 4
    (project / "uncertlr").mkdir()
    elsewhere = project.parent / f"{project.name}-results"
    elsewhere.mkdir()
    monkeypatch.setenv("UNCERTLR_RESULTS", str(elsewhere))
    for change in (
        (elsewhere / "new.parquet").touch,
        (project / "uncertlr" / "new.py").touch,
        page.unlink,
        index.unlink,
        lambda: monkeypatch.setattr("importlib.metadata.distributions", list),
    ):
        change()
        build.build_book()
        build.build_book()
    assert len(built) == 9


def test_tables_are_made_again_after_a_run_of_ones_own_not_after_an_unpacked_one(folders, monkeypatch):
    monkeypatch.syspath_prepend(str(project_folder() / "book" / "_ext"))
    changes = importlib.import_module("changes")
    monkeypatch.setattr(changes, "published_ids", lambda: {"published": "a file"})
    before = changes.generated_from([])

    def add(run_id):
        summary = default_root() / run_id / "summary.json"
        summary.parent.mkdir(parents=True)
        summary.write_text("{}", encoding="utf-8")

    add("published")
    assert changes.generated_from([]) == before
    add("own")
    assert changes.generated_from([]) != before


def test_pages_carry_no_trace_of_papermill_and_fold_the_injected_cell(executions):
    project, _ = executions
    page = json.loads(execute("quickstart", "quick").read_text())
    assert "papermill" not in page["metadata"]
    assert page["cells"][0]["metadata"] == {"tags": ["injected-parameters", "hide-input"]}


def test_the_full_profile_gives_parameters_that_the_notebooks_have():
    for name, parameters in FULL.items():
        assert set(parameters) <= set(papermill.inspect_notebook(str(project_folder() / "notebooks" / f"{name}.ipynb")))
    assert set(FULL) <= set(NOTEBOOKS)


@pytest.mark.parametrize(("given", "threads"), [(None, "1"), ("3", "3")])
def test_notebooks_take_one_thread_unless_another_number_is_given(monkeypatch, given, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", "")  # so that it is put back, whatever the next line does
    monkeypatch.delenv("OMP_NUM_THREADS") if given is None else monkeypatch.setenv("OMP_NUM_THREADS", given)
    build._one_thread()
    assert os.environ["OMP_NUM_THREADS"] == threads


def test_no_book_without_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "project_folder", lambda: tmp_path)
    with pytest.raises(RunError, match=str(tmp_path)):
        build.build_book()


def test_the_project_is_a_checkout():
    assert (project_folder() / "_config.yml").is_file()


def test_a_notebook_whose_results_are_stale_becomes_a_page_that_says_so(executions, monkeypatch):
    def refuse(source, target, parameters, save_every_cell):
        raise StaleResults("results/study.parquet holds results of version 2")

    monkeypatch.setattr(build, "execute_notebook", refuse)
    cells = json.loads(execute("quickstart", "quick").read_text())["cells"]
    assert cells[-1]["source"] == ":::{danger}\nresults/study.parquet holds results of version 2\n:::"
    assert all(not cell.get("outputs") for cell in cells)


def test_a_kernels_refusal_of_stale_results_is_raised_as_such(tmp_path):
    source = tmp_path / "one.ipynb"
    code = "from uncertlr.errors import StaleResults\nraise StaleResults('of version 2')"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), source)
    with pytest.raises(StaleResults, match=r"one\.ipynb .*StaleResults"):
        build.execute_notebook(source, tmp_path / "out.ipynb", {})


def test_the_site_goes_into_one_file_with_a_folder_of_its_own(tmp_path):
    site = tmp_path / "html"
    (site / "book").mkdir(parents=True)
    for name in ("index.html", "book/index.html"):
        (site / name).write_text(name)
    packed = build.zip_site(site / "index.html")
    assert packed == tmp_path / "uncertlr-book.zip"
    with zipfile.ZipFile(packed) as archive:
        files = {name for name in archive.namelist() if not name.endswith("/")}
        assert files == {"uncertlr-book/index.html", "uncertlr-book/book/index.html"}
    assert build.zip_site(site / "index.html") == packed  # once more, over the old one
    assert {path.name for path in tmp_path.iterdir()} == {"html", "uncertlr-book.zip"}
