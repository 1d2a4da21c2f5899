"""Render the book: execute the notebooks with papermill, then build the site with execution off."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from uncertlr.book.claims import claimed_pages, claims_by_page, problems
from uncertlr.book.fingerprint import digest, files_of, installed
from uncertlr.errors import ClaimError, RunError, StaleResults
from uncertlr.runs.archive import results_folder
from uncertlr.runs.files import write_atomically
from uncertlr.runs.paths import project_folder
from uncertlr.sweep.notebook import execute_notebook

NOTEBOOKS = (
    *("feedback", "two_kinds", "calibration", "your_own_model", "learning_rates", "quickstart", "cifar10", "imdb"),
    *("controls", "entropy", "costs", "verdict", "code_changes", "reading_the_report"),
)
"""In the order in which they are executed: the slowest come first, so that both workers end at about the same time."""

SITE_SOURCES = (
    "book",
    "notebooks",
    "uncertlr",
    "benchmarks",
    "sweeps",
    "_config.yml",
    "_toc.yml",
    "pyproject.toml",
)
"""What the site is made from, beside the published results and the installed packages."""

FULL: dict[str, dict[str, Any]] = {"cifar10": {"profile": "full"}, "imdb": {"profile": "full"}}
"""Parameters of the profile ``full``; a notebook's own defaults are the published `standard` runs."""


def build_book(profile: str = "quick") -> Path:
    """Execute what has changed, build the site strictly, and say where it is; where nothing has changed, only that.

    Args:
        profile: ``quick`` and ``standard`` render the published runs and train what is missing of them; ``full`` asks for
            the runs on all data, which train for hours where they are not published.

    Returns:
        The site's first page.

    Raises:
        ClaimError: a claim is not on its page, or a number of the results is not claimed.
        RunError: a notebook failed, a false claim among the reasons, or the site could not be built without a warning.
    """
    project = project_folder()
    if not (project / "_config.yml").is_file():
        raise RunError(f"the book is built from a checkout of the project, and {project} is none")
    index, built_from = project / "book" / "_build" / "html" / "index.html", project / "book" / "_build" / "sources.sha256"
    sources = _sources(project, profile)
    if index.is_file() and built_from.is_file() and built_from.read_text(encoding="utf-8") == sources:
        return index
    built_from.unlink(missing_ok=True)
    check_claims(project)
    with ProcessPoolExecutor(max_workers=2, initializer=_one_thread) as pool:
        list(pool.map(execute, NOTEBOOKS, [profile] * len(NOTEBOOKS)))
    jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    options = ["--path-output", str(project / "book"), "-W", "-n", "--keep-going", "-q"]
    result = subprocess.run([*jupyter_book, "build", str(project), *options])
    if result.returncode:
        raise RunError("the site was not built: see the warnings above; each must be mended")
    write_atomically(built_from, sources.encode())
    return index


def _sources(project: Path, profile: str) -> str:
    """A digest of everything that the site is made from: the project's files and the installed packages."""
    made = {project / "book" / name for name in ("_build", "_generated", "executed")}
    files = files_of(*(project / name for name in SITE_SOURCES), results_folder())
    return digest((path for path in files if not made.intersection(path.parents)), profile, installed())


def check_claims(project: Path) -> None:
    """See that every claim is on its page and every number of the results is claimed; leave a list of all claims.

    Whether the claims hold is seen when the notebooks are executed.

    Raises:
        ClaimError: they are not; one line each with page and sentence.
    """
    notebooks = _sorted((project / "notebooks").glob("*.ipynb"))
    if found := problems(notebooks):
        raise ClaimError("\n".join(["the claims of the book need a correction:", *found]))
    listed = project / "book" / "_generated" / "claims.json"
    listed.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(listed, json.dumps(claims_by_page(notebooks), indent=1).encode())


def _one_thread() -> None:
    """Two notebooks on two cores leave none for a second thread: it would only wait, and burn what the other one needs."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def execute(name: str, profile: str) -> Path:
    """Execute one notebook into book/executed/, unless that has been done with the same sources.

    Raises:
        ConfigError: a parameter that the notebook does not have.
        RunError: a cell failed.
    """
    source = project_folder() / "notebooks" / f"{name}.ipynb"
    target = project_folder() / "book" / "executed" / f"{name}.ipynb"
    parameters = FULL.get(name, {}) if profile == "full" else {}
    key = _key(source, parameters)
    if target.is_file() and json.loads(target.read_text(encoding="utf-8"))["metadata"].get("uncertlr") == key:
        return target
    print(f"executing {source.name}", flush=True)
    try:
        execute_notebook(source, target, parameters, save_every_cell=False)
    except StaleResults as error:
        return _refuse(source, target, error)
    notebook = json.loads(target.read_text(encoding="utf-8"))
    notebook["metadata"]["uncertlr"] = key
    notebook["metadata"].pop("papermill", None)
    for cell in notebook["cells"]:
        cell["metadata"].pop("papermill", None)
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["metadata"]["tags"].append("hide-input")
    write_atomically(target, json.dumps(notebook, indent=1).encode())
    return target


def _refuse(source: Path, target: Path, error: StaleResults) -> Path:
    """A page without results, which says why; the strict build fails on what is stale, so it is in no finished book."""
    notebook = json.loads(source.read_text(encoding="utf-8"))
    said = {"cell_type": "markdown", "id": "refused", "metadata": {}, "source": f":::{{danger}}\n{error}\n:::"}
    notebook["cells"] = [notebook["cells"][0], said]
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, json.dumps(notebook, indent=1).encode())
    return target


def zip_site(index: Path) -> Path:
    """Pack a built site into one file beside it; unpacked anywhere, it opens from its own folder.

    Args:
        index: the site's first page, as `build_book` gives it.
    """
    site = index.parent
    name = "uncertlr-book"
    with tempfile.TemporaryDirectory(dir=site.parent) as scratch:
        shutil.copytree(site, Path(scratch) / name)
        packed = shutil.make_archive(str(Path(scratch) / "packed"), "zip", scratch, name)
        return Path(packed).replace(site.parent / f"{name}.zip")


def _key(source: Path, parameters: dict[str, Any]) -> str:
    made = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    code = [*Path(__file__).parents[1].rglob("*.py"), *(project_folder() / "benchmarks").rglob("*.py")]
    results, sweeps = results_folder().glob("*.*"), (project_folder() / "sweeps").glob("*.yaml")
    for path in [source, *claimed_pages(source), *_sorted(code), *_sorted(results), *_sorted(sweeps)]:
        made.update(path.name.encode() + path.read_bytes())
    return made.hexdigest()


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=str)
