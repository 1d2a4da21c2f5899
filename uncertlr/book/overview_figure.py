"""The figure of the page of all results: comparisons that judge rules with uncertainty, in four panels."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from uncertlr import plots
from uncertlr.analysis.paired import MARGIN
from uncertlr.book.outcomes_figure import FOUND, REPORT, RULE, colour_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Affine2DBase

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

SCHEDULE_NAMES = {
    "constant": "constant rate",
    "cosine": "cosine",
    "warmup_cosine": "cosine with warm-up",
    "one_cycle": "one-cycle",
}

CONTROL_NAMES = {
    "yoked": "replay of one run",
    "yoked_3": "replay of another run",
    "mean_curve": "mean-curve replay",
    "shuffled": "shuffled signal",
}
"""Names of the controls by the end of their name in the sweep files."""

DATA_NAMES = {"cifar10": "CIFAR-10", "imdb": "IMDB"}


UNCLAIMED = "cifar10-primary"
"""The study from which nothing is claimed, since it borrows its settings from shorter training."""

JUDGEMENTS = ("helps", "harms", "equivalent", "inconclusive")
"""Outcomes that say something of two methods."""


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """The comparisons whose outcome is a judgement that is claimed, and of rule and schedule, not also of two machines.

    Args:
        table: of every comparison, each once, with a column ``group``.
    """
    claimed = table["outcome"].isin(JUDGEMENTS) & np.isfinite(table["ci95_low"]) & (table["study"] != UNCLAIMED)
    return table[claimed & (table["mixed_pairs"] < table["pairs"])]


REPORTS_FACTORS = ("report", "report_epoch", "regulating", "relative")
"""Rules that multiply the rate by the report's two factors."""


def reports_factors(table: pd.DataFrame) -> Sections:
    """Every judged rule with the report's factors against the constant rate of its study."""
    return _against_constant(table, lambda arm: arm.isin(REPORTS_FACTORS))


def other_rules(table: pd.DataFrame) -> Sections:
    """Every other judged rule with uncertainty against the constant rate of its study, and against a lower one."""
    lower = _with_constant_rates(table).query("against == 'constant_low'")
    names = lower["arm"].map(RULE_NAMES) + ", " + lower["study"].str.partition("-")[0].map(DATA_NAMES)
    sections = _against_constant(table, lambda arm: ~arm.isin(REPORTS_FACTORS))
    return [*sections, ("against a lower constant rate", lower.set_index(names))]


def _with_constant_rates(table: pd.DataFrame) -> pd.DataFrame:
    table = judged(table)
    return table[table["arm"].isin(RULE_NAMES) & (table["group"] == "rule against schedule")]


def _against_constant(table: pd.DataFrame, wanted: Callable[[pd.Series], pd.Series]) -> Sections:
    rows = _with_constant_rates(table).query("against == 'constant'")
    rows = rows[wanted(rows["arm"])]
    tuned = rows["study"].isin(["cifar10-tuned", "cifar10-tuned-probe"])
    of_data = {name: rows["study"].str.startswith(f"{data}-") for data, name in DATA_NAMES.items()}
    sections = [(f"{name}, not tuned", rows[of_data[name] & ~tuned]) for name in of_data]
    sections.append(("CIFAR-10, both tuned", rows[tuned]))
    return [(heading, _largest_first(each.set_index(each["arm"].map(RULE_NAMES)))) for heading, each in sections]


def found_against_schedules(table: pd.DataFrame) -> Sections:
    """The found rule against schedules that were set in advance."""
    table = judged(table)
    table = table[(table["arm"] == FOUND) & (table["group"] == "rule against schedule")]
    names = table["against"].map(SCHEDULE_NAMES)
    again = table["study"] == "cifar10-tuned-warmup"
    names = names.where(names != "one-cycle", np.where(again, "one-cycle, fresh seeds", "one-cycle"))
    rows = table.set_index(names)
    on_images, tuned_on_text = rows["study"].str.startswith("cifar10-"), rows["study"] == "imdb-tuned"
    return [
        ("CIFAR-10, both tuned", _largest_first(rows[on_images])),
        ("IMDB, both tuned", _largest_first(rows[tuned_on_text])),
        ("IMDB, not tuned there", rows[~on_images & ~tuned_on_text]),
    ]


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
    "report": reports_factors,
    "others": other_rules,
    "found": found_against_schedules,
    "replays": against_replays,
}
"""What the panels show."""

TEXT = 157
"""Points, of the column of names and numbers to the left of a panel's axis."""

