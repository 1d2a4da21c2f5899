"""The commands ``uncertlr runs``, ``show`` and ``compare``: stored runs, one by one."""

import argparse
import difflib
import math
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from uncertlr.cli.text import counted, folded, refuse_unwritable, terminal_width
from uncertlr.config import RunConfig, describe_field, shown_name, stored_names
from uncertlr.errors import ConfigError
from uncertlr.runs.schema import SCORES

if TYPE_CHECKING:
    import pandas as pd

    from uncertlr.runs.store import Run

_COLUMNS = ("run", "state", "accuracy", "began", "method", "seed", "differs")
WATCH_SECONDS = 2.0


def add_run_commands(commands: Any) -> None:
    """Add the three commands to a parser's subparsers."""
    runs = commands.add_parser("runs", help="list your own runs, and the published ones", allow_abbrev=False)
    runs.add_argument("--dataset", default="", help="only the runs on this data set")
    runs.add_argument("--rule", default="", help="only the runs with this rule")
    runs.add_argument("--method", default="", help="only the runs of this method, such as constant, cosine or report")
    runs.add_argument("--status", default="", help="only runs of this state, such as published, completed or interrupted")
    runs.add_argument("--published", action="store_true", help="list the published runs too")
    runs.add_argument("--watch", action="store_true", help="show the runs that are being trained until none is left")
    runs.add_argument("--csv", type=Path, metavar="FILE", help="write the table with all its columns and the published runs")
    runs.add_argument("--root", default="", help=describe_field("root"))
    runs.set_defaults(command=_runs, parser=runs)

    show = commands.add_parser("show", help="one run: settings, scores, curves, files", allow_abbrev=False)
    show.add_argument("run_id", help="name of a finished or published run")
    show.add_argument("--figure", type=Path, metavar="FILE", help="where the curves go (curves.svg in the run's folder)")
    show.add_argument("--root", default="", help=describe_field("root"))
    show.set_defaults(command=_show, parser=show)

    compare = commands.add_parser("compare", help="what two runs differ in, and both results", allow_abbrev=False)
    compare.add_argument("one", metavar="RUN", help="name of a finished or published run")
    compare.add_argument("other", metavar="RUN", help="another one")
    compare.add_argument("--root", default="", help=describe_field("root"))
    compare.set_defaults(command=_compare, parser=compare)


def _runs(options: argparse.Namespace) -> None:
    from uncertlr.analysis.methods import method_column
    from uncertlr.runs.index import STATUSES, list_runs, select_runs

    rules = [shown_name(rule) for rule in get_args(RunConfig.model_fields["rule"].annotation)]
    _refuse_unknown("status", options.status, STATUSES)
    _refuse_unknown("rule", shown_name(options.rule), rules)
    if options.csv:
        refuse_unwritable("--csv", options.csv)
    root = Path(options.root) if options.root else None
    if options.watch:
        _watch(root)
        return
    table = list_runs(root)
    table.insert(2, "method", method_column(table))
    for column in ("dataset", "method"):
        known = [str(each).rstrip("/").rpartition("/")[2] for each in table[column].dropna()]
        wanted = getattr(options, column).rstrip("/").rpartition("/")[2]
        _refuse_unknown(column, wanted, sorted(set(known))) if known else None
    rule = stored_names({"rule": options.rule})["rule"]
    table = select_runs(table, dataset=options.dataset, rule=rule, status=options.status)
    if options.method:
        table = table[table["method"] == options.method]
    table = newest_first(table)
    if options.csv:
        try:
            table.to_csv(options.csv, index=False)
        except OSError as error:
            raise ConfigError(f"--csv {options.csv}: {error.strerror or error}") from None
        print(f"{counted(len(table), 'run')}: {options.csv}")
        return
    own, published = table[table["status"] != "published"], table[table["status"] == "published"]
    everything = options.published or options.status == "published"
    shown = table if everything else own
    print(runs_text(shown) if len(shown) else "no runs" if everything or published.empty else "no runs of your own")
    if len(published) and not everything:
        print(f"{counted(len(published), 'published run')}: --published lists them too")


def _refuse_unknown(what: str, value: str, known: Iterable[str]) -> None:
    known = list(known)
    if value and value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from: {'; '.join(known)}"
        raise ConfigError(f"unknown {what} {value!r}; {hint}")


def newest_first(table: "pd.DataFrame") -> "pd.DataFrame":
    """The runs of `list_runs`: one's own before published ones, of either those that began last first."""
    order = table.assign(theirs=table["status"] == "published", time=table["began"].fillna(""))
    order = order.sort_values(["theirs", "time", "run_id"], ascending=[True, False, True], kind="stable")
    return order.drop(columns=["theirs", "time"]).reset_index(drop=True)


