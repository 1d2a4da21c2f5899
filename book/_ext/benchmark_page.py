"""The page of benchmarks: tables and curves of what ``make bench`` has stored."""

import sys
from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter
from result_tables import ResultTable, raw_html

from uncertlr.plots import COLOURS
from uncertlr.plots.curves import label_ends
from uncertlr.runs.archive import load_study
from uncertlr.runs.paths import project_folder

sys.path.append(str(project_folder()))  # benchmarks/ belongs to the project and is not installed
from benchmarks import tables  # noqa: E402

CURVES = {
    "growth-samples": ("growth", "samples", "samples T"),
    "growth-batch": ("growth", "batch", "examples in a batch"),
    "growth-classes": ("scaling", "classes", "classes"),
    "growth-stored-runs": ("scaling", "stored runs", "stored runs"),
    "growth-sweep": ("scaling", "runs of a sweep", "runs in a sweep"),
}
"""Drawing to the group that was measured, its curve, and the label of the horizontal axis."""

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

BLUE = ("masks", "table", "two workers")


def draw_growth(ax: Axes, advance: str, name: str) -> None:
    """One curve of how a time grows, on logarithmic axes.

    Args:
        ax: where to draw.
        advance: colour of what is compared with.
        name: a key of `CURVES`.
    """
    group, measured, label = CURVES[name]
    curve = load_study("costs")["groups"][group]["curves"][measured]
    unit = "milliseconds" if "milliseconds" in curve else "seconds"
    for line, values in curve[unit].items():
        text, style = LINES[line]
        colour = COLOURS[0] if text in BLUE else advance
        points = [(x, y) for x, y in zip(curve["x"], values, strict=True) if y is not None]
        ax.plot(*zip(*points, strict=True), style, marker="o", markersize=3, color=colour, label=text)
    ax.set(xscale="log", yscale="log", xlabel=label, ylabel=unit)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    label_ends(ax)


def targets_markdown() -> Iterator[str]:
    """Every measured value with its target."""
    table = tables.costs_table(_costs())
    yield from _table("benchmark-targets", "Targets", table)


def times_markdown() -> Iterator[str]:
    """Every measured time with its hardware limit."""
    found = _costs()
    table = tables.times_table(found, *tables.GROUPS).rename_axis("what").reset_index()
    yield from _table("benchmark-times", "Times", table)


def circumstances_markdown() -> Iterator[str]:
    """When and on what each group was measured."""
    table = tables.circumstances(_costs()).rename_axis("group").reset_index()
    yield from _table("benchmark-circumstances", "Circumstances", table)


def _costs() -> dict[str, Any]:
    return load_study("costs")


def _table(name: str, label: str, rows: pd.DataFrame) -> Iterator[str]:
    yield from raw_html(ResultTable(name, label, rows).markup())
