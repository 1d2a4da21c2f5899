"""Figure 1 of the book: learning rates over the epochs, and the accuracies that they lead to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from uncertlr import plots
from uncertlr.analysis.scores import final_scores
from uncertlr.analysis.study import read_study
from uncertlr.runs.store import Run
from uncertlr.training.rules import whole_trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Method:
    """A row of the figure.

    Attributes:
        name: in words, a line break where a narrow margin needs one.
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
        "report": ("report's rule", report, standard),
        "report_epoch": ("report's rule,\nonce per epoch", report, standard),
        "constant": ("constant 1e-3", advance, standard),
        "inverse": ("rate divided\nby uncertainty", uncertainty, standard),
        "constant_low": ("constant 3e-4", advance, standard),
        "one_cycle": ("tuned one-cycle", advance, found),
        "one_cycle_over_uncertainty": ("one-cycle over\nuncertainty", uncertainty, found),
    }
    return {arm: Method(name, colour, list(study.arms[arm].values())) for arm, (name, colour, study) in rows.items()}


RATES = ("report", "constant", "inverse", "constant_low", "one_cycle", "one_cycle_over_uncertainty")
"""The methods whose learning rates are shown."""
FIRST_STEPS = 20
"""As many steps of the report's rule are shown on a scale of their own."""


def rates_panel(ax: "Axes", methods: Sequence[Method]) -> "Axes":
    """Learning rate against epoch of each method's first run, on a logarithmic axis.

    A line that rises and falls again is named at its peak, the highest above its line and the others below; any other line
    at its end. A small panel shows the first steps of the first method.
    """
    peaks, ends, last = [], [], 1
    for method in methods:
        if not method.runs:
            continue
        run = method.runs[0]
        epochs = run.trace["step"] / (run.trace["step"][-1] + 1) * run.config.epochs
        rates = np.maximum(run.trace["learning_rate"], 1e-6)
        ax.plot(epochs, rates, color=method.colour, linewidth=1.8, label=_on_one_line(method.name))
        peak = int(rates.argmax())
        if peak > 0 and rates[-1] < 0.1 * rates[peak]:
            peaks.append((float(rates[peak]), float(epochs[peak]), method))
        else:
            ends.append((float(np.log10(rates[-1])), method))
        last = run.config.epochs
    highest = max((height for height, _, _ in peaks), default=0.0)
    for height, epoch, method in peaks:
        offset, align = (4, "bottom") if height == highest else (-7, "top")
        name = _on_one_line(method.name) if height == highest else method.name
        ax.annotate(
            name, (epoch, height), (0, offset), textcoords="offset points", ha="center", va=align, color=method.colour
        )
    ax.set(yscale="log", xlabel="epoch", ylabel="learning rate", xlim=(0, last), ylim=(1e-6, 2e-2))
    ax.set_title("The report's rule falls at once")
    ax.grid(visible=False)  # no line behind the names at the peaks and the small panel
    for height, (_, method) in zip(plots.spaced([end for end, _ in ends], 0.4), ends, strict=True):
        ax.annotate(method.name, (last, 10**height), (5, 0), textcoords="offset points", va="center", color=method.colour)
    if methods and methods[0].runs:
        _first_steps(ax, methods[0])
    return ax


def _first_steps(ax: "Axes", method: Method) -> None:
    """The learning rate of a rule's first steps, in a corner that no line crosses."""
    small = ax.inset_axes((0.25, 0.32, 0.58, 0.18))
    run = method.runs[0]
    rates = run.config.learning_rate * whole_trace(run)["factor"][:FIRST_STEPS]
    small.plot(range(1, len(rates) + 1), rates, "o-", color=method.colour, markersize=2.5, linewidth=1)
    small.set(yscale="log", xlim=(0, FIRST_STEPS + 0.5), ylim=(5e-6, 2e-3), yticks=[1e-5, 1e-3], xticks=[1, 8, 20])
    small.set_title(f"the rule's first {FIRST_STEPS} steps", color=method.colour, fontsize="medium", pad=2)
    small.minorticks_off()
    small.grid(visible=False)


def accuracies_panel(ax: "Axes", methods: Sequence[Method]) -> "Axes":
    """Final test accuracies: a dot per seed, a line and a number for the mean; a row per method."""
    for row, method in enumerate(reversed(methods)):
        values = [100 * final_scores(run)["accuracy"] for run in method.runs] or [np.nan]
        offsets = np.linspace(-0.18, 0.18, len(values))
        label = _on_one_line(method.name)
        ax.plot(values, row + offsets, "o", color=method.colour, markersize=4, alpha=0.8, linewidth=0, label=label)
        ax.plot([np.mean(values)] * 2, [row - 0.34, row + 0.34], color=method.colour, linewidth=2.2)
        ax.text(1.03, row, f"{np.mean(values):.1f}", transform=ax.get_yaxis_transform(), va="center")
    ax.set_yticks(range(len(methods)), [method.name for method in reversed(methods)])
    ax.set(xlabel="test accuracy (%)", ylim=(-0.6, len(methods) - 0.4))
    ax.set_title("Similar rates, similar accuracy")
    ax.grid(axis="y", visible=False)
    return ax


def _on_one_line(name: str) -> str:
    return name.replace("\n", " ")