def runs_text(table: "pd.DataFrame") -> str:
    """Runs as lines: id, state, score, beginning (UTC), method and seed, settings that differ; folded to the terminal."""
    rows = [_COLUMNS, *(_cells(row) for row in table.to_dict("records"))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    lines: list[str] = []
    for *cells, differs in rows:
        lines += folded([*(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)), differs])
    return "\n".join(lines)


def _is_empty(value: object) -> bool:
    """Whether a cell of a frame is empty."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    method, seed, differs, began = (
        "" if _is_empty(row[name]) else str(row[name]) for name in ("method", "seed", "differs", "began")
    )
    began = began[:16].replace("T", " ")
    return row["run_id"], row["status"], _score(row), began, method, seed.removesuffix(".0"), differs


def _score(row: dict[str, Any]) -> str:
    for split in ("test", "val"):
        value = row[f"{split}_accuracy"]
        if not _is_empty(value):
            return f"{value:.4f}" + (" val" if split == "val" else "")
    return ""


def _watch(root: Path | None) -> None:
    """The runs that are being trained, again and again in a terminal, once elsewhere."""
    from uncertlr.runs.index import list_runs
    from uncertlr.runs.paths import RunPaths, default_root
    from uncertlr.runs.progress import progress_line, read_progress

    drawn = 0
    while True:
        running = list_runs(root, status="running")["run_id"].tolist()
        found = read_progress(RunPaths(root or default_root(), run_id) for run_id in running)
        lines = [f"{each}  {progress_line(found[each]) if each in found else 'starting'}" for each in running]
        lines = lines or ["no run is being trained"]
        if not sys.stdout.isatty():
            print(*lines, sep="\n")
            return
        width = terminal_width()
        print(f"\x1b[{drawn}A\x1b[J" if drawn else "", *(f"{line[:width]}\n" for line in lines), sep="", end="", flush=True)
        drawn = len(lines)
        if not running:
            return
        time.sleep(WATCH_SECONDS)


def _show(options: argparse.Namespace) -> None:
    from uncertlr.analysis.methods import method_name
    from uncertlr.plots.run_curves import save_curves
    from uncertlr.runs.naming import differing, listed
    from uncertlr.runs.saturation import NOTES, saturated_bound

    if options.figure:
        refuse_unwritable("--figure", options.figure)
    run = load_named(options.run_id, options.root)
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
    print("\nscores" + "".join(f"{split:>14}" for split in _splits(run)))
    for score in SCORES:
        print(f"  {score:12}" + "".join(f"{run.summary[split][score]:>14.4f}" for split in _splits(run)))
    figure = save_curves([run], options.figure or run.paths.directory / "curves.svg")
    print(f"\ncurves\n  {figure}\n\nfiles in {run.paths.directory}")
    for path in sorted(run.paths.directory.rglob("*")):
        if path.is_file():
            print(f"  {path.relative_to(run.paths.directory)!s:28} {path.stat().st_size:>12,} bytes")


def _splits(run: "Run") -> list[str]:
    return [split for split in ("val", "test", "test_best") if run.summary[split]]


def _compare(options: argparse.Namespace) -> None:
    runs = [load_named(run_id, options.root) for run_id in (options.one, options.other)]
    names = [run.config.run_id for run in runs]
    if names[0] == names[1]:
        raise ConfigError(f"{names[0]} is given twice; name two runs")
    fields = [name for name in runs[0].config.identity | runs[1].config.identity if name != "dataset"]
    values = {name: [getattr(run.config, name) for run in runs] for name in ("dataset", *fields)}
    rows = [(shown_name(name), *map(str, pair)) for name, pair in values.items() if pair[0] != pair[1]]
    rows = [("settings that differ", *names), *(rows or [("none", "", "")]), ("", "", "")]
    split = "test" if all(run.summary["test"] for run in runs) else "val"
    rows.append((f"results on {'the test set' if split == 'test' else 'validation'}", "", ""))
    for score in SCORES:
        rows.append((score, *(f"{run.summary[split][score]:.4f}" for run in runs)))
    rows.append(("last learning rate", *(f"{run.summary['rate']['final']:.2e}" for run in runs)))
    rows.append(("seconds of training", *(f"{run.summary['seconds']:.1f}" for run in runs)))
    if runs[0].record["data"] != runs[1].record["data"]:
        rows.append(("note: trained on different data", "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


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
        near = difflib.get_close_matches(run_id, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "uncertlr runs --published lists all"
        raise ConfigError(f"no run {run_id!r} in {paths.root} or among the published ones; {hint}")
    return read_run(paths)
