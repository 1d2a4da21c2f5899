"""The commands ``uncertlr runs``, ``show`` and ``compare``: stored runs, one by one."""

import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

from cyclopts import Parameter

from uncertlr.cli.app import NewFile, Root, app
from uncertlr.cli.text import aligned, counted, folded, writing
from uncertlr.config import RunConfig, shown_name, stored_names
from uncertlr.errors import ConfigError, hint
from uncertlr.runs.schema import SCORES, Row

if TYPE_CHECKING:
    from uncertlr.runs.store import Run

_COLUMNS = ("run", "state", "accuracy", "began", "method", "seed", "differs")
WATCH_SECONDS = 2.0


RunId = Annotated[str, Parameter(help="name of a finished or published run")]


@app.command
def _runs(
    *,
    dataset: Annotated[str, Parameter(help="only the runs on this data set")] = "",
    rule: Annotated[str, Parameter(help="only the runs with this rule")] = "",
    method: Annotated[str, Parameter(help="only the runs of this method, such as constant, cosine or report")] = "",
    status: Annotated[str, Parameter(help="only runs of this state, such as published, completed or interrupted")] = "",
    published: Annotated[bool, Parameter(help="list the published runs too")] = False,
    watch: Annotated[bool, Parameter(help="show the runs that are being trained until none is left")] = False,
    csv: Annotated[NewFile, Parameter(help="write the table with all its columns and the published runs")] = None,
    root: Root = "",
) -> None:
    """List your own runs, and the published ones."""
    from uncertlr.analysis.methods import method_names
    from uncertlr.runs.index import STATUSES, as_table, dataset_name, run_rows, select_runs

    rules = [shown_name(rule) for rule in get_args(RunConfig.model_fields["rule"].annotation)]
    _refuse_unknown("status", status, STATUSES)
    _refuse_unknown("rule", shown_name(rule), rules)
    folder = Path(root) if root else None
    if watch and (dataset or rule or method or status or published or csv):
        raise ConfigError("--watch shows every run that is being trained; give it no other option but --root")
    if watch:
        try:
            _watch(folder)
        except KeyboardInterrupt as interrupt:
            if type(interrupt) is not KeyboardInterrupt:  # SIGTERM
                raise
        return  # Ctrl-C is the usual way to stop watching; nothing is interrupted by it
    rows = run_rows(folder, names_only=not (dataset or rule or method or status or published or csv))
    rows = [row | {"method": name} for row, name in zip(rows, method_names(rows), strict=True)]
    _refuse_unknown("dataset", Path(dataset).name, sorted({dataset_name(row) for row in rows}))
    _refuse_unknown("method", method, sorted({row["method"] for row in rows}))
    rows = select_runs(rows, dataset=dataset, rule=stored_names({"rule": rule})["rule"], status=status)
    rows = newest_first(row for row in rows if not method or row["method"] == method)
    if csv:
        table = as_table(rows)
        table.insert(2, "method", [row["method"] for row in rows])
        with writing("--csv", csv):
            table.to_csv(csv, index=False)
        print(f"{counted(len(rows), 'run')}: {csv}")
        return
    own = [row for row in rows if row["status"] != "published"]
    everything, theirs = published or status == "published", len(rows) - len(own)
    listed = rows if everything else own
    print(runs_text(listed) if listed else "no runs of your own" if theirs else "no runs")
    if theirs and not everything:
        print(f"{counted(theirs, 'published run')}: --published lists them too")


def _refuse_unknown(what: str, value: str, known: Iterable[str]) -> None:
    known = list(filter(None, known))
    if value and known and value not in known:
        all_of_them = f"choose from: {'; '.join(known)}"
        raise ConfigError(f"unknown {what} {value!r}; {hint(value, known, all_of_them)}")


def newest_first(rows: Iterable[Row]) -> list[Row]:
    """Runs, one's own before published ones, of either those that began last first."""
    by_name = sorted(rows, key=lambda row: row["run_id"])
    by_time = sorted(by_name, key=lambda row: row.get("began") or "", reverse=True)
    return sorted(by_time, key=lambda row: row["status"] == "published")


def runs_text(rows: Iterable[Row]) -> str:
    """Runs as lines: id, state, score, beginning (UTC), method and seed, settings that differ; folded to the terminal."""
    return "\n".join(line for cells in aligned([_COLUMNS, *map(_cells, rows)]) for line in folded(cells))


def _cells(row: Row) -> tuple[str, ...]:
    began = (row.get("began") or "")[:16].replace("T", " ")
    seed, differs = str(row.get("seed", "")), row.get("differs", "")
    return row["run_id"], row["status"], _score(row), began, row["method"], seed, differs


def _score(row: Row) -> str:
    for split, note in (("test", ""), ("val", " val")):
        if (value := row.get(f"{split}_accuracy")) is not None:
            return f"{value:.4f}{note}"
    return ""


