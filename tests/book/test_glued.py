"""What one page shows of another's notebook."""

import importlib.util
import json
import re

import pytest

from uncertlr.runs.paths import project_folder

pytest.importorskip("sphinx")


@pytest.fixture(scope="module")
def glued():
    path = project_folder() / "book" / "_ext" / "glued.py"
    spec = importlib.util.spec_from_file_location("glued", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.glued


@pytest.fixture
def notebook(tmp_path):
    output = {
        "metadata": {"scrapbook": {"name": "answer", "mime_prefix": "application/papermill.record/"}},
        "data": {"application/papermill.record/text/markdown": "It depends."},
    }
    path = tmp_path / "verdict.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown"}, {"outputs": [{"output_type": "stream"}, output]}]}))
    return path


def test_what_was_glued_comes_back_without_its_prefix(glued, notebook):
    assert glued(notebook, "answer") == {"text/markdown": "It depends."}


def test_a_missing_key_and_a_missing_notebook_are_named(glued, notebook):
    with pytest.raises(LookupError, match=r"verdict\.ipynb .*'question'"):
        glued(notebook, "question")
    with pytest.raises(LookupError, match=r"other\.ipynb"):
        glued(notebook.with_name("other.ipynb"), "answer")


def test_every_key_on_a_page_is_glued_by_its_notebook():
    for page in (project_folder() / "book").glob("*.md"):
        for name, key in re.findall(r"^```\{glued\} (\S+) (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            source = (project_folder() / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
            assert f'glue(\\"{key}\\"' in source, f"{page.name}: {name} glues no {key}"
