"""Figures: arrays in, Axes out. Nothing here computes a result."""

from uncertlr.plots.calibration import confusion, reliability
from uncertlr.plots.comparisons import differences, points_axis, profile, survival
from uncertlr.plots.curves import Series, bands, curves, rate, uncertainty
from uncertlr.plots.figure_data import figure_table, show
from uncertlr.plots.images import gallery
from uncertlr.plots.progress import Bar
from uncertlr.plots.style import COLOURS, INK, STYLE, WIDTH, use_style

__all__ = [
    "COLOURS",
    "INK",
    "STYLE",
    "Bar",
    "WIDTH",
    "Series",
    "bands",
    "confusion",
    "curves",
    "differences",
    "figure_table",
    "gallery",
    "points_axis",
    "profile",
    "rate",
    "reliability",
    "show",
    "survival",
    "uncertainty",
    "use_style",
]
