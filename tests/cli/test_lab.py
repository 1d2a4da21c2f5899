"""Working copies of the notebooks: renewed where the user has changed nothing, never overwritten otherwise."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

from uncertlr.cli.lab import copy_notebooks
from uncertlr.errors import ConfigError
from uncertlr.runs.paths import project_folder


def write(path, *cells):
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)


def change(path, source=None, output=None):
    """What JupyterLab does when a cell is edited or run, and the notebook saved."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11"}
    if source is not None:
        notebook.cells[0].source = source
    if output is not None:
        notebook.cells[0].outputs, notebook.cells[0].execution_count = [nbformat.v4.new_output("stream", text=output)], 1
    nbformat.write(notebook, path)


def code(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


@pytest.fixture
def folders(tmp_path):
    sources, copies = tmp_path / "notebooks", tmp_path / "lab"
    write(sources / "first.ipynb", "threshold: float = 0.5", "print(threshold)")
    write(sources / "second.ipynb", "print(2)")
    assert list(copy_notebooks(sources, copies)) == []
    return sources, copies


def test_copies_are_made_and_left_alone(folders):
    sources, copies = folders
    assert {path.name: code(path) for path in copies.iterdir()} == {path.name: code(path) for path in sources.iterdir()}
    change(copies / "first.ipynb", "threshold: float = 0.9", "0.9")
    before = {path: path.read_bytes() for path in copies.iterdir()}
    assert list(copy_notebooks(*folders)) == []
    assert {path: path.read_bytes() for path in copies.iterdir()} == before


def test_a_copy_without_changes_follows_its_source(folders):
    sources, copies = folders
    change(copies / "first.ipynb", output="0.5")  # it was run
    write(sources / "first.ipynb", "threshold: float = 0.6", "print(threshold)")
    write(sources / "third.ipynb", "print(3)")
    (line,) = copy_notebooks(*folders)
    assert line.startswith("first.ipynb")
    assert code(copies / "first.ipynb") == code(sources / "first.ipynb")
    assert code(copies / "third.ipynb") == ["print(3)"]
    assert list(copy_notebooks(*folders)) == []


def test_the_users_changes_are_kept_and_refreshed_only_on_request(folders):
    sources, copies = folders
    change(copies / "first.ipynb", "threshold: float = 0.9")
    write(sources / "first.ipynb", "threshold: float = 0.6", "print(threshold)")
    for _ in range(2):
        (line,) = copy_notebooks(*folders)
        assert "REFRESH=first" in line
        assert code(copies / "first.ipynb")[0] == "threshold: float = 0.9"
    for own in ("first-own.ipynb", "first-own-2.ipynb"):
        (line,) = copy_notebooks(*folders, refresh=["first"])
        assert own in line
        assert code(copies / own)[0] == "threshold: float = 0.9"
        assert code(copies / "first.ipynb")[0] == "threshold: float = 0.6"
        change(copies / "first.ipynb", "threshold: float = 0.9")


@pytest.mark.parametrize("content", [b"", b"not JSON", b"[]", b'{"cells": 3}'])
def test_a_copy_that_cannot_be_read_is_not_overwritten(folders, content):
    _, copies = folders
    (copies / "first.ipynb").write_bytes(content)
    assert len(list(copy_notebooks(*folders))) == 1
    assert (copies / "first.ipynb").read_bytes() == content
    list(copy_notebooks(*folders, refresh=["all"]))
    assert (copies / "first-own.ipynb").read_bytes() == content


def test_all_are_refreshed_and_an_unknown_name_is_refused(folders):
    _, copies = folders
    for name in ("first", "second"):
        change(copies / f"{name}.ipynb", "print('mine')")
    assert len(list(copy_notebooks(*folders, refresh=["all"]))) == 2
    with pytest.raises(ConfigError, match="'first_'.*'first'"):
        list(copy_notebooks(*folders, refresh=["first_"]))
    with pytest.raises(ConfigError, match="nowhere"):
        list(copy_notebooks(copies / "nowhere", copies))


def test_git_ignores_the_copies():
    ignored = subprocess.run(["git", "check-ignore", "lab/quickstart.ipynb"], cwd=project_folder(), capture_output=True)
    if ignored.returncode == 128:
        pytest.skip("not a git checkout")
    assert ignored.returncode == 0


def test_links_and_paths_mean_the_same_from_a_copy():
    assert (project_folder() / "lab").parent == (project_folder() / "notebooks").parent


@pytest.mark.slow
def test_jupyterlab_starts_without_a_screen_and_prints_its_address(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment |= {"JUPYTER_RUNTIME_DIR": str(tmp_path / ("long" * 40)), "JUPYTER_CONFIG_DIR": str(tmp_path)}
    command = [sys.executable, "-c", "from uncertlr.cli import main; main()", "lab", "--", "--port=0"]
    with (tmp_path / "log").open("w+") as log, subprocess.Popen(command, stdout=log, stderr=log, env=environment) as process:
        try:
            address = wait_for(log, r"(http://127\.0\.0\.1:\d+)/lab/tree/lab/quickstart\.ipynb\?(token=\w+)", process)
            with urllib.request.urlopen(f"{address[1]}/api/contents/lab/quickstart.ipynb?{address[2]}") as answer:
                assert json.load(answer)["type"] == "notebook"
        finally:
            process.terminate()


def wait_for(log, pattern, process):
    """What a running process has printed."""
    for _ in range(600):
        log.seek(0)
        text = log.read()
        if found := re.search(pattern, text):
            return found
        assert process.poll() is None, text
        time.sleep(0.1)
    raise AssertionError(text)
