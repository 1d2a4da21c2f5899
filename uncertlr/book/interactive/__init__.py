"""Figures that answer to the reader: one function of JavaScript each, beside it the Python that gives it its numbers.

A figure is one HTML output that needs no network. It works on the book's pages and in JupyterLab; where no script runs, on
paper or on GitHub, its static picture is seen.
"""

from uncertlr.book.interactive.dropout_masks import dropout_masks
from uncertlr.book.interactive.loop import loop
from uncertlr.book.interactive.points_on_a_line import points_on_a_line
from uncertlr.book.interactive.reliability_over_epochs import reliability_over_epochs

__all__ = ["dropout_masks", "loop", "points_on_a_line", "reliability_over_epochs"]
