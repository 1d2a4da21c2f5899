"""The command ``uncertlr lab``: working copies of the notebooks, opened in JupyterLab."""

import hashlib
import json
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from uncertlr.cli.app import Words, app
from uncertlr.errors import ConfigError, hint

COPIED = "uncertlr_copied"
"""In a copy's metadata: the digest of the source that it was copied from."""

FOLDERS = ("UNCERTLR_CACHE", "UNCERTLR_DATA", "UNCERTLR_RESULTS", "UNCERTLR_RUNS")
"""Environment variables that name folders; a kernel does not start where this command does."""


@app.command
def _lab(
    *options: Annotated[str, Parameter(help="after --, options of JupyterLab, such as --port 9000")],
    refresh: Annotated[Words, Parameter(help="copy these notebooks anew, or all; what you changed is kept")] = (),
    copy_only: Annotated[bool, Parameter(help="make the copies and start nothing")] = False,
) -> None:
    """Open working copies of the notebooks in JupyterLab."""
    from uncertlr.runs.paths import project_folder

    project = project_folder()
    for line in copy_notebooks(project / "notebooks", project / "lab", refresh):
        print(line, flush=True)
    if copy_only:
        print(project / "lab")
        return
    environment = os.environ | {name: os.path.abspath(value) for name in FOLDERS if (value := os.environ.get(name))}
    # as a module: the first line of a script in a folder with a long path is too long for some systems
    command = [sys.executable, "-m", "jupyterlab", *jupyter_options(project), *options]
    os.execve(sys.executable, command, environment)


def jupyter_options(project: Path) -> list[str]:
    """How JupyterLab is started: in the project, so that links to its pages work, with a copy open.

    Of what it logs, warnings and its address are shown.
    """
    page = [f"--ServerApp.root_dir={project}", "--LabApp.default_url=/lab/tree/lab/quickstart.ipynb", "--log-level=WARN"]
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # as in a container
    return [*page, *root, *([] if has_screen() else ["--no-browser"])]


def has_screen() -> bool:
    """Whether a browser can be opened here."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def copy_notebooks(sources: Path, copies: Path, refresh: Collection[str] = ()) -> Iterator[str]:
    """Copy notebooks that have no copy, and those whose copy is out of date and has no changes of the user.

    Args:
        sources: the folder of the notebooks.
        copies: the folder of the copies.
        refresh: names of notebooks that are copied anew in any case; ``all`` for all of them.

    Yields:
        A line about each copy that was renewed, or kept although its source has changed.

    Raises:
        ConfigError: a name in `refresh` is none of a notebook; there are no notebooks.
    """
    notebooks = {path.stem: path for path in sorted(sources.glob("*.ipynb"))}
    if not notebooks:
        raise ConfigError(f"no notebooks in {sources}; run this in a checkout of the project")
    chosen = _chosen(refresh, list(notebooks))
    copies.mkdir(exist_ok=True)
    for name, source in notebooks.items():
        copy = copies / source.name
        if not copy.exists():
            _copy(source, copy)
            continue
        copied, now, newest = *_digests(copy), _digests(source)[1]
        if name in chosen:
            if now not in (copied, newest):
                yield f"{copy.name} is copied anew; yours is {_put_aside(copy).name}"
            _copy(source, copy)
        elif now == copied != newest:
            _copy(source, copy)
            yield f"{copy.name} is copied anew, since its source has changed"
        elif newest not in (copied, now):
            yield f"{copy.name} has changes of yours and is kept, but its source has changed: make lab REFRESH={name}"


def _chosen(names: Collection[str], known: list[str]) -> set[str]:
    chosen = {name.removesuffix(".ipynb") for name in names}
    if "all" in chosen:
        return set(known)
    for name in sorted(chosen - set(known)):
        raise ConfigError(f"no notebook {name!r}; {hint(name, known)}")
    return chosen


def _digests(notebook: Path) -> tuple[str, str]:
    """Of the cells that a notebook was copied from, and of those that it has now.

    Outputs do not count: running a notebook is no change of it. What cannot be read counts as changed by the user.
    """
    try:
        content = json.loads(notebook.read_bytes())
        cells = [[cell["cell_type"], "".join(cell["source"])] for cell in content["cells"]]
        return content["metadata"].get(COPIED, ""), hashlib.sha256(json.dumps(cells).encode()).hexdigest()
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", "unreadable"


def _copy(source: Path, copy: Path) -> None:
    from uncertlr.runs.files import write_atomically

    content = json.loads(source.read_bytes())
    content["metadata"][COPIED] = _digests(source)[1]
    write_atomically(copy, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def _put_aside(copy: Path) -> Path:
    """Rename a copy that the user has changed, never onto another file."""
    numbers = ("", *(f"-{number}" for number in range(2, 10_000)))
    free = next(path for number in numbers if not (path := copy.with_name(f"{copy.stem}-own{number}{copy.suffix}")).exists())
    return copy.rename(free)
