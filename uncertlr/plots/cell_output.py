"""What a notebook's cell shows with its figure: the runs that it is drawn from, and its numbers as CSV. Works offline."""

import base64
import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from uncertlr.plots import titles
from uncertlr.runs.store import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OPEN_LIST = 4
"""More runs than this are folded away."""


@dataclass(frozen=True)
class FigureData:
    """Shown as the last value of a notebook's cell: a line with the runs' names and a link that saves the numbers.

    Attributes:
        name: of the figure; the CSV file is called so.
        table: the numbers that the figure shows.
        runs: names of the runs that they come from; none for arithmetic.
    """

    name: str
    table: pd.DataFrame
    runs: tuple[str, ...] = field(default=())

    def _repr_html_(self) -> str:
        return (
            f'<div class="figure-data" data-figure="{html.escape(self.name)}">{self._runs_html()}{self._link_html()}</div>'
        )

    def _link_html(self) -> str:
        if self.table.empty:
            return ""
        content = base64.b64encode(csv_of(self.table).encode()).decode()
        label = f"Data of this figure ({html.escape(self.name)}.csv, {len(self.table):,} rows)"
        return f'<a download="{html.escape(self.name)}.csv" href="data:text/csv;base64,{content}">{label}</a>'

    def _runs_html(self) -> str:
        if not self.runs:
            return ""
        names = ", ".join(f'<code class="run">{html.escape(run)}</code>' for run in self.runs)
        if len(self.runs) <= OPEN_LIST:
            return f"<div>{'Run' if len(self.runs) == 1 else 'Runs'}: {names}</div>"
        return f"<details><summary>{len(self.runs)} runs</summary>{names}</details>"


def show(name: str, runs: Iterable[Run | str] = (), table: pd.DataFrame | None = None) -> FigureData:
    """Show the current figure; as a cell's last value, also a line with its runs and a link that saves its numbers.

    In a notebook whose parameters were changed, the title says which of them the figure depends on.

    Args:
        name: of the figure, such as ``"entropy-coin"``; the CSV file is called so.
        runs: the runs that it is drawn from, or their names.
        table: its numbers, tidy; read from what is drawn if left out (`figure_table`); without any, no link is shown.
    """
    from matplotlib import pyplot

    table = figure_table(pyplot.gcf()) if table is None else table
    titles.add_settings(pyplot.gcf())
    pyplot.show()
    names = [run if isinstance(run, str) else run.config.run_id for run in runs]
    return FigureData(name, table, tuple(dict.fromkeys(names)))


def figure_table(figure: "Figure") -> pd.DataFrame:
    """The numbers of a figure: a row for each point of all labelled lines, groups of points, bars and histograms.

    Returns:
        Columns ``panel`` (the y axis's label, else the title), ``series`` (the label), ``x`` and ``y``. A panel in which
        nothing is labelled gives all that it shows.

    >>> from matplotlib.figure import Figure
    >>> ax = Figure().subplots()
    >>> lines = ax.plot([1, 2], [0.5, 0.25], label="a")
    >>> label = ax.set_ylabel("rate")
    >>> figure_table(ax.figure).to_dict("list")
    {'panel': ['rate', 'rate'], 'series': ['a', 'a'], 'x': [1.0, 2.0], 'y': [0.5, 0.25]}
    """
    rows = []
    for ax in figure.axes:
        drawn = list(_drawn(ax))
        labelled = [part for part in drawn if not part[0].startswith("_")]
        panel = ax.get_ylabel() or ax.get_title()
        for label, points in labelled or drawn:
            series = "" if label.startswith("_") else label
            rows += [(panel, series, float(x), float(y)) for x, y in points]
    return pd.DataFrame(rows, columns=["panel", "series", "x", "y"])


def _drawn(ax: "Axes") -> Iterator[tuple[str, np.ndarray]]:
    """Label and points [N, 2] of whatever holds data in an Axes."""
    from matplotlib.collections import PathCollection
    from matplotlib.container import BarContainer
    from matplotlib.patches import Polygon

    for line in ax.lines:
        yield str(line.get_label()), np.asarray(line.get_xydata(), float)
    for points in ax.collections:
        if isinstance(points, PathCollection):
            yield str(points.get_label()), np.asarray(points.get_offsets(), float)
    for outline in ax.patches:
        if isinstance(outline, Polygon):
            yield str(outline.get_label()), _steps(np.asarray(outline.get_xy(), float))
    for bars in ax.containers:
        if isinstance(bars, BarContainer):
            yield str(bars.get_label()), np.array([[bar.get_x() + bar.get_width() / 2, bar.get_height()] for bar in bars])


def _steps(corners: np.ndarray) -> np.ndarray:
    """The middle and the height of each horizontal part of a histogram's outline [N, 2]."""
    starts, ends = corners[:-1], corners[1:]
    level = (starts[:, 1] == ends[:, 1]) & (starts[:, 0] < ends[:, 0])
    middles: np.ndarray = (starts[level] + ends[level]) / 2
    return middles


def csv_of(table: pd.DataFrame) -> str:
    """A frame as CSV without its index, floats to six digits."""
    return str(table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
