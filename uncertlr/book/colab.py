"""Copies of the notebooks for Colab, which opens one file of a repository and has nothing else of it.

    python -m uncertlr.book.colab

Each copy in ``colab/`` begins with a cell that installs the package from the repository that ``_config.yml`` names.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml

from uncertlr.errors import ConfigError
from uncertlr.runs.files import write_atomically
from uncertlr.runs.paths import project_folder

COLAB = "https://colab.research.google.com"
FOLDER = "colab"
INSTALL = """\
import sys

if "google.colab" in sys.modules:  # anywhere else the package is there
    !git clone -q --depth 1 --branch {branch} {repository} /content/uncertlr_project
    %pip install -q -e '/content/uncertlr_project[all]'
    sys.path.insert(0, "/content/uncertlr_project")  # so that no restart is needed
"""


def colab_address(repository: str, branch: str, notebook: str) -> str:
    """Where Colab opens the copy of a notebook; nothing for a repository that is not on GitHub, from where alone it can."""
    parts = urlsplit(_plain(repository))
    if parts.netloc != "github.com":
        return ""
    return f"{COLAB}/github{parts.path}/blob/{quote(branch, safe='')}/{FOLDER}/{notebook}.ipynb"


def with_install_cell(notebook: dict[str, Any], repository: str, branch: str) -> dict[str, Any]:
    """A notebook with one more cell, its first."""
    source = INSTALL.format(repository=_plain(repository), branch=branch).rstrip().splitlines(keepends=True)
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "colab",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }
    return notebook | {"cells": [cell, *notebook["cells"]]}


def write_copies(project: Path) -> list[Path]:
    """Write ``colab/`` anew.

    Raises:
        ConfigError: no repository on GitHub is configured.
    """
    settings = yaml.safe_load((project / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
    repository, branch = settings["uncertlr_repository"], settings["uncertlr_branch"]
    if not colab_address(repository, branch, ""):
        raise ConfigError(f"uncertlr_repository={repository!r} in _config.yml is no address on GitHub, which Colab needs")
    copies = project / FOLDER
    copies.mkdir(exist_ok=True)
    written = []
    for source in sorted((project / "notebooks").glob("*.ipynb")):
        notebook = with_install_cell(json.loads(source.read_text(encoding="utf-8")), repository, branch)
        written.append(copies / source.name)
        write_atomically(written[-1], (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode())
    return written


def _plain(repository: str) -> str:
    return repository.rstrip("/").removesuffix(".git")


if __name__ == "__main__":
    print(f"{len(write_copies(project_folder()))} notebooks in {FOLDER}/; commit them")
