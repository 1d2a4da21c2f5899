"""Figure 1 of the book: learning rates over the epochs, and the accuracies that they lead to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from uncertlr import plots
from uncertlr.analysis.scores import final_scores
from uncertlr.analysis.study import read_study
from uncertlr.runs.store import Run, whole_trace

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
    standard, repetition = read_study("cifar10-standard"), read_study("cifar10-tuned-warmup")
    replays = read_study("cifar10-found-replays")  # its rule's runs are those of the repetition
    uncertainty, report, replay = plots.COLOURS[:3]
    rows = {
        "report": ("report's rule", report, standard),
        "constant": ("constant 1e-3", advance, standard),
        "inverse": ("rate divided\nby uncertainty", uncertainty, standard),
        "constant_low": ("constant 3e-4", advance, standard),
        "one_cycle": ("tuned one-cycle", advance, repetition),
        "one_cycle_over_uncertainty": ("one-cycle over\nuncertainty", uncertainty, repetition),
        "one_cycle_over_uncertainty_mean_curve": ("mean rates of\nits other runs", replay, replays),
    }
    return {arm: Method(name, colour, list(study.arms[arm].values())) for arm, (name, colour, study) in rows.items()}


RATES = ("report", "constant", "inverse", "constant_low", "one_cycle", "one_cycle_over_uncertainty")
"""The methods whose learning rates are shown."""
DESCENT = 0.8
"""Share of the epochs at which a line that rises and falls again is pointed at."""
FIRST_STEPS = 20
"""As many steps of the report's rule are shown on a scale of their own."""


def rates_panel(ax: "Axes", methods: Sequence[Method]) -> "Axes":
    """Learning rate against epoch of each method's first run, on a logarithmic axis.

    Lines are named in the right margin: at their end, or, if they rise and fall again, at the height of their peak, with a
    thin line to their descent. The highest of all is named above its peak. A small panel has the first method's first steps.
    """
    shown = [method for method in methods if method.runs]
    curves = {method.name: _rates(method.runs[0]) for method in shown}
    last = max((method.runs[0].config.epochs for method in shown), default=1)
    highest = max(shown, key=lambda method: curves[method.name][1].max(), default=None)
    margin, targets = [], []
    for method in shown:
        epochs, rates = curves[method.name]
        ax.plot(epochs, rates, color=method.colour, linewidth=1.8, label=_on_one_line(method.name))
        peak = int(rates.argmax())
        falls = peak > 0 and rates[-1] < 0.1 * rates[peak]
        if method is highest and falls:
            above: dict[str, Any] = {"xytext": (0, 4), "textcoords": "offset points", "ha": "center", "va": "bottom"}
            ax.annotate(_on_one_line(method.name), (epochs[peak], rates[peak]), color=method.colour, **above)
            continue
        descent = int(np.searchsorted(epochs, DESCENT * last))
        margin.append((float(np.log10(rates[peak] if falls else rates[-1])), method))
        targets.append((epochs[descent], rates[descent]) if falls else None)
    ax.set(yscale="log", xlabel="epoch", ylabel="learning rate", xlim=(0, last), ylim=(1e-6, 2e-2))
    ax.set_title("The report's rule falls at once")
    ax.grid(visible=False)  # no line behind the names and the small panel
    heights = plots.spaced([height for height, _ in margin], 0.4)
    for height, (_, method), target in zip(heights, margin, targets, strict=True):
        beside: dict[str, Any] = {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate(method.name, (last, 10**height), color=method.colour, **beside)
        if target:
            line = {"arrowstyle": "-", "color": method.colour, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", target, (last, 10**height), arrowprops=line)
    if shown:
        _first_steps(ax, shown[0])
    return ax


def _rates(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and learning rates of a run, none below the axis."""
    steps, rates = (run.trace[column].to_numpy() for column in ("step", "learning_rate"))
    return steps / (steps[-1] + 1) * run.config.epochs, np.maximum(rates, 1e-6)


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
    ax.set_title("Fixed schedules match the better rules")
    ax.grid(axis="y", visible=False)
    return ax


def _on_one_line(name: str) -> str:
    return name.replace("\n", " ")
