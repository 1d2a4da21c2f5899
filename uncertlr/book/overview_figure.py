"""The figure of the page of all results: comparisons that judge rules with uncertainty, in three panels."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from uncertlr import plots
from uncertlr.analysis.paired import MARGIN
from uncertlr.book.outcomes_figure import FOUND, OUTCOME_COLOURS, OUTCOME_MARKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Sections = list[tuple[str, pd.DataFrame]]
"""Headings, and under each the comparisons with their names as the index."""

RULE_NAMES = {
    "report": "report's rule",
    "report_epoch": "report's rule, per epoch",
    "report_inverted": "report's rule, inverted",
    "relative": "relative threshold",
    "inverse": "rate / uncertainty",
    "proportional": "rate × uncertainty",
    "regulating": "reacting rule",
    "probe_information": "probe-batch rule",
}
"""Names of the rules that follow uncertainty, but for the found rule."""

SCHEDULE_NAMES = {"cosine": "cosine", "warmup_cosine": "cosine with warm-up", "one_cycle": "one-cycle"}

CONTROL_NAMES = {
    "yoked": "replay of one run",
    "yoked_3": "replay of another run",
    "mean_curve": "mean-curve replay",
    "shuffled": "shuffled signal",
}
"""Names of the controls by the end of their name in the sweep files."""

DATA_NAMES = {"cifar10": "CIFAR-10", "imdb": "IMDB"}


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """The comparisons whose outcome is a judgement, and of rule and schedule, not also of two machines.

    Args:
        table: of every comparison, each once, with a column ``group``.
    """
    claimed = table["outcome"].isin(OUTCOME_COLOURS) & (table["outcome"] != "no contrast") & np.isfinite(table["ci95_low"])
    return table[claimed & (table["mixed_pairs"] < table["pairs"])]


def against_constant_rates(table: pd.DataFrame) -> Sections:
    """Every judged rule with uncertainty against the constant rate of its study, and against a lower one."""
    table = judged(table)
    table = table[table["arm"].isin(RULE_NAMES) & (table["group"] == "rule against schedule")]
    constant, lower = (table[table["against"] == each] for each in ("constant", "constant_low"))
    of_data = {name: constant["study"].str.startswith(f"{data}-") for data, name in DATA_NAMES.items()}
    tuned = constant["study"].isin(["cifar10-tuned", "cifar10-tuned-probe"])
    sections = [(f"{name}, not tuned", constant[of_data[name] & ~tuned]) for name in of_data]
    sections.append(("CIFAR-10, both tuned", constant[tuned]))
    lower = lower.set_index(lower["study"].str.partition("-")[0].map(DATA_NAMES))
    return [
        *((heading, _largest_first(rows.set_index(rows["arm"].map(RULE_NAMES)))) for heading, rows in sections),
        ("rate / uncertainty against a lower constant rate", lower),
    ]


def found_against_schedules(table: pd.DataFrame) -> Sections:
    """The found rule against schedules that were set in advance."""
    table = judged(table)
    table = table[(table["arm"] == FOUND) & (table["group"] == "rule against schedule")]
    names = table["against"].map(SCHEDULE_NAMES)
    again = table["study"] == "cifar10-tuned-warmup"
    names = names.where(names != "one-cycle", np.where(again, "one-cycle, fresh seeds", "one-cycle"))
    rows = table.set_index(names)
    on_images = rows["study"].str.startswith("cifar10-")
    return [("CIFAR-10, both tuned", _largest_first(rows[on_images])), ("IMDB, not tuned there", rows[~on_images])]


def against_replays(table: pd.DataFrame) -> Sections:
    """Rules against controls whose learning rates differ from theirs, which test feedback."""
    table = judged(table)
    rows = table[(table["group"] == "rule against control") & (table["family"] != "recorded")]
    ends = [against.removeprefix(f"{arm}_") for arm, against in zip(rows["arm"], rows["against"], strict=True)]
    rows = rows.assign(end=ends).query("end != 'matched_rate'")
    names = {**RULE_NAMES, FOUND: "found rule"}
    return [
        (f"{names[arm]}, {DATA_NAMES[data]}", of_rule.set_index(of_rule["end"].map(CONTROL_NAMES)))
        for (arm, data), of_rule in rows.groupby(["arm", rows["study"].str.partition("-")[0]], sort=False)
    ]


PANELS: dict[str, Callable[[pd.DataFrame], Sections]] = {
    "constant": against_constant_rates,
    "found": found_against_schedules,
    "replays": against_replays,
}
"""What the panels show."""


def draw_panel(ax: "Axes", sections: Sections, title: str) -> None:
    """Comparisons under headings: each has a line of text, and below it its 90 % and, thinner, its 95 % interval.

    Args:
        ax: where to draw.
        sections: headings and comparisons.
        title: of the panel.
    """
    height, ends = 0.0, []
    for heading, rows in sections:
        _write(ax, 0, height, "left", heading, weight="bold")
        height += 0.8
        for name, row in rows.iterrows():
            _write(ax, 0, height, "left", str(name))
            _write(ax, 1, height, "right", f"{row['outcome']} {_with_interval(row)}")
            _draw_interval(ax, row, height + 0.55)
            ends.append(row[["ci95_low", "ci95_high"]])
            height += 1.15
        height += 0.35
    plots.points_axis(ax, np.array(ends, dtype=float), 100 * MARGIN)
    ax.set(ylim=(height - 0.3, -0.4), yticks=[], xlabel="difference of test accuracy (points)")
    ax.set_title(title)
    ax.spines["left"].set_visible(False)
    ax.grid(visible=False)  # it would run through the texts


def _largest_first(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values("difference", ascending=False)


def _write(ax: "Axes", across: float, height: float, side: str, text: str, weight: str = "normal") -> None:
    place: Any = {"xycoords": ("axes fraction", "data"), "ha": side, "va": "center", "weight": weight}
    ax.annotate(text, (across, height), annotation_clip=False, **place)


def _with_interval(row: pd.Series) -> str:
    numbers = (f"{row[name]:z.1f}".replace("-", "\N{MINUS SIGN}") for name in ("difference", "ci95_low", "ci95_high"))
    return "{} ({} to {})".format(*numbers)


def _draw_interval(ax: "Axes", row: pd.Series, height: float) -> None:
    colour = OUTCOME_COLOURS[row["outcome"]]
    around = (height - 0.25, height + 0.25)
    ax.fill_betweenx(around, -100 * MARGIN, 100 * MARGIN, color=plots.INK, alpha=0.2, linewidth=0)
    ax.plot([0, 0], around, color=plots.INK, linewidth=1, label="_zero")
    for level, width in ((95, 1.5), (90, 4)):
        ends = [row[f"ci{level}_low"], row[f"ci{level}_high"]]
        ax.plot(ends, [height, height], color=colour, linewidth=width, solid_capstyle="butt")
    ax.plot(row["difference"], height, color=colour, marker=OUTCOME_MARKS[row["outcome"]], markersize=5)
