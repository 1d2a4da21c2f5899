"""What the finished runs of a study look like: differences, and small panels of one arm each before a common reference."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from uncertlr import plots
from uncertlr.analysis.comparisons import verdict_table
from uncertlr.analysis.methods import shown_arm
from uncertlr.analysis.paired import MARGIN
from uncertlr.analysis.scores import format_rate
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
    label = "difference of test accuracy (percentage points)"
    return {
        "differences": differences_figure(
            {f"baseline: {shown_arm(baseline)}": table[table["outcome"] != ""].rename(index=shown_arm)}, label
        ),
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


def differences_figure(
    tables: Mapping[str, pd.DataFrame], xlabel: str, near: Mapping[str, pd.DataFrame] | None = None
) -> Figure:
    """One panel a table, its key the title; see `plots.differences`.

    Args:
        tables: with the comparisons' names as index, such as `by_arm` gives; their panels share one axis.
        xlabel: with the unit, below the last panel.
        near: further tables whose panels share an axis of their own, since their differences are of another size.
    """
    nothing = {"": pd.DataFrame(columns=["difference", "ci95_low", "ci95_high", "pairs", "outcome"], dtype=float)}
    groups = [group for group in (tables, near) if group] or [nothing]
    heights = [max(1, len(table)) + 0.7 for group in groups for table in group.values()]
    figure = Figure(figsize=(plots.WIDTH, 0.6 + 0.5 * sum(heights)))
    axes = iter(figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])
    for group in groups:
        panels = [next(axes) for _ in group]
        ends = pd.concat([table[["difference", "ci95_low", "ci95_high"]] for table in group.values()]).to_numpy(dtype=float)
        for ax, (title, table) in zip(panels, group.items(), strict=True):
            plots.differences(ax, table, 100 * MARGIN)
            plots.points_axis(ax, ends, 100 * MARGIN)
            ax.set_title(title, loc="left")
            ax.xaxis.set_tick_params(labelbottom=ax is panels[-1])
    panels[-1].set_xlabel(xlabel)
    return figure


def by_arm(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `comparisons` under the arm's name, for a panel whose title names what it is compared with.

    An arm with feedback that starts from another rate than its baseline has its own behind its name.
    """
    starts = [f", {format_rate(row['rate'])}" if row["same_rate"] else "" for _, row in table.iterrows()]
    names = [shown_arm(arm) + start for arm, start in zip(table["arm"], starts, strict=True)]
    return table.set_index(pd.Index(names))


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
        lines = (shown_arm(arm), f"n = {len(study.arms[arm])}")
        ax.set_title("\n".join(part for line in lines for part in textwrap.wrap(line, TITLE, break_long_words=False)))
        ax.xaxis.set_tick_params(labelbottom=index + 2 >= len(shown))
    grey = f" (grey: {shown_arm(reference)})" if reference and study.arms[reference] else ""
    figure.supxlabel(xlabel + grey, color=plots.INK)
    figure.supylabel(ylabel, color=plots.INK)
    return figure
