"""The page of benchmarks: tables and curves of what ``make bench`` has stored."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter
from result_tables import ResultTable, raw_html

from uncertlr.plots import COLOURS
from uncertlr.plots.curves import label_ends
from uncertlr.runs.archive import load_study
from uncertlr.runs.index import list_runs
from uncertlr.runs.paths import project_folder

sys.path.append(str(project_folder()))  # benchmarks/ belongs to the project and is not installed
from benchmarks import tables  # noqa: E402

CURVES = {
    "growth-samples": ("growth", "samples", "samples T", "With ten classes, only full passes\ncost more than a step"),
    "growth-batch": ("growth", "batch", "examples in a batch", "Masks grow more slowly than the step"),
    "growth-classes": ("scaling", "classes", "classes", "At 3,000 classes, masks cost\nas much as a step"),
    "growth-stored-runs": ("scaling", "stored runs", "stored runs", "Ten times the runs, ten times as long"),
    "growth-sweep": ("scaling", "runs of a sweep", "runs in a sweep", "Starting two workers takes five seconds"),
}
"""Drawing to the group that was measured, its curve, the label of the horizontal axis, and what is seen."""

LINES = {
    "full passes": ("full passes", ":"),
    "masks for each example": ("masks", "-"),
    "closed form": ("closed form", "-."),
    "training step": ("training step", "--"),
    "table of all runs": ("table", "-"),
    "sweep": ("two workers", "-"),
    "a run alone, times the number of runs": ("one after another", "--"),
    "nothing left to do": ("nothing left to do", ":"),
}
"""Line as it is stored to its label and style."""

COMPARED_WITH = ("training step", "one after another", "nothing left to do")
COMPUTED = "one after another"
SAMPLES = 32
"""Of every other measurement."""


def draw_growth(ax: Axes, advance: str, name: str) -> None:
    """One curve of how a time grows, on logarithmic axes; a shade between the quartiles where they are stored.

    Args:
        ax: where to draw.
        advance: colour of what is compared with.
        name: a key of `CURVES`.
    """
    group, measured, label, title = CURVES[name]
    curve = load_study("costs")["groups"][group]["curves"][measured]
    unit = "milliseconds" if "milliseconds" in curve else "seconds"
    for line, values in curve[unit].items():
        text, style = LINES[line]
        colour = advance if text in COMPARED_WITH else COLOURS[0]
        points = [(x, y) for x, y in zip(curve["x"], values, strict=True) if y is not None]
        marker = "" if text == COMPUTED else "o"
        ax.plot(*zip(*points, strict=True), style, marker=marker, markersize=3, color=colour, label=text)
        if quartiles := [ends for ends in curve.get("spread", {}).get(line, ()) if ends is not None]:
            x = [place for place, _ in points]
            ax.fill_between(x, *zip(*quartiles, strict=True), color=colour, alpha=0.2, linewidth=0)
    if measured == "samples":
        ax.axvline(SAMPLES, color=advance, linewidth=0.8, zorder=0)
    ax.set(xscale="log", yscale="log", xlabel=label, ylabel=unit, title=title)
    ax.margins(y=0.12)  # no name as high as the title
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    label_ends(ax)


NAMES = (
    (
        r"training step with an observation and the rule over the fixed-rate step: (\w+), Monte Carlo dropout, T = 32",
        r"\1: step with 32 masks and a rule / step at a fixed rate",
    ),
    (
        r"training step with an observation and the rule over the fixed-rate step: (\w+), closed form",
        r"\1: step with the closed form and a rule / step at a fixed rate",
    ),
    (r"epoch of fit over the bare loop on staged tensors: (\w+)", r"\1: our trainer / a bare loop over the same tensors"),
    (r"(\S+) over our observation in the training step: (\w+)", r"\2: estimate by \1 / ours within the training step"),
    (r"(\S+) over our observation on a fresh batch: (\w+)", r"\2: estimate by \1 / ours on a new batch"),
    (r"(.+) over ours, per epoch on (\S+)", r"\2: epoch, \1 / ours"),
    (
        r"bootstrap of the calibration error, a loop over (\w+) over ours",
        r"bootstrap of the calibration error: a loop over \1 / ours",
    ),
    (
        r"bootstrap of the calibration error, a loop over (\w+) over our counts alone",
        r"bootstrap of the calibration error: a loop over \1 / our counts alone",
    ),
    (r"counts of examples drawn one by one over our counts", "bootstrap: examples drawn one by one / counts drawn"),
    (
        r"evaluation of 10,000 pictures with T = 100 over a deterministic one",
        "evaluation of 10,000 images: with 100 masks / with none",
    ),
    (r"(CNN|LSTM): mc_dropout", r"\1: step with 32 masks and a rule"),
    (r"(CNN|LSTM): analytic_dropout", r"\1: step with the closed form and a rule"),
    (r"(CNN|LSTM): fixed rate", r"\1: step at a fixed rate"),
    (r"(CNN|LSTM): observation alone, mc_dropout", r"\1: estimate alone, 32 masks"),
    (r"(CNN|LSTM): observation alone, analytic_dropout", r"\1: estimate alone, closed form"),
    (r"(CNN|LSTM): its softmax alone", r"\1: the softmax of that estimate alone"),
    (
        r"(CNN|LSTM): a softmax along the other axis, unlike in the last bit",
        r"\1: that softmax, other memory layout",
    ),
    (r"(CNN|LSTM): fit, (\d+ steps)", r"\1: our trainer, \2"),
    (r"(CNN|LSTM): bare loop, (\d+ steps)", r"\1: a bare loop over the same tensors, \2"),
    (r"(CNN|LSTM): observation in the training step", r"\1: estimate within the training step"),
    (r"(CNN|LSTM): observation on a fresh batch", r"\1: estimate on a new batch"),
    (r"(CNN|LSTM): one pass through the trunk", r"\1: one pass up to the dropout layer"),
    (r"(CNN|LSTM): fixed rate, denormal numbers kept", r"\1: step at a fixed rate, denormal numbers kept"),
    (r"T = 100", "evaluation of 10,000 images, 100 masks"),
    (r"deterministic", "evaluation of 10,000 images, no masks"),
)
"""Patterns of stored names of rows, whole or up to a note, and how the page says them."""

EPOCHS = {"CIFAR-10": ("CNN", "CIFAR-10, a whole epoch"), "IMDB": ("LSTM", "IMDB, a whole epoch")}
"""Data set to its network and the stored name of its epochs."""
PEERS = {
    "ours": "this library",
    "plain loop": "plain loop with a `DataLoader`",
    "Lightning": "Lightning",
    "Hugging Face Trainer": "Hugging Face Trainer",
}
"""Who trains an epoch: the stored name, and the page's."""


