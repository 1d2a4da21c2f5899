"""The pages of benchmarks and targets: tables and curves of what ``make bench`` has stored."""

import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator
from provenance_page import write_if_changed
from result_tables import ResultTable, raw_html

from uncertlr.plots import COLOURS
from uncertlr.plots.cell_output import csv_of
from uncertlr.plots.curves import label_ends
from uncertlr.runs.archive import load_study
from uncertlr.runs.index import list_runs
from uncertlr.runs.paths import project_folder

sys.path.append(str(project_folder()))  # benchmarks/ belongs to the project and is not installed
from benchmarks import tables  # noqa: E402

CURVES = {
    "growth-samples": ("growth", "samples", "samples T", "With ten classes, only full passes\ncost more than a step"),
    "growth-batch": ("growth", "batch", "examples in a batch", "Masks grow more slowly than the step"),
    "growth-classes": ("scaling", "classes", "classes", "At about 3,000 classes,\nmasks cost as much as a step"),
    "growth-stored-runs": ("scaling", "stored runs", "stored runs", "Ten times the runs, ten times as long"),
    "growth-sweep": (
        "scaling",
        "runs of a sweep",
        "runs in a sweep",
        "Two workers take about\nfive seconds to start",
    ),
}
"""Drawing to the group that was measured, its curve, the label of the horizontal axis, and what is seen."""

LINES = {
    "full passes": ("full passes", ":"),
    "masks for each example": ("masks", "-"),
    "closed form": ("closed form", "-."),
    "training step": ("step", "--"),
    "table of all runs": ("table", "-"),
    "sweep": ("two workers", "-"),
    "a run alone, times the number of runs": ("one after another", "--"),
    "nothing left to do": ("nothing left to do", ":"),
}
"""Line as it is stored to its label and style."""

COMPARED_WITH = ("step", "one after another", "nothing left to do")
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
        ends_early = points[-1][0] < curve["x"][-1]
        if ends_early:  # named where it ends: a lead to the margin would look like more of the curve
            ax.annotate(text, points[-1], (6, 0), textcoords="offset points", color=colour, va="center")
        shown = f"_{text}" if ends_early or len(curve[unit]) == 1 else text
        marker = "" if text == COMPUTED else "o"
        ax.plot(*zip(*points, strict=True), style, marker=marker, markersize=3, color=colour, label=shown)
        if quartiles := [ends for ends in curve.get("spread", {}).get(line, ()) if ends is not None]:
            x = [place for place, _ in points]
            ax.fill_between(x, *zip(*quartiles, strict=True), color=colour, alpha=0.2, linewidth=0)
    if measured == "samples":
        ax.axvline(SAMPLES, color=advance, linewidth=1.2, zorder=1)
    ax.set(xscale="log", yscale="log", xlabel=label, ylabel=unit, title=title)
    ax.margins(y=0.12)  # no name as high as the title
    ax.set_xticks(curve["x"], tick_labels(curve["x"]), fontsize=9)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    label_ends(ax)


DIGIT = 0.027
"""Width of a digit below the axis, as a share of the axis."""


def tick_labels(values: Sequence[float]) -> list[str]:
    """What stands at ticks of a logarithmic axis: every value that does not touch the one before it.

    >>> tick_labels([10, 100, 10_000, 20_000])
    ['10', '100', '10,000', '']
    """
    decades = math.log10(values[-1] / values[0])
    labels, free = [], -1.0
    for value in values:
        text, place = f"{value:,g}", math.log10(value / values[0]) / decades
        half = DIGIT * (len(text) - text.count(",") / 2) / 2  # a comma takes half a digit
        labels.append(text if place - half >= free else "")
        free = place + half + DIGIT / 3 if labels[-1] else free
    return labels


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
    """The circumstances that the page's text uses, by their names there.

    Args:
        results: folder of the results.
    """
    gpu = json.loads((results / "gpu.json").read_text(encoding="utf-8"))
    return {
        "gpu": gpu["environment"]["processor"],
        "gpu_torch": gpu["environment"]["versions"]["torch"],
        "gpu_day": gpu["measured"][:10],
        "gpu_commit": gpu["environment"]["git"]["commit"][:7],
    }


def steps_markdown() -> Iterator[str]:
    """What an estimate and the rule add to a training step; the middle half of the rounds where they were paired."""
    gpu, rows = load_study("gpu"), {plain_name(row["name"]): row for row in _costs()["groups"]["step"]["rows"]}
    yield from _head("network and device", "added to a step, median", "quartiles over pairs of steps")
    for network in ("CNN", "LSTM"):
        row = rows[f"{network}: step with 32 masks and a rule / step at a fixed rate"]
        low, high = (_added(end) for end in row["processor"]["spread"])
        yield f"| {network}, CPU | {_added(row['processor']['value'])} | {low.removesuffix(' %')} to {high} |"
    for kind, name in (("plain", "CNN, GPU"), ("recorded", "CNN, GPU, step recorded as a CUDA graph")):
        fixed, rule = (gpu["steps"][f"{arm}, {kind}"]["spread"] for arm in ("fixed rate", "report's rule"))
        said = "overlap" if rule[0] <= fixed[1] else "do not overlap"
        yield f"| {name} | {_added(_gpu_ratio(gpu, kind))} | not paired; the quartiles of the two steps {said} |"


