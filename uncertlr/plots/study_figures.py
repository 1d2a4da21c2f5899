"""What the finished runs of a study look like: differences, and small panels of one arm each before a common reference."""

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from uncertlr import plots
from uncertlr.analysis.comparisons import verdict_table
from uncertlr.analysis.paired import MARGIN
from uncertlr.analysis.study import Study
from uncertlr.analysis.survival import share_not_yet_there
from uncertlr.analysis.times import target_accuracy, times_to_target
from uncertlr.errors import ConfigError

Draw = Callable[[Axes, str, str], object]
"""Draws an arm in a colour."""

TITLE = 32
"""Letters in a line above a panel: more would widen the figure, and shrink its text on a phone."""


def evidence_figures(study: Study, baseline: str = "") -> dict[str, Figure]:
    """Figures by name, of the arms that have finished runs.

    ``differences``: from the baseline, with intervals and outcomes. ``time_to_target``: Kaplan-Meier curves of the epochs
    until the target, the median of the baseline's final validation accuracies. ``curves``: validation accuracy, every seed.
    ``profiles``: the share of runs that score at least so much.

    Args:
        study: whose arms are drawn.
        baseline: the arm to compare with; empty for the study's first baseline.

    Raises:
        ConfigError: the sweep has no such arm, or no finished run of it.
    """
    baseline = baseline or study.baseline
    if baseline not in study.arms:
        raise ConfigError(f"the sweep has no arm {baseline!r} to compare with; it has {'; '.join(study.arms)}")
    if not study.arms[baseline]:
        raise ConfigError(f"no run of the baseline {baseline!r} is finished, so there is nothing to compare with")
    plots.use_style()
    table = verdict_table(study, baseline)
    return {
        "differences": differences_figure(table[table["outcome"] != ""], baseline),
        "time_to_target": time_to_target_figure(study, baseline),
        "curves": curves_figure(study, baseline),
        "profiles": profiles_figure(study, baseline),
    }


def save_figures(figures: dict[str, Figure], folder: Path) -> list[Path]:
    """Write each figure as SVG into a folder, which is made if need be.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{name}.svg" for name in figures]
        for path, figure in zip(paths, figures.values(), strict=True):
            figure.savefig(path, metadata={"Date": None})
    except OSError as error:
        raise ConfigError(f"cannot write figures to {folder}: {error.strerror or error}; choose another folder") from None
    return paths


def differences_figure(table: pd.DataFrame, baseline: str) -> Figure:
    """Differences from the baseline, which the legend names; see `plots.differences`.

    Args:
        table: of `verdict_table`, without arms that have no outcome.
        baseline: the arm that the table compares with.
    """
    figure = Figure(figsize=(plots.WIDTH, 0.9 + 0.5 * max(1, len(table))))
    ax = figure.subplots()
    plots.differences(ax, table, 100 * MARGIN, "difference of test accuracy (percentage points)")
    figure.legend(handles=[Line2D([], [], color=plots.INK, linewidth=1, label=baseline)], loc="outside upper left")
    return figure


def curves_figure(study: Study, baseline: str) -> Figure:
    """Validation accuracy over the epochs: every seed of an arm, its mean, and the baseline's mean."""

    def draw(ax: Axes, arm: str, colour: str) -> None:
        rows = [run.validation for run in study.arms[arm].values()]
        epochs, values = rows[0]["epoch"], np.array([each["accuracy"] for each in rows])
        if colour != plots.INK:
            ax.plot(epochs, values.T, color=colour, linewidth=0.6, alpha=0.5)
        ax.plot(epochs, values.mean(0), color=colour)

        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))

    return small_panels(study, baseline, draw, "epoch", "validation accuracy")


def time_to_target_figure(study: Study, baseline: str) -> Figure:
    """Kaplan-Meier curves of the epochs until the baseline's target; the shade is the pointwise 95 % interval.

    Where no run or every run reached it, the interval is the exact binomial one.
    """
    if not study.arms[baseline]:
        return small_panels(study, baseline, lambda *_: None, "", "", [])
    target = target_accuracy(study, baseline)
    last = max(run.config.epochs for run in study.finished)

    def draw(ax: Axes, arm: str, colour: str) -> None:
        found = times_to_target(study, arm, target).values()
        curve = share_not_yet_there([each.time for each in found], [each.observed for each in found])
        band = {} if colour == plots.INK else {"low": curve.low, "high": curve.high}
        plots.survival(ax, curve.times, curve.shares, last, colour, **band)

    return small_panels(study, baseline, draw, f"epochs to accuracy {target:.3f}", "share not at target")


def profiles_figure(study: Study, baseline: str) -> Figure:
    """Performance profiles of the final accuracy."""

    def draw(ax: Axes, arm: str, colour: str) -> None:
        plots.profile(ax, list(study.scores(arm).values()), colour)

    return small_panels(study, baseline, draw, "final test accuracy", "share of runs")


def small_panels(
    study: Study, reference: str, draw: Draw, xlabel: str, ylabel: str, arms: Sequence[str] | None = None
) -> Figure:
    """Two columns of panels, one an arm with finished runs, each before the same grey reference.

    Args:
        study: whose arms are drawn.
        reference: arm that is drawn in every panel in grey; empty for none.
        draw: draws an arm into axes.
        xlabel: with the unit.
        ylabel: with the unit.
        arms: which; None for all but the reference.
    """
    shown = [arm for arm in (study.arms if arms is None else arms) if study.arms[arm] and arm != reference]
    rows = max(1, (len(shown) + 1) // 2)
    figure = Figure(figsize=(plots.WIDTH, 0.6 + 1.8 * rows))
    axes = figure.subplots(rows, 2, squeeze=False, sharex=True, sharey=True)
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    if not shown:
        figure.text(0.5, 0.5, "no finished run yet", ha="center", color=plots.INK)
    for index, (ax, arm) in enumerate(zip(axes.flat, shown, strict=False)):
        if reference and study.arms[reference]:
            draw(ax, reference, plots.INK)
        draw(ax, arm, plots.COLOURS[index % len(plots.COLOURS)])
        lines = (arm, f"n = {len(study.arms[arm])}")
        ax.set_title("\n".join(part for line in lines for part in textwrap.wrap(line, TITLE, break_long_words=False)))
        ax.xaxis.set_tick_params(labelbottom=index + 2 >= len(shown))
    if reference and study.arms[reference]:
        figure.legend(handles=[Line2D([], [], color=plots.INK, label=reference)], loc="outside upper left")
    figure.supxlabel(xlabel, color=plots.INK)
    figure.supylabel(ylabel, color=plots.INK)
    return figure
