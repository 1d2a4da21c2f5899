"""Copies of the notebooks for Colab: one more cell, which installs the package there and does nothing elsewhere."""

import json
import shutil
import sys
from types import ModuleType

import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell

from uncertlr.book import colab
from uncertlr.errors import ConfigError
from uncertlr.runs.paths import project_folder

ADDRESS = "https://github.com/someone/uncertlr"


def configured(folder, repository):
    """A project of the real notebooks with a repository."""
    shutil.copytree(project_folder() / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    config = {"sphinx": {"config": {"uncertlr_repository": repository, "uncertlr_branch": "main"}}}
    (folder / "_config.yml").write_text(yaml.safe_dump(config))
    return folder


@pytest.mark.parametrize("repository", [ADDRESS, f"{ADDRESS}.git", f"{ADDRESS}/"])
def test_each_copy_has_one_cell_more(repository, tmp_path):
    project = configured(tmp_path, repository)
    copies = colab.write_copies(project)
    assert [copy.name for copy in copies] == sorted(path.name for path in (project / "notebooks").glob("*.ipynb"))
    for copy in copies:
        first, *cells = json.loads(copy.read_text(encoding="utf-8"))["cells"]
        assert cells == json.loads((project / "notebooks" / copy.name).read_text(encoding="utf-8"))["cells"]
        assert f" {ADDRESS} " in "".join(first["source"])
    assert colab.colab_address(repository, "main", "one").endswith("/github/someone/uncertlr/blob/main/colab/one.ipynb")


@pytest.mark.parametrize("repository", ["", "https://gitlab.com/someone/uncertlr"])
def test_without_a_repository_on_github_there_are_none(repository, tmp_path):
    with pytest.raises(ConfigError, match="uncertlr_repository"):
        colab.write_copies(configured(tmp_path, repository))
    assert colab.colab_address(repository, "main", "one") == ""


@pytest.mark.parametrize("in_colab", [True, False])
def test_the_cell_clones_and_installs_in_colab_alone(in_colab, monkeypatch):
    notebook = colab.with_install_cell({"cells": []}, ADDRESS, "main")
    shell = InteractiveShell()
    done = []
    shell.system = done.append
    shell.register_magic_function(done.append, magic_name="pip")
    monkeypatch.setattr(sys, "path", list(sys.path))
    if in_colab:
        monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    shell.run_cell("".join(notebook["cells"][0]["source"])).raise_error()
    assert [each.split()[0] for each in done] == (["git", "install"] if in_colab else [])
    assert all(ADDRESS in each or "uncertlr_project[all]" in each for each in done)
