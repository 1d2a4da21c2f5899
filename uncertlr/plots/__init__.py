"""Figures: arrays in, Axes out. Nothing here computes a result."""

from uncertlr.plots.calibration import calibration_gap
from uncertlr.plots.cell_output import figure_table, show
from uncertlr.plots.comparisons import differences, dot_rows, named_points, points_axis, profile, survival
from uncertlr.plots.curves import (
    Series,
    curves,
    label_ends,
    learning_curves,
    over_seeds,
    rate,
    rate_and_signal,
    spaced,
    uncertainty,
)
from uncertlr.plots.images import gallery, picture_rows
from uncertlr.plots.live import LivePlot
from uncertlr.plots.style import COLOURS, INK, STYLE, WIDTH, use_style

__all__ = [
    "COLOURS",
    "INK",
    "STYLE",
    "LivePlot",
    "WIDTH",
    "Series",
    "calibration_gap",
    "curves",
    "differences",
    "dot_rows",
    "figure_table",
    "gallery",
    "label_ends",
    "learning_curves",
    "named_points",
    "over_seeds",
    "picture_rows",
    "points_axis",
    "profile",
    "rate",
    "rate_and_signal",
    "show",
    "spaced",
    "survival",
    "uncertainty",
    "use_style",
]