def _watch(root: Path | None) -> None:
    """The runs that are being trained, again and again in a terminal until Ctrl-C, once elsewhere."""
    from uncertlr.runs.index import run_rows
    from uncertlr.runs.paths import RunPaths, default_root
    from uncertlr.runs.progress import progress_line, read_progress

    drawn = 0
    while True:
        running = [row["run_id"] for row in run_rows(root, names_only=True) if row["status"] == "running"]
        found = read_progress(RunPaths(root or default_root(), run_id) for run_id in running)
        rows = [[each, progress_line(found[each]) if each in found else "starting"] for each in running]
        lines = [line for row in rows or [["no run is being trained"]] for line in folded(row)]
        if not sys.stdout.isatty():
            print(*lines, sep="\n")
            return
        print(f"\x1b[{drawn}A\x1b[J" if drawn else "", *(f"{line}\n" for line in lines), sep="", end="", flush=True)
        drawn = len(lines)
        if not running:
            return
        time.sleep(WATCH_SECONDS)


@app.command
def _show(
    run_id: RunId,
    /,
    *,
    figure: Annotated[NewFile, Parameter(help="where the curves go (curves.svg in the run's folder)")] = None,
    root: Root = "",
) -> None:
    """Show one run: settings, scores, curves, files."""
    from uncertlr.analysis.methods import method_name
    from uncertlr.plots.run_curves import save_curves
    from uncertlr.runs.naming import differing, listed
    from uncertlr.runs.saturation import NOTES, saturated_bound

    run = load_named(run_id, root)
    record = run.record
    print(f"{run.config.run_id}  {method_name(run.config)}, seed {run.config.seed}, on {run.config.dataset}")
    where = f"published in {record['published']}" if record.get("published") else "your own"
    print(f"began {record.get('began', '?')}, {where}; {run.summary['seconds']:.1f} s of training on", end=" ")
    print(record.get("processor", "an unknown processor"))
    print(f"differs from the usual run: {listed(differing(run.config)) or 'in nothing'}")
    if bound := saturated_bound(run.summary["rate"]):
        print(f"note: {NOTES[bound]}")
    print("\nsettings")
    for name, value in run.config.identity.items():
        print(f"  {shown_name(name):16} {value}")
    print(f"\n{'scores':20}" + "".join(f"{split:>12}" for split in _splits(run)))
    for score in SCORES:
        print(f"  {score:18}" + "".join(f"{run.summary[split][score]:>12.4f}" for split in _splits(run)))
    drawn = save_curves([run], figure or run.paths.directory / "curves.svg")
    print(f"\ncurves\n  {drawn}\n\nfiles in {run.paths.directory}")
    for name, sizes in _sizes(run.paths.directory).items():
        many = f"  in {len(sizes)} files" if len(sizes) > 1 else ""
        print(f"  {name:28} {sum(sizes):>12,} bytes{many}")


def _sizes(folder: Path) -> dict[str, list[int]]:
    """Bytes of each file of a folder; files that differ in a number only, one for each epoch, share a name with a star."""
    sizes: dict[str, list[int]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = re.sub(r"-\d+(?=\.)", "-*", str(path.relative_to(folder)))
            sizes.setdefault(name, []).append(path.stat().st_size)
    return sizes


def _splits(run: "Run") -> list[str]:
    return [split for split in ("val", "test", "test_best") if run.summary[split]]


@app.command
def _compare(one: RunId, other: RunId, /, *, root: Root = "") -> None:
    """Show what two runs differ in, and both results."""
    runs = [load_named(run_id, root) for run_id in (one, other)]
    names = [run.config.run_id for run in runs]
    if names[0] == names[1]:
        raise ConfigError(f"{names[0]} is given twice; name two runs")
    fields = [name for name in runs[0].config.identity | runs[1].config.identity if name != "dataset"]
    values = {name: [getattr(run.config, name) for run in runs] for name in ("dataset", *fields)}
    rows = [(shown_name(name), *map(str, pair)) for name, pair in values.items() if pair[0] != pair[1]]
    rows = [("settings that differ", "one", "other"), *(rows or [("none", "", "")]), ("", "", "")]
    split = "test" if all(run.summary["test"] for run in runs) else "val"
    rows.append((f"results on {'the test set' if split == 'test' else 'validation'}", "", ""))
    for score in SCORES:
        rows.append((score, *(f"{run.summary[split][score]:.4f}" for run in runs)))
    rows.append(("last learning rate", *(f"{run.summary['rate']['final']:.2e}" for run in runs)))
    rows.append(("seconds of training", *(f"{run.summary['seconds']:.1f}" for run in runs)))
    if runs[0].record["data"] != runs[1].record["data"]:
        rows.append(("note: trained on different data", "", ""))
    print(f"one    {names[0]}\nother  {names[1]}\n")
    for row in aligned(rows):
        print("  ".join(row).rstrip())


def load_named(run_id: str, root: str) -> "Run":
    """A finished run; an unknown name is answered with the nearest one.

    Raises:
        ConfigError: there is no such run.
    """
    from uncertlr.runs.archive import published_ids, restore_published
    from uncertlr.runs.paths import RunPaths, default_root
    from uncertlr.runs.store import read_run

    paths = RunPaths(Path(root) if root else default_root(), run_id)
    if not (paths.complete or restore_published(paths)) and not paths.config.is_file():
        known = [*published_ids(), *(folder.parent.name for folder in paths.root.glob("*/config.json"))]
        mend = hint(run_id, known, "uncertlr runs --published lists all")
        raise ConfigError(f"no run {run_id!r} in {paths.root} or among the published ones; {mend}")
    return read_run(paths)
