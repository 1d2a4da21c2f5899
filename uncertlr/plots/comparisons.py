"""Differences between methods with their intervals, rows of dots, survival curves, performance profiles."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from uncertlr.plots.style import COLOURS, INK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def differences(
    ax: "Axes", table: "pd.DataFrame", margin: float, xlabel: str = "", inner: bool = False, numbers: bool = False
) -> "Axes":
    """Differences in points with their intervals: the name above, outcome and number of pairs at the right.

    A thin line parts each row from the next.

    Args:
        ax: where to draw.
        table: a row per comparison, its name the index: ``difference``, ``ci95_low``, ``ci95_high``, ``pairs``,
            ``outcome``; where the difference is NaN only the outcome is written. Hollow rows carry no claim: descriptive or
            no contrast; a column ``hollow`` decides in their place. A column ``colour`` takes the place of the book's first
            colour.
        margin: half-width in points of the shaded zone in which arms count as equivalent.
        xlabel: with the unit.
        inner: also draw the 90 % interval (``ci90_low``, ``ci90_high``), which decides on equivalence, as a thicker line.
        numbers: write each difference before its outcome, in place of the number of pairs.
    """
    for height, (name, row) in enumerate(table.iterrows()):
        known = bool(np.isfinite(row["difference"]))
        # zone and zero at the row's own height: through the whole figure they would run through the names
        ax.fill_between([-margin, margin], height - 0.24, height + 0.24, color=INK, alpha=0.15, linewidth=0)
        ax.plot([0, 0], [height - 0.24, height + 0.24], color=INK, linewidth=1, label="_zero")
        if known:
            _interval(ax, row, height, inner)
        beside = str(row["outcome"])
        if numbers and known:
            beside = f"{row['difference']:z.1f} {beside}".replace("-", "\N{MINUS SIGN}")
        elif not numbers and table["pairs"].nunique() > 1:  # one number is for the caption
            beside += f", n = {row['pairs']:.0f}"
        place: Any = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "annotation_clip": False}
        ax.annotate(str(name), (0, height - 0.26), (0, 1), ha="left", va="bottom", parse_math=False, **place)
        ax.annotate(beside, (1, height), (4, 0), ha="left", va="center", **place)
        if height:
            thin: Any = {"color": INK, "linewidth": 0.5, "alpha": 0.4, "transform": ax.get_yaxis_transform()}
            (line,) = ax.plot([0, 2], [height - 0.72] * 2, label="_next", **thin)
            line.set(clip_on=False, in_layout=False)  # also under the outcomes, up to the figure's edge
    ax.set(ylim=(len(table) - 0.65, -0.75), xlabel=xlabel, yticks=[])
    ax.grid(visible=False)  # it would run through the names
    ax.spines["left"].set_visible(False)
    points_axis(ax, table[["difference", "ci95_low", "ci95_high"]].to_numpy(dtype=float), margin)
    return ax


def _interval(ax: "Axes", row: "pd.Series[Any]", height: float, inner: bool) -> None:
    """The 95 % interval of a difference, the 90 % interval as a thicker part of it, and the difference as a dot."""
    import matplotlib as mpl

    hollow = row.get("hollow", row["outcome"].startswith(("descriptive", "no contrast")))
    colour = row.get("colour", COLOURS[0])
    low, high = row["ci95_low"], row["ci95_high"]
    if not inner:
        ax.plot([low, high], [height] * 2, color=colour, linewidth=2.5, alpha=0.4 if hollow else 1.0)
    elif hollow:  # a box with whiskers, so that it is told from a line at any size
        start, end = row["ci90_low"], row["ci90_high"]
        ax.plot([low, start, np.nan, end, high], [height] * 5, color=colour, linewidth=1.5)
        box = [height + each for each in (0.1, 0.1, -0.1, -0.1, 0.1)]
        ax.plot([start, end, end, start, start], box, color=colour, linewidth=1)
    else:
        for level, width in ((95, 1.5), (90, 4.0)):
            ends = [row[f"ci{level}_low"], row[f"ci{level}_high"]]
            ax.plot(ends, [height] * 2, color=colour, linewidth=width, solid_capstyle="butt")
    dot = mpl.rcParams["text.color"] if inner and not hollow else colour  # told from the thick line under it
    look: dict[str, Any] = {"markerfacecolor": "none" if hollow else dot, "markersize": 4 if inner else 6}
    ax.plot(row["difference"], height, "o", color=dot, linewidth=0, **look)


def points_axis(ax: "Axes", ends: np.ndarray, margin: float) -> "Axes":
    """A linear axis of percentage points that holds all interval ends.

    Args:
        ax: whose axis.
        ends: of intervals; NaN is left out.
        margin: of equivalence, which is always in view.
    """
    finite = ends[np.isfinite(ends)]
    below, above = min(finite.min(initial=0.0), -margin), max(finite.max(initial=0.0), margin)
    room = 0.06 * (above - below)
    ax.set_xlim(below - room, above + room)
    return ax


def dot_rows(
    ax: "Axes",
    rows: Mapping[str, Sequence[float]],
    xlabel: str,
    colours: Mapping[str, str] | None = None,
    filled: Mapping[str, Sequence[bool]] | None = None,
    mark: Callable[[np.ndarray], Any] = np.mean,
    above: bool = False,
) -> "Axes":
    """A row of dots for each name, one per value, and a short line at their mean.

    Args:
        ax: where to draw.
        rows: name to its values; the first name is at the top.
        xlabel: with the unit.
        colours: of each row; blue if there are none.
        filled: which dots are filled, one truth value per dot; their number stands at the right end of the row. If it is
            left out, all are filled, and no number is written.
        mark: gives the place of the line from a row's values, such as the largest.
        above: each name stands over its dots, which leaves them the whole width, and the line's place as a number at the
            right end of the row.
    """
    half = 0.2 if above else 0.4
    for row, (name, values) in enumerate(rows.items()):
        x = np.asarray(values, dtype=float)
        height = row + 0.65 * half * np.sin(2.4 * np.arange(len(x)))  # apart, and the same in every drawing
        colour = colours[name] if colours else COLOURS[0]
        full = np.asarray(filled[name], dtype=bool) if filled else np.full(len(x), True)
        dots: Any = {"marker": "o", "markersize": 4, "linewidth": 0, "color": colour}
        ax.plot(x[full], height[full], label=name, **dots)
        ax.plot(x[~full], height[~full], markerfacecolor="none", label=f"{name}, hollow" if filled else "_", **dots)
        ax.plot([mark(x)] * 2, [row - half, row + half], color=INK, linewidth=1.5, label="_mean")
        place: Any = {"xycoords": ("axes fraction", "data"), "annotation_clip": False, "color": colour}
        if filled:
            ax.annotate(f" {full.sum()} of {len(x)}", (1.0, row), va="center", **place)
        elif above:
            ax.annotate(f" {mark(x):.1f}", (1.0, row), va="center", **place)
        if above:
            ax.annotate(name, (0.0, row - 1.2 * half), va="bottom", parse_math=False, **place)
    ax.set(xlabel=xlabel, ylim=(len(rows) - 0.4, -0.6))
    if above:
        ax.set(yticks=[], ylim=(len(rows) - 0.6, -0.8))
        ax.spines["left"].set_visible(False)
        ax.grid(visible=False)  # it would run through the names
    else:
        ax.set_yticks(range(len(rows)), list(rows))
        ax.grid(visible=False, axis="y")
    return ax


def named_points(ax: "Axes", x: "pd.Series[float]", y: "pd.Series[float]") -> "Axes":
    """Points with their names beside them, each where it covers neither a point nor another name.

    Args:
        ax: where to draw; its size must be final.
        x: with the points' names as index.
        y: with the same index.
    """
    from matplotlib.transforms import Bbox

    ax.plot(x, y, "o", color=INK, label="points")
    ax.margins(0.08)
    ax.grid(visible=False)
    figure: Any = ax.figure
    figure.canvas.draw()  # places the axes, and so the points
    unit = figure.dpi / 72  # pixels in a point
    dots = ax.transData.transform(np.column_stack([x, y]))
    taken = [Bbox([dot - 5 * unit, dot + 5 * unit]) for dot in dots]
    sides = [
        ((7, 0), "left", "center"),
        ((0, 6), "center", "bottom"),
        ((0, -6), "center", "top"),
        ((-7, 0), "right", "center"),
    ]
    for name, *place in zip(x.index, x, y, strict=True):
        for offset, ha, va in sides:
            style: Any = {"textcoords": "offset points", "ha": ha, "va": va, "color": INK, "parse_math": False}
            text = ax.annotate(str(name), tuple(place), offset, **style)
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
            text.remove()
        else:
            ax.add_artist(text)
        taken.append(box)
    return ax


def survival(ax: "Axes", times: np.ndarray, shares: np.ndarray, last: float, colour: str, **intervals: np.ndarray) -> "Axes":
    """The share of runs that have not reached the target yet, as steps that fall, with its interval as a shade.

    Args:
        ax: where to draw.
        times: [K], when runs reached the target.
        shares: [K], still under way just after.
        last: where the curve ends.
        colour: of the curve.
        intervals: ``low`` and ``high``, [K] each, or nothing.
    """
    x = [0.0, *times, 1.03 * last]

    def steps(values: np.ndarray) -> list[float]:
        return [1.0, *values, values[-1] if len(values) else 1.0]

    if intervals:
        low, high = steps(intervals["low"]), steps(intervals["high"])
        ax.fill_between(x, low, high, step="post", color=colour, alpha=0.2, linewidth=0)
    ax.step(x, steps(shares), where="post", color=colour)
    ax.set(xlim=(0, 1.03 * last), ylim=(-0.03, 1.03))
    return ax


def profile(ax: "Axes", scores: Sequence[float], colour: str) -> "Axes":
    """A performance profile: the share of runs that score at least so much (Agarwal et al. 2021).

    Args:
        ax: where to draw.
        scores: one per run.
        colour: of the curve.
    """
    ordered = np.sort(np.asarray(scores, dtype=float))
    shares = 1 - np.arange(len(ordered) + 1) / len(ordered)
    ax.step([*ordered, ordered[-1]], shares, where="pre", color=colour)
    ax.set(ylim=(-0.03, 1.03))
    return ax