ROW, HEADING, LINE_OFFSET = 1.0, 0.75, 0.21
"""Heights of a row and of a heading, and how far the two lines of a row lie from its middle."""


def height_of(rows: int, headings: int) -> float:
    """Inches of a panel with so many rows under so many headings, with its title and its axis."""
    return 0.36 * (ROW * rows + HEADING * headings) + 0.85


def draw_panel(ax: "Axes", sections: Sections, title: str, key: bool = False) -> None:
    """Comparisons under headings: each has its name and numbers in a column to the left, and its intervals on the axis.

    Args:
        ax: where to draw.
        sections: headings and comparisons.
        title: of the panel.
        key: whether a key of the marks stands below.
    """
    rows = pd.concat([of_heading for _, of_heading in sections])
    plots.points_axis(ax, rows[["ci95_low", "ci95_high"]].to_numpy(float), 100 * MARGIN)
    height = 0.0
    for heading, of_heading in sections:
        _write(ax, height + HEADING / 2, heading, weight="bold")
        height += HEADING
        for name, row in of_heading.iterrows():
            _line_above(ax, height)
            _write(ax, height + ROW / 2 - LINE_OFFSET, str(name))
            _write(ax, height + ROW / 2 + LINE_OFFSET, f"{row['outcome']} {_with_interval(row)}")
            _draw_interval(ax, row, height + ROW / 2)
            height += ROW
    ax.axvspan(-100 * MARGIN, 100 * MARGIN, color=plots.INK, alpha=0.25, linewidth=0, zorder=0)
    ax.axvline(0, color=plots.INK, linewidth=1, zorder=1, label="_zero")
    ax.set(ylim=(height, 0), yticks=[], xlabel="difference (points)")
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.set_title(title, x=0, ha="left", transform=ax.transAxes + ScaledTranslation(-TEXT / 72, 0, ax.figure.dpi_scale_trans))
    ax.spines["left"].set_visible(False)
    ax.grid(visible=False)  # the lines between the rows and the margin are enough
    if key:
        ax.figure.legend(handles=_key(), loc="outside lower left", ncols=2, frameon=False, columnspacing=1, handlelength=1.6)


def _key() -> list[Line2D | Patch]:
    """What the marks of the panels mean."""
    return [
        Line2D([], [], color=REPORT, linewidth=5, solid_capstyle="butt", label="the report's rule, with any settings"),
        Line2D([], [], color=RULE, linewidth=5, solid_capstyle="butt", label="another rule"),
        Patch(color=plots.INK, alpha=0.25, linewidth=0, label="margin, ±0.5 points"),
        Line2D([], [], color=plots.INK, linewidth=5, solid_capstyle="butt", label="90 % interval"),
        Line2D([], [], color=plots.INK, linewidth=1.5, solid_capstyle="butt", label="95 % interval"),
        Line2D([], [], color=mpl.rcParams["text.color"], linewidth=0, marker="o", markersize=3, label="mean"),
    ]


def _largest_first(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values("difference", ascending=False)


def _write(ax: "Axes", height: float, text: str, weight: str = "normal") -> None:
    place: Any = {"xycoords": ("axes fraction", "data"), "xytext": (-TEXT, 0), "textcoords": "offset points"}
    ax.annotate(text, (0, height), ha="left", va="center", weight=weight, annotation_clip=False, **place)


def _line_above(ax: "Axes", height: float) -> None:
    """A thin line over a row, from its name to the end of the axis."""
    look = {"color": mpl.rcParams["grid.color"], "linewidth": 0.8, "zorder": 0}
    inches = ax.figure.dpi_scale_trans + ScaledTranslation(0, 0, cast("Affine2DBase", ax.transAxes))  # from the axis on
    ax.plot([-TEXT / 72, 0], [height] * 2, transform=blended_transform_factory(inches, ax.transData), clip_on=False, **look)
    ax.axhline(height, **look)


def _with_interval(row: pd.Series) -> str:
    numbers = (f"{row[name]:z.1f}".replace("-", "\N{MINUS SIGN}") for name in ("difference", "ci95_low", "ci95_high"))
    return "{} ({} to {})".format(*numbers)


def _draw_interval(ax: "Axes", row: pd.Series, height: float) -> None:
    colour = colour_of(row["arm"])
    for level, width in ((95, 1.5), (90, 5)):
        ends = [row[f"ci{level}_low"], row[f"ci{level}_high"]]
        ax.plot(ends, [height, height], color=colour, linewidth=width, solid_capstyle="butt")
    ax.plot(row["difference"], height, color=mpl.rcParams["text.color"], marker="o", markersize=3)
