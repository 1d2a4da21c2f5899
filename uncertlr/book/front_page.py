"""Figure 1 of the book: learning rates over the epochs, and the accuracies that they lead to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from uncertlr import plots
from uncertlr.analysis.scores import final_scores
from uncertlr.runs.store import Run

SIZE = (4.0, 4.3)
"""Inches of each of the two panels, which are beside or under one another by the width of the page; narrower than other
figures, since their frame takes some of the width of a phone."""

ADVANCE, UNCERTAINTY, REPORT = plots.INK, plots.COLOURS[0], plots.COLOURS[1]
"""Colours of schedules that are set in advance, of methods that use uncertainty, and of the report's rule."""


@dataclass(frozen=True)
class Method:
    """A row of the figure.

    Attributes:
        name: as the figure shows it.
        colour: one of `ADVANCE`, `UNCERTAINTY`, `REPORT`.
        runs: the finished runs, one a seed.
    """

    name: str
    colour: str
    runs: Sequence[Run]


def rates_panel(methods: Sequence[Method]) -> Figure:
    """Learning rate against epoch of each method's first run, on a logarithmic axis; names at the lines' ends."""
    with mpl.rc_context({"figure.constrained_layout.use": False}):
        figure = Figure(figsize=SIZE)
    figure.subplots_adjust(left=0.15, right=0.7, bottom=0.12, top=0.98)  # names at the lines' ends need a margin inside
    ax = figure.subplots()
    ends, last = [], 1
    for method in methods:
        if not method.runs:
            continue
        run = method.runs[0]
        epochs = run.trace["step"] / (run.trace["step"][-1] + 1) * run.config.epochs
        rates = np.maximum(run.trace["learning_rate"], 1e-6)
        ax.plot(epochs, rates, color=method.colour, linewidth=1.8)
        ends.append((float(np.log10(rates[-1])), method))
        last = run.config.epochs
    ax.set(yscale="log", xlabel="epoch", ylabel="learning rate")
    ax.set_xlim(0, last)
    for height, method in zip(plots.spaced([end for end, _ in ends], 0.24), [method for _, method in ends], strict=True):
        ax.annotate(method.name, (last, 10**height), (5, 0), textcoords="offset points", va="center", color=method.colour)
    return figure


def accuracies_panel(methods: Sequence[Method]) -> Figure:
    """Final test accuracies: a dot a seed and a line at the mean, a row a method, names in the margin."""
    figure = Figure(figsize=SIZE)
    ax = figure.subplots()
    for row, method in enumerate(reversed(methods)):
        values = [100 * final_scores(run)["accuracy"] for run in method.runs] or [np.nan]
        offsets = np.linspace(-0.18, 0.18, len(values))
        ax.plot(values, row + offsets, "o", color=method.colour, markersize=4, alpha=0.8, linewidth=0)
        ax.plot([np.mean(values)] * 2, [row - 0.34, row + 0.34], color=method.colour, linewidth=2.2)
    ax.set_yticks(range(len(methods)), [method.name for method in reversed(methods)])
    ax.set(xlabel="test accuracy (%)", ylim=(-0.6, len(methods) - 0.4))
    ax.grid(axis="y", visible=False)
    return figure


def accuracies(methods: Sequence[Method]) -> Mapping[str, list[float]]:
    """The numbers of `accuracies_panel`, by method."""
    return {method.name: [float(final_scores(run)["accuracy"]) for run in method.runs] for method in methods}
