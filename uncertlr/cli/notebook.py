"""The command ``uncertlr notebook``: one notebook executed with other parameters, and an index of those of a sweep."""

import json
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from uncertlr.cli.app import NewFile, app
from uncertlr.errors import ConfigError, hint

if TYPE_CHECKING:
    from uncertlr.sweep import Job


@app.command
def _notebook(
    name: Annotated[str, Parameter(help="a notebook of notebooks/, such as quickstart, or the path of one")],
    /,
    *,
    single: Annotated[Sequence[str], Parameter("-p", n_tokens=2, help="the name of a parameter, and its value")] = (),
    yaml: Annotated[Sequence[str], Parameter("-y", help="parameters as YAML, lists too")] = (),
    output: Annotated[NewFile, Parameter(help="the executed notebook (NAME-executed.ipynb)")] = None,
) -> None:
    """Execute a notebook with other parameters."""
    source = find_notebook(name)
    output = output or Path(f"{source.stem}-executed.ipynb")
    if output.resolve() == source.resolve():
        raise ConfigError(f"--output {output} is the notebook itself; name another file")
    parameters = {key: _plain(key, value) for key, value in zip(single[::2], single[1::2], strict=True)} | _from_yaml(yaml)

    from uncertlr.sweep.notebook import checked_parameters, execute_notebook

    parameters = checked_parameters(source, parameters)
    print(f"executing {source}", file=sys.stderr, flush=True)
    execute_notebook(source, output, parameters, progress_bar=sys.stderr.isatty())
    print(output)


def find_notebook(name: str) -> Path:
    """A notebook by its path, or by its name in the project's folder ``notebooks``.

    Raises:
        ConfigError: there is none.
    """
    from uncertlr.runs.paths import project_folder

    folder = project_folder() / "notebooks"
    for path in (Path(name), folder / f"{name.removesuffix('.ipynb')}.ipynb"):
        if path.is_file():
            return path
    known = sorted(path.stem for path in folder.glob("*.ipynb"))
    raise ConfigError(f"no notebook {name!r}; {hint(name, known)}")


def _plain(name: str, text: str) -> Any:
    """A value as papermill reads it: a number, True, False, None, or text.

    Raises:
        ConfigError: a list, which it takes for text.
    """
    if text.startswith("["):
        raise ConfigError(f"-p takes no list, but {name} is given {text!r}; write -y '{name}: {text}'")
    if text in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _from_yaml(texts: Sequence[str]) -> dict[str, Any]:
    import yaml

    values: dict[str, Any] = {}
    for text in texts:
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"-y {text!r} is not YAML: {getattr(error, 'problem', error)}") from None
        if not isinstance(found, dict):
            raise ConfigError(f"-y {text!r} must name parameters, as in -y 'channels: [16, 32]'")
        values |= found
    return values


SCRIPT = """
for (const side of ["left", "right"]) {
  const chosen = document.getElementById(side), frame = document.getElementById(side + "-frame");
  chosen.onchange = () => { frame.hidden = !chosen.value; frame.src = chosen.value || "about:blank"; };
}
"""

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 1rem; } :root { color-scheme: light dark; }
td, th { text-align: left; padding: .1rem .8rem; } main { display: flex; gap: 1rem; }
main > div { flex: 1; min-width: 0; } iframe { width: 100%; height: 85vh; border: 1px solid #8888; }
"""


def write_index(jobs: Sequence["Job"], name: str) -> Path:
    """A page that opens the executed notebooks of a sweep, one, or two side by side.

    Args:
        jobs: the sweep's runs; those without an executed notebook are left out.
        name: of the sweep.

    Returns:
        The page, in the folder of the runs; each notebook lies beside its run, also as HTML.
    """
    from uncertlr.runs.files import write_atomically
    from uncertlr.runs.paths import paths_of
    from uncertlr.sweep.notebook import executed_notebook

    done = [job for job in jobs if executed_notebook(job.config).is_file()]
    shown = {f"{job.arm}, seed {job.config.seed}": _as_html(executed_notebook(job.config)) for job in done}
    root = paths_of(jobs[0].config).root
    links = {label: path.relative_to(root).as_posix() for label, path in shown.items()}
    page = root / f"{name}-notebooks.html"
    write_atomically(page, _index(name, links).encode())
    return page


def _as_html(notebook: Path) -> Path:
    """A notebook as a page beside it, converted unless that has been done since it was executed."""
    page = notebook.with_suffix(".html")
    if not page.is_file() or page.stat().st_mtime_ns < notebook.stat().st_mtime_ns:
        from nbconvert import HTMLExporter

        from uncertlr.runs.files import write_atomically

        content, _ = HTMLExporter().from_filename(str(notebook))  # type: ignore[no-untyped-call]
        write_atomically(page, content.encode())
    return page


def _index(name: str, links: dict[str, str]) -> str:
    rows = "".join(
        f'<tr><td>{escape(label)}</td><td><a href="{escape(link)}">page</a></td>'
        f'<td><a href="{escape(link.removesuffix("html"))}ipynb">notebook</a></td></tr>'
        for label, link in links.items()
    )
    options = "<option value=''>choose</option>" + "".join(
        f"<option value={json.dumps(escape(link))}>{escape(label)}</option>" for label, link in links.items()
    )
    sides = "".join(
        f'<div><select id="{side}" aria-label="{side} notebook">{options}</select>'
        f'<iframe id="{side}-frame" title="{side} notebook" hidden></iframe></div>'
        for side in ("left", "right")
    )
    head = f'<meta charset="utf-8"><title>{escape(name)}</title><style>{_STYLE}</style>'
    body = f"<h1>{escape(name)}</h1><table>{rows}</table><h2>Compare</h2><main>{sides}</main><script>{SCRIPT}</script>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'
