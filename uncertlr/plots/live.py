"""A run watched in a notebook while it trains: loss, accuracy, learning rate and uncertainty."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from uncertlr.config import RunConfig
from uncertlr.plots.curves import curves
from uncertlr.plots.style import COLOURS, INK, WIDTH
from uncertlr.plots.titles import in_lines
from uncertlr.runs.files import Arrays
from uncertlr.runs.naming import differing, listed
from uncertlr.runs.paths import RunPaths
from uncertlr.runs.schema import Row
from uncertlr.runs.store import read_metrics, read_trace
from uncertlr.training.display import in_notebook, is_watched
from uncertlr.training.progress import Callback

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 200
"""Of a line over the steps, at most; a run may have a hundred thousand steps."""


class LivePlot(Callback):
    """Draws a run after each epoch, in place of the last drawing; the final one stays in the notebook as a figure.

    Pass it as ``run(config, callbacks=[LivePlot()])``. A run that was finished before is drawn once. Where nobody watches,
    as when papermill executes a notebook, nothing is drawn; outside notebooks nothing is shown.

    Attributes:
        figure: the last drawing; None before there is one.
    """

    def __init__(self) -> None:
        self.figure: Figure | None = None
        self._handle: Any = None
        self._rows: list[Row] = []
        self._traces: list[Arrays] = []

    def loaded(self, config: RunConfig, paths: RunPaths) -> None:
        """Draw what is stored."""
        self._read(config, paths, config.epochs)

    def begin(self, config: RunConfig, paths: RunPaths, resumed: int) -> None:
        """Draw the epochs that were done before."""
        self._read(config, paths, resumed)

    def epoch(self, train: Row, val: Row, trace: Arrays) -> None:
        """Draw one more."""
        self._rows += [train, val]
        self._traces.append(trace)
        self._draw()

    def _read(self, config: RunConfig, paths: RunPaths, epochs: int) -> None:
        self._config, self._rows, self._traces, self._handle = config, [], [], None
        if epochs:
            self._rows = [dict(row) for row in read_metrics(paths).to_dict("records")]
            self._traces = [read_trace(paths)]
            self._draw()

    def _draw(self) -> None:
        if in_notebook() and not is_watched():
            return
        from matplotlib import pyplot  # in a notebook it also lets figures be displayed

        self.figure, axes = pyplot.subplots(2, 2, figsize=(WIDTH, 4.4), sharex=True, layout="constrained")
        pyplot.close(self.figure)  # or the notebook would show it once more at the end of the cell
        for ax, column in zip(axes[0], ("loss", "accuracy"), strict=True):
            _scores(ax, self._rows, column)
        done = max(row["epoch"] for row in self._rows)
        for ax, column, label in zip(axes[1], ("learning_rate", "signal"), ("learning rate", "uncertainty"), strict=True):
            x, y = _thinned([trace["step"] for trace in self._traces], [trace[column] for trace in self._traces])
            epochs = done * (x + 1) / (x[-1] + 1) if len(x) else x
            ax.plot(epochs, y, color=COLOURS[0], linewidth=1, label=label)
            ax.set(xlabel="epoch", ylabel=label, xlim=(0, self._config.epochs))
        axes[1, 0].set_yscale("log")
        self.figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        self.figure.suptitle(_title(self._config, done), fontsize="medium")
        self._show()

    def _show(self) -> None:
        if not in_notebook():
            return
        from IPython.display import display

        if self._handle is None:
            self._handle = display(self.figure, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(self.figure)


def _title(config: RunConfig, epochs: int) -> str:
    """The run's name, and below it what sets it apart and how far it is."""
    settings = listed(differing(config) | {"epochs": f"{epochs}/{config.epochs}"})
    return f"{config.run_id}\n{in_lines(settings)}"


def _scores(ax: "Axes", rows: Sequence[Row], column: str) -> None:
    splits = {"training": "train", "validation": "val"}
    lines = {}
    for name, split in splits.items():
        chosen = [row for row in rows if row["split"] == split]
        lines[name] = ([row["epoch"] for row in chosen], [row[column] for row in chosen])
    curves(ax, lines, "", column, colours=[INK, COLOURS[0]])
    if (legend := ax.get_legend()) is not None:
        legend.remove()  # the figure has one for both panels


def _thinned(steps: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Means of neighbouring values, and the last step of each; values that were not observed are left out."""
    x, y = np.concatenate(steps), np.concatenate(values).astype(float)
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    size = max(1, -(-len(y) // POINTS))
    starts = np.arange(0, len(y), size)
    ends = np.minimum(starts + size, len(y))
    return x[ends - 1], np.add.reduceat(y, starts) / (ends - starts) if len(y) else y
