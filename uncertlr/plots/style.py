"""Colours and settings of all figures; they read on a light and on a dark page."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


COLOURS = ("#3a8fd9", "#d97526", "#2a9d78", "#c45ba3", "#8a8a2a", "#d1495b")
"""Distinguishable for colour-blind readers (after Okabe & Ito 2008), and legible on white and on near-black."""


INK = "#6e757e"
"""Axes, labels and grids: a grey that reads on white and on near-black; the book gives each page a grey of its own."""


WIDTH = 4.5
"""Inches, of every figure, its panels beside or under one another: a phone shows that much with the text still legible."""


STYLE: dict[str, Any] = {
    "figure.figsize": (WIDTH, 2.8),
    "font.size": 9,  # points, of all text: at `WIDTH` no less than 10 pixels on a phone
    "axes.titlesize": "medium",
    "figure.labelsize": "medium",
    "svg.hashsalt": "uncertlr",
    **dict.fromkeys(["figure.facecolor", "axes.facecolor", "savefig.facecolor"], "none"),
    "savefig.transparent": True,
    **dict.fromkeys(["text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor", "grid.color"], INK),
    **dict.fromkeys(["xtick.color", "ytick.color"], INK),
    "grid.alpha": 0.25,
    "axes.grid": True,
    **dict.fromkeys(["axes.spines.top", "axes.spines.right"], False),
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 220,  # of what a vector drawing holds as pixels
    "lines.linewidth": 1.8,
}


def use_style() -> None:
    """Give every later figure of this process the book's look; a notebook shows it as SVG, sharp at any size."""
    import matplotlib as mpl
    from cycler import cycler

    style: Any = {**STYLE, "axes.prop_cycle": cycler(color=COLOURS)}
    mpl.rcParams.update(style)
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        from matplotlib_inline.config import InlineBackend

        backend = InlineBackend.instance(parent=shell)
        backend.shell = shell
        options: Any = {"bbox_inches": "tight", "metadata": {"Date": None}}
        backend.print_figure_kwargs = options
        backend.figure_formats = {"svg"}
