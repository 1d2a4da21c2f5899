"""Figures of the protocol and of all results: differences of methods with their intervals."""

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from uncertlr import plots
from uncertlr.analysis.comparisons import comparison
from uncertlr.analysis.paired import ALPHA, MARGIN
from uncertlr.analysis.study import read_study

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes

OUTCOME_COLOURS = {
    "helps": plots.COLOURS[4],
    "harms": plots.COLOURS[5],
    "equivalent": plots.COLOURS[3],
    "inconclusive": plots.INK,
    "no contrast": plots.INK,
}
"""Of the outcomes that are drawn: colours that stand for no kind of method; those of *no contrast* are hollow."""

OUTCOME_MARKS = {"helps": "^", "harms": "v", "equivalent": "s", "inconclusive": "o", "no contrast": "o"}
"""Of the outcomes that are drawn: a reader need not tell their colours apart."""

ENLARGED = 3
"""Points on either side of 0 that the second panel of `all_differences` shows."""

SCHEDULE, RULE, REPORT = plots.INK, *plots.COLOURS[:2]
"""Colours of the first method of a comparison: set in advance, with uncertainty, the report's rule."""

FOUND, PROBE = "one_cycle_over_uncertainty", "probe_information"
LOSSES = (
    ("report's rule − constant (first plan)", "cifar10-standard", "report", "constant"),
    ("report's rule − constant, IMDB (first plan)", "imdb-standard", "report", "constant"),
    ("report's rule − constant, both tuned (first plan)", "cifar10-tuned", "report", "constant"),
    ("reacting rule − its mean rate (later plan)", "cifar10-regulating", "regulating", "regulating_matched_rate"),
)
"""Rules with the report's factors: name in the figure and when it was planned, study, method, what it is compared with."""

GAINS = (
    ("one-cycle − constant, both tuned (first plan)", "cifar10-tuned", "one_cycle", "constant"),
    ("found rule − cosine (later plan)", "cifar10-found", FOUND, "cosine"),
    ("found rule − cosine, IMDB (later plan)", "imdb-found", FOUND, "cosine"),
    ("found rule − tuned one-cycle (after a look)", "cifar10-found-controls", FOUND, "one_cycle"),
    ("found rule − tuned one-cycle (later plan)", "cifar10-tuned-warmup", FOUND, "one_cycle"),
    ("found rule − one-cycle, its mean rate (after a look) †", "cifar10-found-controls", FOUND, f"{FOUND}_matched_rate"),
)
"""Methods that are ahead of a schedule, as `LOSSES`."""

TESTS_OF_FEEDBACK = (
    ("reacting rule − yoked replay (later plan)", "cifar10-regulating", "regulating", "regulating_yoked"),
    ("reacting rule − another yoked replay (later plan)", "cifar10-regulating", "regulating", "regulating_yoked_3"),
    ("found rule − yoked replay, IMDB (later plan)", "imdb-found-controls", FOUND, f"{FOUND}_yoked"),
    ("found rule − mean-curve replay, IMDB (later plan)", "imdb-found-controls", FOUND, f"{FOUND}_mean_curve"),
    ("probe rule − yoked replay (later plan)", "cifar10-tuned-probe", PROBE, f"{PROBE}_yoked"),
    ("probe rule − mean-curve replay (later plan)", "cifar10-tuned-probe", PROBE, f"{PROBE}_mean_curve"),
)
"""Rules and replays whose rates differ, as `LOSSES`."""

COPIES = (
    ("rate / uncertainty − constant 3e-4 (first plan)", "cifar10-standard", "inverse", "constant_low"),
    ("found rule − yoked replay (later plan)", "cifar10-found-replays", FOUND, f"{FOUND}_yoked"),
    ("found rule − mean-curve replay (later plan)", "cifar10-found-replays", FOUND, f"{FOUND}_mean_curve"),
    ("found rule − recorded replay 1011 (later plan)", "cifar10-recipe", FOUND, "replay_of_1011"),
    ("found rule − recorded replay 1012 (later plan)", "cifar10-recipe", FOUND, "replay_of_1012"),
    ("found rule − recorded replay 1013 (later plan)", "cifar10-recipe", FOUND, "replay_of_1013"),
)
"""Rules and curves without feedback that may do as well, as `LOSSES`."""

MAIN_OUTCOMES = (*LOSSES, *GAINS, *TESTS_OF_FEEDBACK, *COPIES)
"""The comparisons of the figure of main outcomes."""


def chosen_differences(ax: "Axes", chosen: tuple[tuple[str, str, str, str], ...], title: str) -> "Axes":
    """The stored outcomes of chosen comparisons with their 95 % intervals and, thicker, their 90 % intervals.

    Args:
        ax: where to draw.
        chosen: as `LOSSES`.
        title: of the panel.
    """
    plots.differences(ax, _table(chosen), 100 * MARGIN, "difference of test accuracy (points)", inner=True, numbers=True)
    ax.set_title(title)
    return ax


