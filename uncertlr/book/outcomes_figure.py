"""Figures of the protocol and of all results: differences of methods with their intervals."""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from uncertlr import plots
from uncertlr.analysis.comparisons import comparison
from uncertlr.analysis.paired import ALPHA, MARGIN
from uncertlr.analysis.study import read_study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUTCOME_COLOURS = {
    "helps": plots.COLOURS[4],
    "harms": plots.COLOURS[5],
    "equivalent": plots.COLOURS[3],
    "inconclusive": plots.INK,
    "no contrast": plots.INK,
}
"""Of the outcomes that are drawn: colours that stand for no kind of method; those of *no contrast* are hollow."""

SCHEDULE, RULE, REPORT = plots.INK, *plots.COLOURS[:2]
"""Colours of the first method of a comparison: set in advance, with uncertainty, the report's rule."""

FOUND = "one_cycle_over_uncertainty"
AGAINST_SCHEDULES = (
    ("report's rule − constant, CIFAR-10 (first plan)", "cifar10-standard", "report", "constant"),
    ("report's rule − constant, IMDB (first plan)", "imdb-standard", "report", "constant"),
    ("report's rule − constant, both tuned, CIFAR-10 (first plan)", "cifar10-tuned", "report", "constant"),
    ("one-cycle − constant, both tuned, CIFAR-10 (first plan)", "cifar10-tuned", "one_cycle", "constant"),
    ("found rule − cosine, CIFAR-10 (later plan)", "cifar10-found", FOUND, "cosine"),
    ("found rule − cosine, IMDB (later plan)", "imdb-found", FOUND, "cosine"),
    ("found rule − tuned one-cycle, CIFAR-10 (after a look)", "cifar10-found-controls", FOUND, "one_cycle"),
    ("found rule − tuned one-cycle, CIFAR-10 (later plan)", "cifar10-tuned-warmup", FOUND, "one_cycle"),
)
"""Methods against schedules: name in the figure and when it was planned, study, method, what it is compared with."""

AGAINST_CONTROLS = (
    ("rate / uncertainty − constant 3e-4, CIFAR-10 (first plan)", "cifar10-standard", "inverse", "constant_low"),
    ("reacting rule − yoked replay, CIFAR-10 (later plan)", "cifar10-regulating", "regulating", "regulating_yoked"),
    ("reacting rule − its mean rate, CIFAR-10 (later plan)", "cifar10-regulating", "regulating", "regulating_matched_rate"),
    ("found rule − yoked replay, IMDB (later plan)", "imdb-found-controls", FOUND, f"{FOUND}_yoked"),
    ("found rule − mean-curve replay, IMDB (later plan)", "imdb-found-controls", FOUND, f"{FOUND}_mean_curve"),
    ("found rule − yoked replay, CIFAR-10 (later plan)", "cifar10-found-replays", FOUND, f"{FOUND}_yoked"),
    ("found rule − mean-curve replay, CIFAR-10 (later plan)", "cifar10-found-replays", FOUND, f"{FOUND}_mean_curve"),
    ("found rule − recorded replay 1011 (later plan)", "cifar10-recipe", FOUND, "replay_of_1011"),
    ("found rule − recorded replay 1012 (later plan)", "cifar10-recipe", FOUND, "replay_of_1012"),
    ("found rule − recorded replay 1013 (later plan)", "cifar10-recipe", FOUND, "replay_of_1013"),
)
"""Rules against fixed rates and replays that need no feedback, as `AGAINST_SCHEDULES`."""


def chosen_differences(ax: "Axes", chosen: tuple[tuple[str, str, str, str], ...], title: str, inner: bool = False) -> "Axes":
    """The stored outcomes of chosen comparisons with their 95 % intervals.

    Args:
        ax: where to draw.
        chosen: as `AGAINST_SCHEDULES`.
        title: of the panel.
        inner: also draw the 90 % intervals, thicker.
    """
    plots.differences(ax, _table(chosen), 100 * MARGIN, "difference of test accuracy (points)", inner)
    ax.set_title(title)
    return ax


@cache
def _table(chosen: tuple[tuple[str, str, str, str], ...]) -> pd.DataFrame:
    rows = [comparison(read_study(study), arm, against) for _, study, arm, against in chosen]
    table = pd.DataFrame(rows).set_axis([name for name, *_ in chosen])
    copies = (table["outcome"] == "no contrast") & (table["p_equivalence"] <= ALPHA)
    table.loc[copies, "outcome"] = "no contrast; as a copy equivalent"
    return table.assign(colour=[colour_of(arm) for _, _, arm, _ in chosen])


def colour_of(arm: str) -> str:
    """The book's colour for the kind of a method."""
    return {"report": REPORT, "one_cycle": SCHEDULE}.get(arm, RULE)


def all_differences(ax: "Axes", table: pd.DataFrame) -> "Axes":
    """Every comparison that is judged as a thin line, the largest difference of each group on top.

    Args:
        ax: where to draw.
        table: of `every_comparison`, each comparison once, with a column ``group``; the descriptive and
            the missing ones are left out.
    """
    table = table[table["outcome"].isin(OUTCOME_COLOURS) & np.isfinite(table["ci95_low"])]
    ax.axvspan(-100 * MARGIN, 100 * MARGIN, color=plots.INK, alpha=0.15, linewidth=0)
    ax.axvline(0, color=plots.INK, linewidth=1)
    height = 0.0
    for group, rows in table.groupby("group", observed=True):
        ax.annotate(str(group), (0.0, height), xycoords=("axes fraction", "data"), va="center")
        height += 1.5
        for row in rows.sort_values("difference", ascending=False).itertuples():
            look = _look(row.outcome)
            ax.plot([row.ci95_low, row.ci95_high], [height, height], color=look["color"], linewidth=1.6)
            ax.plot(row.difference, height, **look)
            height += 1
        height += 1
    for outcome in OUTCOME_COLOURS:
        ax.plot([], [], **_look(outcome) | {"linestyle": "-", "label": outcome})
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    ax.set(ylim=(height - 1, -1.5), yticks=[], xlabel="difference of test accuracy (points)")
    ax.spines["left"].set_visible(False)
    ax.grid(visible=False)
    return ax


def _look(outcome: str) -> dict[str, Any]:
    colour = OUTCOME_COLOURS[outcome]
    fill = "none" if outcome == "no contrast" else colour
    return {"color": colour, "marker": "o", "markersize": 3.5, "markerfacecolor": fill, "linewidth": 1.6}
