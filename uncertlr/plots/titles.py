"""The settings that a figure was made with, below its title."""

import textwrap
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_OF_LINES = 60
"""Characters of a line that fit into a figure's width."""

LOCATIONS: tuple[Literal["left", "center", "right"], ...] = ("left", "center", "right")
"""Of a panel's titles."""

settings = ""
"""Of the figures that are shown from now on; a notebook sets it before each of its cells."""


def add_settings(figure: "Figure") -> None:
    """Write the settings below a figure's title, or above its panels where several have one."""
    if not settings:
        return
    text = in_lines(settings)
    places = [(ax, loc) for ax in figure.axes for loc in LOCATIONS if ax.get_title(loc)]
    if len(places) == 1 and not figure.get_suptitle():
        ax, loc = places[0]
        ax.set_title(f"{ax.get_title(loc)}\n{text}", loc=loc)
    else:
        figure.suptitle("\n".join(filter(None, [figure.get_suptitle(), text])), fontsize="medium")


def in_lines(text: str) -> str:
    """Settings in lines that fit into a figure's width."""
    return textwrap.fill(text, WIDTH_OF_LINES, break_long_words=False)
