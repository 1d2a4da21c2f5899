"""The page of provenance, read from results/ and from the executed notebooks: figures, machines, versions, data, and CSV."""

import html
import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from uncertlr.plots.cell_output import OPEN_LIST, csv_of
from uncertlr.runs.archive import results_folder, stale_results
from uncertlr.runs.index import list_runs

RUN = re.compile(r'<code class="run">(.*?)</code>')
LINE = re.compile(r'<div class="figure-data" data-figure="([^"]+)">(.*?)href="data:', re.DOTALL)


@cache
def all_runs() -> pd.DataFrame:
    """The table of all runs; `uncertlr_book.generate` has it read anew by each build."""
    return list_runs()


def known_runs() -> set[str]:
    """Runs that have a row on the page of all results: the published ones, and those that the build trained itself."""
    table = all_runs()
    return set(table.loc[table["status"].isin(["published", "completed"]), "run_id"])


def link_runs(line: str, page: str, known: Collection[str]) -> str:
    """The line beside a figure, its runs' names leading to the page of all results."""

    def link(match: re.Match[str]) -> str:
        run_id = html.unescape(match[1])
        return f'<a href="{page}#{run_id}"><code class="run">{match[1]}</code></a>' if run_id in known else match[0]

    return RUN.sub(link, line)


@dataclass(frozen=True)
class DrawnFigure:
    """A figure of the book: the chapter that shows it, and the runs that it is drawn from."""

    name: str
    chapter: str
    runs: list[str]


def drawn_figures(executed: Path) -> list[DrawnFigure]:
    """All figures with their runs, in the order of the book."""
    found = []
    toc = executed.parents[1] / "_toc.yml"
    order = toc.read_text(encoding="utf-8") if toc.is_file() else ""
    for path in sorted(executed.glob("*.ipynb"), key=lambda path: (order.find(f"executed/{path.stem}\n"), path.stem)):
        for name, line in (match.groups() for text in _outputs(path) for match in LINE.finditer(text)):
            runs = [html.unescape(run) for run in RUN.findall(line)]
            found.append(DrawnFigure(html.unescape(name), path.stem, runs))
    return found


def figures_markdown(executed: Path) -> Iterator[str]:
    """A list: figure, its runs."""
    known = known_runs()
    for figure in drawn_figures(executed):
        links = ", ".join(_link(run, known) for run in figure.runs) or "computed or measured, from no stored run"
        if len(figure.runs) > OPEN_LIST:
            links = f"<details><summary>{len(figure.runs)} runs</summary>{links}</details>"
        yield f'- <a href="executed/{figure.chapter}.html#fig-{figure.name}">{figure.name}</a>: {links}'


def files_markdown(data: str) -> Iterator[str]:
    """A definition a published file: what, on which data, by which machine and versions, and its CSV.

    Args:
        data: folder of the CSV files, from the root of the sources.
    """
    for path in _published():
        rows = _rows(path)
        records, configs = ([json.loads(row[part]) for row in rows] for part in ("record", "config"))
        versions = _each(f"{name} {version}" for record in records for name, version in record["versions"].items())
        first, last = min(record["began"] for record in records), max(record["ended"] for record in records)
        yield from [
            f"`{path.stem}`",
            f": {len(rows)} run{'s' * (len(rows) > 1)} of {_each(config['dataset'] for config in configs)}; rules: "
            f"{_each(config['rule'] for config in configs)}; epochs: {_each(config['epochs'] for config in configs)}; "
            f"seeds: {_each(config['seed'] for config in configs)}.",
            f"  Examples (train + val + test): {_each(_examples(record) for record in records)}. "
            f"Data fingerprint {_each('`' + record['data'][:16] + '`' for record in records)}.",
            f"  {_each(_machine(record) for record in records)}. Python {_each(record['python'] for record in records)}, "
            f"{versions}.",
            f"  From {first[:10]} to {last[:10]}, "
            f"commits {_each('`' + record['git']['commit'][:7] + '`' for record in records)}.",
            f"  {{download}}`scores of each run (CSV) </{data}/{path.stem}-runs.csv>`, "
            f"{{download}}`curves of each run (CSV) </{data}/{path.stem}-curves.csv>`",
            "",
        ]


def studies_markdown() -> Iterator[str]:
    """A definition a published JSON file: what it was computed from, and where."""
    known = known_runs()
    for path in sorted(results_folder().glob("*.json")):
        content = json.loads(path.read_bytes())
        described = content if isinstance(content, dict) else {}
        runs = ", ".join(_link(run, known) for run in described.get("runs", []))
        made = described.get("environment", {})
        facts = [f"From {runs}" if runs else "", _machine(made) if "processor" in made else ""]
        facts.append(", ".join(f"{name} {version}" for name, version in made.get("versions", {}).items()))
        stated = "; ".join(fact for fact in facts if fact)
        yield from [f"`{path.stem}`", f": {stated + '. ' if stated else ''}{{download}}`JSON </results/{path.name}>`", ""]


def write_csv(folder: Path) -> None:
    """Scores and curves of each published file; a CSV whose content has not changed is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    table = all_runs()
    for path in _published():
        scores = table[table["source"] == path.stem].dropna(axis=1, how="all")
        write_if_changed(folder / f"{path.stem}-runs.csv", csv_of(scores))
        rows = [
            {"run_id": run_id, **json.loads(line)}
            for run_id, metrics in ((row["run_id"], row["metrics"]) for row in _rows(path, "metrics"))
            for line in metrics.splitlines()
        ]
        curves = pd.DataFrame(rows)
        curves = curves[[name for name in curves if not name.startswith("bin_")]]
        write_if_changed(folder / f"{path.stem}-curves.csv", csv_of(curves))


def write_if_changed(path: Path, content: str) -> None:
    """Write a text file; one that holds this content already is left alone."""
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")


def _published() -> list[Path]:
    return [path for path in sorted(results_folder().glob("*.parquet")) if path.name not in stale_results()]


def _rows(path: Path, *more: str) -> list[dict[str, Any]]:
    return pq.read_table(path, columns=["run_id", "record", "config", *more]).to_pylist()  # type: ignore[no-any-return]


def _outputs(notebook: Path) -> Iterator[str]:
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            yield "".join(output.get("data", {}).get("text/html", ""))


def _link(run: str, known: Collection[str]) -> str:
    """A run's name, leading to its row on the page of all results. HTML: the rows' anchors are not Sphinx's."""
    return f'<a href="all_results.html#{run}"><code>{run}</code></a>' if run in known else f"<code>{run}</code>"


def _examples(record: dict[str, Any]) -> str:
    return " + ".join(f"{record['examples'][part]:,}" for part in ("train", "val", "test"))


def _machine(record: dict[str, Any]) -> str:
    threads = f", {record['threads']} thread{'s' * (record['threads'] > 1)}" if "threads" in record else ""
    return f"{record['processor']}, {record['cores']} cores{threads}, {record['device']}"


def _each(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in dict.fromkeys(values))
