"""Figures of the protocol and of all results: differences of methods with their intervals."""

from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from uncertlr import plots
from uncertlr.analysis.comparisons import comparison
from uncertlr.analysis.paired import ALPHA, MARGIN
from uncertlr.analysis.study import read_study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCHEDULE, RULE, REPORT = plots.INK, *plots.COLOURS[:2]
"""Colours of the first method of a comparison: set in advance, with uncertainty, the report's rule."""

FOUND, PROBE = "one_cycle_over_uncertainty", "probe_information"
LOSSES = (
    ("every step − constant", "cifar10-standard", "report", "constant"),
    ("every step − constant, IMDB", "imdb-standard", "report", "constant"),
    ("every step − constant, both tuned", "cifar10-tuned", "report", "constant"),
    ("once per epoch − constant", "cifar10-standard", "report_epoch", "constant"),
    ("once per epoch − constant, IMDB", "imdb-standard", "report_epoch", "constant"),
)
"""The report's rule: name in the figure, study, method, what it is compared with."""

GAINS = (
    ("one-cycle − constant, both tuned", "cifar10-tuned", "one_cycle", "constant"),
    ("found rule − cosine, tuned", "cifar10-found", FOUND, "cosine"),
    ("found rule − cosine, IMDB", "imdb-found", FOUND, "cosine"),
    ("found rule − one-cycle, tuned *", "cifar10-found-controls", FOUND, "one_cycle"),
    ("found rule − one-cycle, tuned, fresh seeds", "cifar10-tuned-warmup", FOUND, "one_cycle"),
    ("found rule − one-cycle at its mean rate * †", "cifar10-found-controls", FOUND, f"{FOUND}_matched_rate"),
)
"""Methods that are ahead of a schedule, as `LOSSES`."""

TESTS_OF_FEEDBACK = (
    ("reacting rule − yoked replay", "cifar10-regulating", "regulating", "regulating_yoked"),
    ("reacting rule − second yoked replay", "cifar10-regulating", "regulating", "regulating_yoked_3"),
    ("found rule − yoked replay, IMDB", "imdb-found-controls", FOUND, f"{FOUND}_yoked"),
    ("found rule − mean-curve replay, IMDB", "imdb-found-controls", FOUND, f"{FOUND}_mean_curve"),
    ("probe rule − yoked replay", "cifar10-tuned-probe", PROBE, f"{PROBE}_yoked"),
    ("probe rule − mean-curve replay", "cifar10-tuned-probe", PROBE, f"{PROBE}_mean_curve"),
)
"""Rules and replays whose rates differ, as `LOSSES`."""

COPIES = (
    ("rate / uncertainty − constant 3e-4", "cifar10-standard", "inverse", "constant_low"),
    ("found rule − yoked replay", "cifar10-found-replays", FOUND, f"{FOUND}_yoked"),
    ("found rule − mean-curve replay", "cifar10-found-replays", FOUND, f"{FOUND}_mean_curve"),
    ("found rule − recorded replay 1011", "cifar10-recipe", FOUND, "replay_of_1011"),
    ("found rule − recorded replay 1012", "cifar10-recipe", FOUND, "replay_of_1012"),
    ("found rule − recorded replay 1013", "cifar10-recipe", FOUND, "replay_of_1013"),
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
    alike = table["outcome"] == "no contrast"  # no test of feedback, so drawn as what it is: a copy
    equal, differ = table["p_equivalence"] <= ALPHA, table["p_holm"] <= ALPHA
    table.loc[alike & equal, "outcome"] = "equivalent"
    table.loc[alike & ~equal & ~differ, "outcome"] = "inconclusive"
    return table.assign(colour=[colour_of(arm) for _, _, arm, _ in chosen], hollow=alike)


def colour_of(arm: str) -> str:
    """The book's colour for the kind of a method."""
    return {"report": REPORT, "report_epoch": REPORT, "one_cycle": SCHEDULE}.get(arm, RULE)