PLACES = (
    ("batch of 8, ten classes", "growth", "batch", 8),
    ("batch of 64, ten classes", "growth", "batch", 64),
    ("batch of 256, ten classes", "growth", "batch", 256),
    ("100 classes, batch of 64", "scaling", "classes", 100),
    ("1,000 classes, batch of 64", "scaling", "classes", 1_000),
    ("3,000 classes, batch of 64", "scaling", "classes", 3_000),
)
"""Points of the curves whose shares the page lists: their name, group, curve, and place on the horizontal axis."""


def shares_markdown() -> Iterator[str]:
    """The estimate alone as a share of a training step, at some points of the curves."""
    lines = {"masks": "masks for each example", "closed form": "closed form"}
    yield from _head("batch and classes", *lines)
    for name, group, measured, x in PLACES:
        curve = _costs()["groups"][group]["curves"][measured]
        at = {line: values[curve["x"].index(x)] for line, values in curve["milliseconds"].items()}
        shares = [_share(at[line] and at[line] / at["training step"]) for line in lines.values()]
        yield f"| {name} | {' | '.join(shares)} |"


def _share(ratio: float | None) -> str:
    """A part of a training step, or how many of them.

    >>> _share(0.0101), _share(0.384), _share(1.089), _share(343.6), _share(None)
    ('1.0 %', '38 %', '1.1 steps', '344 steps', 'refused')
    """
    if ratio is None:
        return "refused"
    return f"{_digits(100 * ratio)} %" if ratio < 1 else f"{_digits(ratio)} steps"


def _digits(value: float) -> str:
    """At least two digits of a positive number.

    >>> _digits(159.3), _digits(1.356), _digits(0.996), _digits(0.0907)
    ('159', '1.4', '1.0', '0.091')
    """
    return f"{value:,.0f}" if value >= 10 else f"{value:#.2g}"


def limits_markdown() -> Iterator[str]:
    """Steps and estimates beside the least time that their operations and bytes take."""
    times = {plain_name(task): each for task, each in _costs()["groups"]["step"]["times"].items()}
    yield from _head("network and task", "ms (quartiles)", "hardware limit, ms", "time / limit")
    tasks = {
        "step at a fixed rate": "a training step at a fixed learning rate",
        "estimate alone, 32 masks": "an estimate alone, with 32 masks",
        "estimate alone, closed form": "an estimate alone, in closed form",
    }
    for network, (task, shown) in product(("CNN", "LSTM"), tasks.items()):
        each = times[f"{network}: {task}"]
        taken, limit = each["processor"]["seconds"], each["hardware_limit"]["seconds"]
        low, middle, high = (_digits(1_000 * seconds) for seconds in sorted([taken, *each["processor"]["spread"]]))
        yield f"| {network}: {shown} | {middle} ({low} to {high}) | {_digits(1_000 * limit)} | {_digits(taken / limit)} |"


ESTIMATES = {
    "this library, in the training step": "observation in the training step",
    "this library, new batch": "observation on a fresh batch",
    "baal, new batch": "baal, MCCachingModule of MCDropoutModule, a loop over samples",
    "torch-uncertainty, new batch": "torch-uncertainty, a loop over samples, all dropout",
}
"""Who estimates, and the stored name of the cheapest way."""


def estimates_markdown() -> Iterator[str]:
    """Milliseconds of one estimate from 32 samples by who makes it, each in its cheapest mode."""
    times = _costs()["groups"]["signal"]["times"]
    yield from _head("one estimate from 32 samples", "CNN, ms", "LSTM, ms")
    for name, way in ESTIMATES.items():
        ms = [1_000 * times[f"{network}: {way}"]["processor"]["seconds"] for network in ("CNN", "LSTM")]
        yield f"| {name} | {' | '.join(map(_digits, ms))} |"


def _gpu_ratio(gpu: dict[str, Any], kind: str) -> float:
    """A step with the report's rule over one at a fixed rate, both plain or both recorded."""
    rule, fixed = (gpu["steps"][f"{arm}, {kind}"]["ms"] for arm in ("report's rule", "fixed rate"))
    return float(rule / fixed)


def _added(ratio: float) -> str:
    """What a step with a rule takes more than one without.

    >>> _added(1.0341), _added(0.9949)
    ('3.4 %', '−0.5 %')
    """
    return f"{100 * (ratio - 1):.1f} %".replace("-", "−")


