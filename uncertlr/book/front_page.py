"""Figure 1 of the book: learning rates over the epochs, and the accuracies that they lead to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from uncertlr import plots
from uncertlr.analysis.scores import final_scores
from uncertlr.analysis.study import read_study
from uncertlr.runs.store import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Method:
    """A row of the figure.

    Attributes:
        name: of its arm.
        colour: of its line and dots.
        runs: the finished runs, one per seed.
    """

    name: str
    colour: str
    runs: Sequence[Run]


def front_page_methods(advance: str = plots.INK) -> dict[str, Method]:
    """The seven methods of the figure from the published runs, by the names of their arms.

    Args:
        advance: the colour of schedules that are set in advance.
    """
    standard, found = read_study("cifar10-standard"), read_study("cifar10-found-controls")
    uncertainty, report = plots.COLOURS[:2]
    rows = {
        "report": (report, standard),
        "report_epoch": (report, standard),
        "constant": (advance, standard),
        "inverse": (uncertainty, standard),
        "constant_low": (advance, standard),
        "one_cycle": (advance, found),
        "one_cycle_over_uncertainty": (uncertainty, found),
    }
    return {arm: Method(arm, colour, list(study.arms[arm].values())) for arm, (colour, study) in rows.items()}


RATES = ("report", "constant", "inverse", "one_cycle", "one_cycle_over_uncertainty")
"""The methods whose learning rates are shown."""


def rates_panel(ax: "Axes", methods: Sequence[Method]) -> "Axes":
    """Learning rate against epoch of each method's first run, on a logarithmic axis.

    A line that rises and falls again is named at its peak, the highest above its line and the others below; any other line
    at its end.
    """
    peaks, ends, last = [], [], 1
    for method in methods:
        if not method.runs:
            continue
        run = method.runs[0]
        epochs = run.trace["step"] / (run.trace["step"][-1] + 1) * run.config.epochs
        rates = np.maximum(run.trace["learning_rate"], 1e-6)
        ax.plot(epochs, rates, color=method.colour, linewidth=1.8, label=method.name)
        peak = int(rates.argmax())
        if peak > 0 and rates[-1] < 0.1 * rates[peak]:
            peaks.append((float(rates[peak]), float(epochs[peak]), method))
        else:
            ends.append((float(np.log10(rates[-1])), method))
        last = run.config.epochs
    highest = max((height for height, _, _ in peaks), default=0.0)
    for height, epoch, method in peaks:
        label, offset, align = (method.name, 4, "bottom") if height == highest else (in_lines(method.name), -7, "top")
        ax.annotate(
            label, (epoch, height), (0, offset), textcoords="offset points", ha="center", va=align, color=method.colour
        )
    ax.set(yscale="log", xlabel="epoch", ylabel="learning rate", xlim=(0, last), ylim=(1e-6, 2e-2))
    ax.grid(axis="x", visible=False)  # no grid line behind the names at the peaks
    for height, (_, method) in zip(plots.spaced([end for end, _ in ends], 0.34), ends, strict=True):
        label = in_lines(method.name)
        ax.annotate(label, (last, 10**height), (5, 0), textcoords="offset points", va="center", color=method.colour)
    return ax


def accuracies_panel(ax: "Axes", methods: Sequence[Method]) -> "Axes":
    """Final test accuracies: a dot per seed and a line at the mean, a row per method, names in the margin."""
    for row, method in enumerate(reversed(methods)):
        values = [100 * final_scores(run)["accuracy"] for run in method.runs] or [np.nan]
        offsets = np.linspace(-0.18, 0.18, len(values))
        ax.plot(values, row + offsets, "o", color=method.colour, markersize=4, alpha=0.8, linewidth=0, label=method.name)
        ax.plot([np.mean(values)] * 2, [row - 0.34, row + 0.34], color=method.colour, linewidth=2.2)
    ax.set_yticks(range(len(methods)), [in_lines(method.name) for method in reversed(methods)])
    ax.set(xlabel="test accuracy (%)", ylim=(-0.6, len(methods) - 0.4))
    ax.grid(axis="y", visible=False)
    return ax


def in_lines(name: str, width: int = 16) -> str:
    r"""A method's name for a narrow margin: broken after an underscore where it is wider than so many letters.

    >>> in_lines("constant_low"), in_lines("one_cycle_over_uncertainty")
    ('constant_low', 'one_cycle_over_\nuncertainty')
    """
    cut = name.rfind("_", 0, width) + 1
    return name if len(name) <= width or not cut else f"{name[:cut]}\n{in_lines(name[cut:], width)}"