def plain_name(stored: str) -> str:
    """The page's name of a row.

    >>> plain_name("CNN: fit, 100 steps"), plain_name("uncertlr --help")
    ('CNN: our trainer, 100 steps', 'uncertlr --help')
    """
    for pattern, name in NAMES:
        if found := re.fullmatch(pattern, stored):
            return found.expand(name)
    return stored


def numbers(results: Path) -> dict[str, str]:
    """The measured numbers that the page's text uses, by their names there.

    Args:
        results: folder of the results.
    """
    costs, gpu = (json.loads((results / name).read_text(encoding="utf-8")) for name in (tables.FILE, "gpu.json"))
    rows = {plain_name(row["name"]): row for row in costs["groups"]["step"]["rows"]}
    steps = {name: rows[f"{name}: step with 32 masks and a rule / step at a fixed rate"] for name in ("CNN", "LSTM")}
    return {
        **{f"{name.lower()}_step": _added(row["processor"]["value"]) for name, row in steps.items()},
        **{f"gpu_{kind}_step": _added(_gpu_ratio(gpu, kind)) for kind in ("plain", "recorded")},
        "gpu": gpu["environment"]["processor"],
        "gpu_torch": gpu["environment"]["versions"]["torch"],
        "gpu_day": gpu["measured"][:10],
        "gpu_commit": gpu["environment"]["git"]["commit"][:7],
    }