@cache
def _table(chosen: tuple[tuple[str, str, str, str], ...]) -> pd.DataFrame:
    rows = [comparison(read_study(study), arm, against) for _, study, arm, against in chosen]
    table = pd.DataFrame(rows).set_axis([name for name, *_ in chosen])
    alike = table["outcome"] == "no contrast"
    equal, differ = table["p_equivalence"] <= ALPHA, table["p_holm"] <= ALPHA
    table.loc[alike & equal, "outcome"] = "no contrast; as a copy equivalent"
    table.loc[alike & ~equal & ~differ, "outcome"] = "no contrast; as a copy inconclusive"
    return table.assign(colour=[colour_of(arm) for _, _, arm, _ in chosen])


def colour_of(arm: str) -> str:
    """The book's colour for the kind of a method."""
    return {"report": REPORT, "one_cycle": SCHEDULE}.get(arm, RULE)


def all_differences(ax: "Axes", enlarged: "Axes", table: pd.DataFrame, title: str) -> None:
    """Every comparison that is judged: what it compares, its 90 % interval, and its 95 % interval as a thinner line.

    Rows stand under their study and the method that they share; of these the largest difference is on top. A dagger marks
    a comparison all of whose pairs are on two processors.

    Args:
        ax: where to draw.
        enlarged: beside it, where what lies within `ENLARGED` points of 0 is drawn larger; an arrowhead at its edge stands
            for a difference that lies beyond. Both share their y axis.
        table: of `every_comparison`, each comparison once, with a column ``group``; the descriptive and
            the missing ones are left out.
        title: of the figure.
    """
    table = table[table["outcome"].isin(OUTCOME_COLOURS) & np.isfinite(table["ci95_low"])]
    panels = (ax, enlarged)
    height, labels = 0.0, {}
    for group, of_group in table.groupby("group", observed=True):
        _heading(ax, str(group), height, weight="bold")
        height += 0.8
        shared, own = ("against", "arm") if str(group).endswith("schedule") else ("arm", "against")
        for (study, name), rows in of_group.groupby(["study", shared], sort=False):
            text = f"{study}: … − {_short(name)}" if shared == "against" else f"{study}: {_short(name)} − …"
            _heading(ax, text, height + 0.4)
            height += 1.4
            _zone_and_zero(panels, height - 0.5, height + len(rows) - 0.5)
            for row in rows.sort_values("difference", ascending=False).itertuples():
                _interval(ax, row, height)
                _interval(enlarged, row, height, within=ENLARGED)
                other = getattr(row, own).removeprefix(f"{name}_") if shared == "arm" else getattr(row, own)
                labels[height] = _short(other) + (" †" if row.mixed_pairs == row.pairs else "")
                height += 1
        height += 0.5
    for outcome in (each for each in OUTCOME_COLOURS if each in set(table["outcome"])):
        ax.plot([], [], **_look(outcome) | {"linestyle": "-", "label": outcome})
    look = {"ncols": 3, "frameon": False, "handlelength": 1.5, "columnspacing": 1}
    ax.figure.legend(loc="outside upper center", title=title, title_fontsize="large", **look)
    ax.set_yticks(list(labels), list(labels.values()))
    ax.set(ylim=(height - 0.5, -0.6), xlabel="points")
    enlarged.set(xlim=(-ENLARGED, ENLARGED), xlabel="points, enlarged", xticks=(1 - ENLARGED, 0, ENLARGED - 1))
    for panel in panels:
        panel.tick_params(axis="y", length=0)
        panel.tick_params(axis="x", labeltop=True)
        panel.spines["left"].set_visible(False)
        panel.grid(visible=False)
    enlarged.tick_params(axis="y", labelleft=False)


def _zone_and_zero(panels: "Iterable[Axes]", top: float, bottom: float) -> None:
    """The margin and the line at 0 beside some rows: through the whole figure they would run through the headings."""
    for panel in panels:
        panel.fill_betweenx((top, bottom), -100 * MARGIN, 100 * MARGIN, color=plots.INK, alpha=0.2, linewidth=0)
        panel.plot([0, 0], [top, bottom], color=plots.INK, linewidth=1, label="_zero")


def _heading(ax: "Axes", text: str, height: float, **look: Any) -> None:
    start = (0.0, height)
    heading = ax.annotate(text, start, xycoords=("figure fraction", "data"), va="center", annotation_clip=False, **look)
    heading.set_in_layout(False)  # it begins at the edge of the figure, whatever the layout


def _interval(ax: "Axes", row: Any, height: float, within: float = math.inf) -> None:
    look = _look(row.outcome)
    if abs(row.difference) > within:
        edge, head = (within, ">") if row.difference > 0 else (-within, "<")
        ax.plot(edge, height, **look | {"marker": head}, clip_on=False)
        return
    faint = 0.4 if row.outcome == "no contrast" else 1.0  # so that a hollow mark stays hollow
    for low, high, width in ((row.ci95_low, row.ci95_high, 1.2), (row.ci90_low, row.ci90_high, 4)):
        ax.plot([low, high], [height, height], color=look["color"], alpha=faint, linewidth=width, solid_capstyle="butt")
    ax.plot(row.difference, height, **look)


def _short(method: str) -> str:
    """A method's name in the sweep files, that of the found rule as the protocol calls it."""
    return method.replace(FOUND, "found rule")


def _look(outcome: str) -> dict[str, Any]:
    colour = OUTCOME_COLOURS[outcome]
    fill = "none" if outcome == "no contrast" else colour
    return {"color": colour, "marker": OUTCOME_MARKS[outcome], "markersize": 5, "markerfacecolor": fill, "linewidth": 1.6}