def epochs_markdown() -> Iterator[str]:
    """Seconds of an epoch of all training examples by who trains it; a bare loop's from its ratio in a part of an epoch."""
    times = load_study("costs_whole_epochs")["groups"]["trainers"]["times"]
    yield from _head("an epoch of all training data", *(f"{name}, seconds" for name in EPOCHS))
    ours = {network: times[f"{prefix}: ours"]["processor"]["seconds"] for network, prefix in EPOCHS.values()}
    overhead = {row["name"].rpartition(": ")[2]: row["processor"]["value"] for row in _costs()["groups"]["epoch"]["rows"]}
    bare = [ours[network] / overhead[network] for network in ours]
    yield f"| bare loop over tensors in memory, calculated | {' | '.join(f'{value:.0f}' for value in bare)} |"
    for stored, name in PEERS.items():
        seconds = [times[f"{prefix}: {stored}"]["processor"]["seconds"] for _, prefix in EPOCHS.values()]
        yield f"| {name} | {' | '.join(f'{value:.0f}' for value in seconds)} |"


def gpu_steps_markdown() -> Iterator[str]:
    """Steps on a GPU, plain and recorded."""
    table = tables.gpu_steps_table(load_study("gpu"))
    names = {"fixed rate": "a fixed rate", "report's rule": "the report's rule, with estimates of uncertainty"}
    yield from _markdown("a step of the CNN with", table.rename(index=names).replace("", "–"))


def gpu_targets_markdown() -> Iterator[str]:
    """Whole runs on a GPU with their targets."""
    gpu = load_study("gpu")
    shared = tables.shared_gpu(list_runs(status="published"), gpu["environment"]["processor"])
    yield from _markdown("runs", tables.gpu_targets_table(gpu, shared))


def targets_markdown() -> Iterator[str]:
    """Every measured value with its target."""
    table = tables.costs_table(_costs())
    names = table["what"].str.extract(r"^(?P<what>.*?)(?: \((?P<details>.*)\))?$").fillna("")
    unequal = table["what"].str.contains(tables.UNEQUAL_WORK)
    table = table.assign(
        what=names["what"].map(plain_name),
        details=names["details"],
        met=table["met"].mask(unequal, "not counted"),
    )
    places = table["met"].map({"no": 0, "yes": 1, "not counted": 2, "": 3})
    order = ["what", "measured", "target", "met", "quartiles", "rounds", "wall clock", "details"]
    yield from _table("benchmark-targets", "Targets", table.loc[places.sort_values(kind="stable").index, order])


def times_markdown(project: Path, data: Path) -> Iterator[str]:
    """Every measured time with its hardware limit; also as a CSV file.

    Args:
        project: root of the sources.
        data: folder of the CSV files in it.
    """
    found = _costs()
    groups = {name: tables.times_table(found, name) for name in tables.GROUPS}
    table = pd.concat([times.assign(group=name) for name, times in groups.items()])
    table = table.rename(index=plain_name).rename_axis("what").reset_index()
    order = ["what", "group", "ms", "quartiles", "hardware limit, ms", "wall, ms", "operations", "bytes"]
    write_if_changed(project / data / "benchmark-times.csv", csv_of(table[order]))
    yield from _table("benchmark-times", "Times", table[order])


SECTIONS = {
    "step": "One training step, the hardware's limit",
    "epoch": "A whole epoch: the bare loop",
    "signal": "One estimate",
    "trainers": "Targets: epochs of other loops",
    "bootstrap": "Targets: bootstrap",
    "evaluation": "Targets: evaluation",
    "growth": "Figures B.1 and B.2; many classes, small batches",
    "scaling": "Figures B.3 to B.5; many classes, small batches",
    "startup": "Targets: start of a command",
    "book": "Targets: make book",
}
"""Group of `benchmarks.tables.GROUPS` to where its numbers stand."""


def circumstances_markdown() -> Iterator[str]:
    """When, at which commit and under which load each group was measured."""
    table = tables.circumstances(_costs())
    yield from _head("group", "where it is shown", "measured (UTC)", "commit", "load at start and end")
    for name, row in table.iterrows():
        minute = row["measured (UTC)"][:16]
        yield f"| `{name}` | {SECTIONS[str(name)]} | {minute} | {row['commit']} | {row['load at start and end']} |"


def _head(*names: str) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"


def _markdown(corner: str, table: pd.DataFrame) -> Iterator[str]:
    yield from _head(corner, *map(str, table))
    for name, row in table.iterrows():
        yield f"| {name} | {' | '.join(map(str, row))} |"


def _costs() -> dict[str, Any]:
    return load_study("costs")


def _table(name: str, label: str, rows: pd.DataFrame) -> Iterator[str]:
    yield from raw_html(ResultTable(name, label, rows).markup())