def _gpu_ratio(gpu: dict[str, Any], kind: str) -> float:
    """A step with the report's rule over one at a fixed rate, both plain or both recorded."""
    rule, fixed = (gpu["steps"][f"{arm}, {kind}"]["ms"] for arm in ("report's rule", "fixed rate"))
    return float(rule / fixed)


def _added(ratio: float) -> str:
    """What a step with a rule takes more than one without.

    >>> _added(1.0341)
    '3.4 %'
    """
    return f"{100 * (ratio - 1):.1f} %"


def epochs_markdown() -> Iterator[str]:
    """Seconds of an epoch of all training examples by who trains it; a bare loop's from its ratio in a part of an epoch."""
    times = load_study("costs_whole_epochs")["groups"]["trainers"]["times"]
    yield f"| an epoch of all training data | {' | '.join(f'{name}, seconds' for name in EPOCHS)} |"
    yield f"|---|{'---|' * len(EPOCHS)}"
    ours = {network: times[f"{prefix}: ours"]["processor"]["seconds"] for network, prefix in EPOCHS.values()}
    overhead = {row["name"].rpartition(": ")[2]: row["processor"]["value"] for row in _costs()["groups"]["epoch"]["rows"]}
    bare = [ours[network] / overhead[network] for network in ours]
    yield f"| bare loop over tensors in memory, calculated | {' | '.join(f'{value:.0f}' for value in bare)} |"
    for stored, name in PEERS.items():
        seconds = [times[f"{prefix}: {stored}"]["processor"]["seconds"] for _, prefix in EPOCHS.values()]
        yield f"| {name} | {' | '.join(f'{value:.0f}' for value in seconds)} |"


def gpu_markdown() -> Iterator[str]:
    """Steps and whole runs on a GPU."""
    gpu = load_study("gpu")
    yield from _markdown("a step of the CNN", tables.gpu_steps_table(gpu))
    yield ""
    shared = tables.shared_gpu(list_runs(status="published"), gpu["environment"]["processor"])
    yield from _markdown("runs", tables.gpu_targets_table(gpu, shared))


def _markdown(corner: str, table: pd.DataFrame) -> Iterator[str]:
    yield f"| {corner} | {' | '.join(map(str, table))} |"
    yield f"|---|{'---|' * table.shape[1]}"
    for name, row in table.iterrows():
        yield f"| {name} | {' | '.join(map(str, row))} |"


def targets_markdown() -> Iterator[str]:
    """Every measured value with its target."""
    table = tables.costs_table(_costs())
    names = table["what"].str.extract(r"^(?P<what>.*?)(?: \((?P<details>.*)\))?$").fillna("")
    table = table.assign(what=names["what"].map(plain_name), details=names["details"])
    table = table.sort_values("met", key=lambda met: met != "no", kind="stable")  # the missed ones first
    order = ["what", "measured", "target", "met", "quartiles", "rounds", "wall clock", "details"]
    yield from _table("benchmark-targets", "Targets", table[order])


def times_markdown() -> Iterator[str]:
    """Every measured time with its hardware limit."""
    table = tables.times_table(_costs(), *tables.GROUPS).rename(index=plain_name).rename_axis("what").reset_index()
    order = ["what", "ms", "quartiles", "hardware limit, ms", "wall, ms", "operations", "bytes"]
    yield from _table("benchmark-times", "Times", table[order])


def circumstances_markdown() -> Iterator[str]:
    """When and on what each group was measured."""
    table = tables.circumstances(_costs()).drop(columns="share of rounds").rename_axis("group").reset_index()
    yield from _table("benchmark-circumstances", "Circumstances", table)


def _costs() -> dict[str, Any]:
    return load_study("costs")


def _table(name: str, label: str, rows: pd.DataFrame) -> Iterator[str]:
    yield from raw_html(ResultTable(name, label, rows).markup())
