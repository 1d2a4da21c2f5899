"""The drawings of the pages that run no kernel: arithmetic only, no training."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binomtest

from uncertlr.plots import STYLE, WIDTH
from uncertlr.schedulers import Threshold, simulate


@dataclass(frozen=True)
class Palette:
    """Colours that can be told apart by the colour-blind, on one background."""

    text: str
    grid: str
    lines: tuple[str, ...]


PALETTES = {
    "light": Palette("#24292f", "#d0d7de", ("#0b62a8", "#b3451b", "#1a7f5a", "#7a4fa3")),
    "dark": Palette("#ced6dd", "#48566b", ("#6cb6ff", "#f69d50", "#57c99a", "#c8a1f0")),
}


def intervals(ax: Axes, palette: Palette) -> None:
    """The report's two accuracies with their 95 % Wilson intervals."""
    lines = [("benchmark", 425, 872), ("results", 428, 500)]
    for row, (_, correct, count) in enumerate(lines):
        low, high = binomtest(correct, count).proportion_ci(method="wilson")
        ax.plot([low, high], [row, row], color=palette.lines[row], lw=3, solid_capstyle="butt")
        ax.plot(correct / count, row, "o", color=palette.lines[row], ms=8)
        ax.text(high + 0.015, row, f"{correct} of {count}", va="center", color=palette.lines[row])
    ax.axvline(0.5, color=palette.text, ls="--", lw=1)
    ax.set_title("a guess between two classes", loc="left", fontsize="medium", x=0.06)
    ax.set(xlim=(0.4, 1.05), ylim=(-0.5, 1.5), xlabel="accuracy", yticks=[0, 1], yticklabels=[name for name, *_ in lines])
    ax.grid(axis="y", visible=False)


def factor(ax: Axes, palette: Palette) -> None:
    """What the report's rule makes of four signals that nothing steers."""
    steps = 200
    # a draw that happens to stay inside the bounds; the caption says so
    coin = np.random.default_rng(25).random(steps) < np.log(1.1) / np.log(2.2)
    signals = {
        "always above the threshold": np.ones(steps),
        "falls through it at step 100": np.linspace(1.0, 0.0, steps),
        "above it 12.1 % of the time, at random": coin.astype(float),
        "always below it": np.zeros(steps),
    }
    rule = Threshold(threshold=0.5)
    for (name, signal), color, style in zip(signals.items(), palette.lines, ["-", "--", "-", "-."], strict=True):
        ax.plot(np.arange(steps + 1), [1.0, *simulate(rule, signal)], color=color, ls=style, lw=1.8, label=name)
    for bound in (rule.bounds.low, rule.bounds.high):
        ax.axhline(bound, color=palette.text, lw=0.8, ls=":")
    ax.set(yscale="log", xlabel="step", ylabel="factor on the rate", xlim=(0, steps), ylim=(0.006, 17))
    ax.set_yticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False)


DRAWINGS: dict[str, tuple[Callable[[Axes, Palette], None], tuple[float, float]]] = {
    "intervals": (intervals, (WIDTH, 1.9)),
    "factor": (factor, (WIDTH, 3.9)),
}
"""What can be drawn, and its size in inches."""


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
