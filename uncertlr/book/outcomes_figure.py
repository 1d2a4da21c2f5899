"""Figures of the studies: differences of methods with their intervals."""

from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from uncertlr import plots
from uncertlr.analysis.comparisons import comparison
from uncertlr.analysis.paired import ALPHA, MARGIN
from uncertlr.analysis.study import read_study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RULE, REPORT = plots.COLOURS[:2]
"""Colours of the first method of a comparison: a rule with uncertainty, the report's rule."""

FOUND, PROBE = "one_cycle_over_uncertainty", "probe_information"
LOSSES = (
    ("report's rule, every step − constant", "cifar10-standard", "report", "constant"),
    ("report's rule, every step − constant, IMDB", "imdb-standard", "report", "constant"),
    ("report's rule, every step − constant, both tuned", "cifar10-tuned", "report", "constant"),
    ("report's rule, once per epoch − constant", "cifar10-standard", "report_epoch", "constant"),
    ("report's rule, once per epoch − constant, IMDB", "imdb-standard", "report_epoch", "constant"),
)
"""The report's rule: name in the figure, study, method, what it is compared with."""

GAINS = (
    ("found rule − one-cycle *", "cifar10-found-controls", FOUND, "one_cycle"),
    ("found rule − one-cycle, fresh seeds", "cifar10-tuned-warmup", FOUND, "one_cycle"),
    ("found rule − cosine with warm-up", "cifar10-tuned-warmup", FOUND, "warmup_cosine"),
    ("found rule − cosine", "cifar10-found", FOUND, "cosine"),
    ("found rule − cosine, IMDB, not tuned there", "imdb-found", FOUND, "cosine"),
    ("found rule − one-cycle, IMDB", "imdb-tuned", FOUND, "one_cycle"),
    ("found rule − cosine with warm-up, IMDB", "imdb-tuned", FOUND, "warmup_cosine"),
    ("found rule − constant, IMDB", "imdb-tuned", FOUND, "constant"),
    ("rate / uncertainty − cosine", "cifar10-tuned", "inverse", "cosine"),
    ("rate / uncertainty − constant", "cifar10-tuned", "inverse", "constant"),
)
"""Rules with uncertainty and tuned schedules, as `LOSSES`."""

TESTS_OF_FEEDBACK = (
    ("rate / uncertainty − yoked replay, IMDB", "imdb-standard", "inverse", "inverse_yoked"),
    ("reacting rule − yoked replay", "cifar10-regulating", "regulating", "regulating_yoked"),
    ("reacting rule − second yoked replay", "cifar10-regulating", "regulating", "regulating_yoked_3"),
    ("found rule − yoked replay, IMDB", "imdb-found-controls", FOUND, f"{FOUND}_yoked"),
    ("found rule − mean-curve replay, IMDB", "imdb-found-controls", FOUND, f"{FOUND}_mean_curve"),
    ("probe rule − yoked replay", "cifar10-tuned-probe", PROBE, f"{PROBE}_yoked"),
    ("probe rule − mean-curve replay", "cifar10-tuned-probe", PROBE, f"{PROBE}_mean_curve"),
)
"""Rules and replays whose rates differ, as `LOSSES`."""

COPIES = (
    ("found rule − mean-curve replay", "cifar10-found-replays", FOUND, f"{FOUND}_mean_curve"),
    ("found rule − yoked replay", "cifar10-found-replays", FOUND, f"{FOUND}_yoked"),
    *(
        (f"found rule − recorded replay {seed}{where}", study, FOUND, f"replay_of_{seed}")
        for where, study in (("", "cifar10-recipe"), (", half length", "cifar10-short-recipe"), (", IMDB", "imdb-recipe"))
        for seed in (1011, 1012, 1013)
    ),
)
"""The found rule and curves without feedback that may do as well, as `LOSSES`."""

MAIN_OUTCOMES = (*LOSSES, *GAINS, *TESTS_OF_FEEDBACK, *COPIES)
"""The comparisons of the figure of main outcomes."""


def chosen_differences(ax: "Axes", chosen: tuple[tuple[str, str, str, str], ...], title: str) -> "Axes":
    """The stored outcomes of chosen comparisons with their 95 % intervals and, thicker, their 90 % intervals.

    Args:
        ax: where to draw.
        chosen: as `LOSSES`.
        title: of the panel.
    """
    plots.differences(ax, _table(chosen), 100 * MARGIN, "points (grey: margin of 0.5)", inner=True, numbers=True)
    ax.set_title(title, loc="left")  # the outcomes at the right leave no room around the middle of the axis
    return ax


@cache
def _table(chosen: tuple[tuple[str, str, str, str], ...]) -> pd.DataFrame:
    rows = [comparison(read_study(study), arm, against) for _, study, arm, against in chosen]
    table = pd.DataFrame(rows).set_axis([name for name, *_ in chosen])
    alike = table["outcome"] == "no contrast"  # no test of feedback, so drawn as what it is: a copy
    equal, differ = table["p_equivalence"] <= ALPHA, table["p_holm"] <= ALPHA
    table.loc[alike & equal, "outcome"] = "equivalent"
    table.loc[alike & ~equal & ~differ, "outcome"] = "inconclusive"
    return table.assign(colour=[colour_of(arm) for _, _, arm, _ in chosen], hollow=alike)


def colour_of(arm: str) -> str:
    """The book's colour for the kind of a method."""
    return {"report": REPORT, "report_epoch": REPORT, "regulating": REPORT}.get(arm, RULE)
