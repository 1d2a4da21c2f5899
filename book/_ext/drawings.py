"""The drawings of the pages that run no kernel, from published runs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib as mpl
from benchmark_page import CURVES, draw_growth
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uncertlr.book.front_page import RATES, accuracies_panel, front_page_methods, rates_panel
from uncertlr.plots import STYLE


@dataclass(frozen=True)
class Palette:
    """Colours of text, grid and schedules that are set in advance, on one background."""

    text: str
    grid: str
    advance: str


PALETTES = {
    "light": Palette("#24292f", "#d0d7de", "#57606a"),
    "dark": Palette("#ced6dd", "#48566b", "#aab2bb"),
}


def front_rates(ax: Axes, palette: Palette) -> None:
    """Learning rates of five methods on CIFAR-10."""
    methods = front_page_methods(palette.advance)
    rates_panel(ax, [methods[arm] for arm in RATES])


def front_accuracies(ax: Axes, palette: Palette) -> None:
    """Final accuracies of seven methods on CIFAR-10."""
    accuracies_panel(ax, list(front_page_methods(palette.advance).values()))


def growth(ax: Axes, palette: Palette, name: str) -> None:
    """How a time grows with what there is more of."""
    draw_growth(ax, palette.advance, name)


DRAWINGS: dict[str, tuple[Callable[[Axes, Palette], None], tuple[float, float]]] = {
    "front-rates": (front_rates, (3.9, 4.3)),
    "front-accuracies": (front_accuracies, (3.9, 4.3)),
    **{name: (partial(growth, name=name), (7.0, 2.9)) for name in CURVES},
}
"""What can be drawn, and its size in inches: the front page's frame takes some of the width of a phone."""


def draw_all(folder: Path) -> None:
    """Draw everything in both palettes; a file whose content has not changed is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (draw, size) in DRAWINGS.items():
        for mode, palette in PALETTES.items():
            path = folder / f"{name}-{mode}.svg"
            fresh = path.with_suffix(".part")
            with mpl.rc_context(_style(palette)):
                figure = Figure(figsize=size, layout="constrained")
                draw(figure.add_subplot(), palette)
                figure.savefig(fresh, format="svg", transparent=True, metadata={"Date": None})
            if path.is_file() and path.read_bytes() == fresh.read_bytes():
                fresh.unlink()
            else:
                fresh.replace(path)


def _style(palette: Palette) -> dict[str, object]:
    text = dict.fromkeys(["text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"], palette.text)
    return {
        **text,
        "grid.color": palette.grid,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.size": STYLE["font.size"],
        "svg.hashsalt": "uncertlr",
    }
