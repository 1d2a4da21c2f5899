"""The drawings of the pages that run no kernel."""

import itertools
import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
from benchmark_page import CURVES, draw_growth
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from result_tables import comparisons_in_groups

from uncertlr.analysis.paired import (
    ALPHA,
    LEAST_LOG_RATE_DISTANCE,
    MARGIN,
    SEEDS_FOR_A_CLAIM,
    compare,
    paired_differences,
    paired_interval,
)
from uncertlr.analysis.study import read_study
from uncertlr.book.front_page import RATES, accuracies_panel, front_page_methods, rates_panel
from uncertlr.book.outcomes_figure import COPIES, GAINS, LOSSES, TESTS_OF_FEEDBACK, chosen_differences
from uncertlr.book.overview_figure import PANELS, draw_panel, height_of
from uncertlr.plots import COLOURS, STYLE


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
    """Learning rates of six methods on CIFAR-10."""
    methods = front_page_methods(palette.advance)
    rates_panel(ax, [methods[arm] for arm in RATES])


def front_accuracies(ax: Axes, palette: Palette) -> None:
    """Final accuracies of seven methods on CIFAR-10."""
    accuracies_panel(ax, list(front_page_methods(palette.advance).values()))


DECISIONS = (
    ("No pair?", "missing"),
    (f"A test of feedback, with\nrates less than {100 * LEAST_LOG_RATE_DISTANCE:.0f} % apart?", "no contrast"),
    (f"Fewer than {SEEDS_FOR_A_CLAIM} pairs?", "descriptive"),
    (f"The {100 * (1 - 2 * ALPHA):.0f} % interval\nwithin {100 * MARGIN} points of 0?", "equivalent"),
    (f"The adjusted p-value\nat most {ALPHA}?", "helps, if above 0\nharms, if below 0"),
    ("", "inconclusive"),
)
"""How the protocol finds an outcome: questions in their order, and the outcome of the first that is answered with yes."""


def protocol_outcomes(ax: Axes, palette: Palette) -> None:
    """The questions below each other, an arrow from each to its outcome and one to the next question."""
    right, column, height = 0.6, 0.73, 0.3  # of the boxes' edge, the outcomes' column, half a box
    arrow = {"arrowstyle": "-|>", "color": palette.advance, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    for row, (question, outcome) in enumerate(DECISIONS):
        if question:
            box = FancyBboxPatch(
                *((0, row - height), right, 2 * height),
                boxstyle="square,pad=0",
                facecolor=palette.grid,
                alpha=0.5,
                linewidth=0,
            )
            ax.add_patch(box)
            ax.text(0.02, row, f"{row + 1}", va="center", weight="bold")
            ax.text(right / 2 + 0.02, row, question, ha="center", va="center")
            ax.annotate("", (column - 0.02, row), (right, row), arrowprops=arrow)
            ax.text((right + column - 0.02) / 2, row - 0.06, "yes", ha="center", va="bottom")
            ax.text(column, row, outcome, va="center", weight="bold")
            last = row == len(DECISIONS) - 2
            ax.annotate("", (right / 2, row + 1 - (0.16 if last else height)), (right / 2, row + height), arrowprops=arrow)
            ax.text(right / 2 + 0.02, row + 0.5, "no", va="center")
        else:
            ax.text(right / 2, row, outcome, ha="center", va="center", weight="bold")
    ax.set(xlim=(0, 1.12), ylim=(len(DECISIONS) - 0.75, -0.4))
    ax.set_axis_off()
    ax.set_title("Equivalence is asked before a difference", fontsize="medium")


OUTCOMES = (
    ("helps", 1.2, 0.7),
    ("harms", -0.9, 0.6),
    ("equivalent", 0.06, 0.34),
    ("equivalent, not 0", 0.28, 0.25),
    ("inconclusive", 0.2, 1.3),
)
"""Made-up comparisons of ten pairs: outcome, mean and standard deviation of the differences in points."""


def statistics_outcomes(ax: Axes, palette: Palette) -> None:
    """What the outcomes of comparisons look like beside the margin of equivalence."""
    for row, (_, mean, deviation) in enumerate(OUTCOMES):
        error = deviation / math.sqrt(10)
        for t, width in ((2.262, 1.5), (1.833, 5)):  # of 95 % and 90 %, with nine degrees of freedom
            ends = [mean - t * error, mean + t * error]
            ax.plot(ends, [row, row], color=palette.advance, linewidth=width, solid_capstyle="butt")
        ax.plot(mean, row, "o", color=palette.text, markersize=5)
    ax.set_yticks(range(len(OUTCOMES)), [name for name, *_ in OUTCOMES])
    ax.set(xlabel="difference (points)", ylim=(len(OUTCOMES) - 0.5, -1.2))
    ax.set_title("The thick interval decides equivalence,\na test a difference", fontsize="medium")
    _margin(ax, palette, -0.8, 0.3)
    ax.text(-1.35, -0.1, "thick: 90 %\nthin: 95 %", va="center")


def _margin(ax: Axes, palette: Palette, height: float, gap: float) -> None:
    """The shaded margin of equivalence with its name at a height, and 0 from a gap below the name on."""
    ax.axvspan(-0.5, 0.5, color=palette.grid, alpha=0.5, linewidth=0)
    ax.plot([0, 0], [height + gap, ax.get_ylim()[0]], color=palette.text, linewidth=1, zorder=1)
    ax.text(0, height, "margin", ha="center", va="center")
    ax.grid(visible=False)


FIVE_PAIRS = (0.6, 0.2, 1.1, 0.9, 0.4)
"""The differences of the page on statistics, in points."""


def sign_flips(ax: Axes, palette: Palette) -> None:
    """The mean of five differences under each of the 32 assignments of signs, stacked where means agree."""
    signs = itertools.product((-1, 1), repeat=len(FIVE_PAIRS))
    means = sorted(round(sum(map(operator.mul, each, FIVE_PAIRS)) / len(FIVE_PAIRS), 2) for each in signs)
    observed = max(means)  # all five differences are positive
    for mean, count in Counter(means).items():
        colour = COLOURS[0] if abs(mean) == observed else palette.advance
        ax.plot([mean] * count, range(1, count + 1), "o", color=colour, markersize=5)
    for end, name, side in ((observed, "observed", "right"), (-observed, "mirror image", "left")):
        ax.plot([end, end], [1.2, 2.4], color=palette.text, linewidth=1)
        ax.text(end, 2.5, name, ha=side)
    ax.set(xlabel="mean difference (points)", ylabel="assignments", ylim=(0.5, 3.5), yticks=[1, 2, 3])
    ax.set_title("Two of 32 means are as far from 0 as the observed", fontsize="medium")
    ax.grid(visible=False)


WORKED = (
    ("one-cycle over\nuncertainty −\ntuned one-cycle", "cifar10-tuned-warmup", "one_cycle_over_uncertainty", "one_cycle"),
    ("rate divided by\nuncertainty −\nconstant 3e-4", "cifar10-standard", "inverse", "constant_low"),
)
"""The stored comparisons that the page on statistics works out: name, study, method, what it is compared with."""


def worked_comparisons(ax: Axes, palette: Palette) -> None:
    """Ten single differences of each comparison above their mean and its intervals."""
    for row, (_, study_name, arm, against) in enumerate(WORKED):
        study = read_study(study_name)
        points = 100 * paired_differences(study.scores(arm), study.scores(against))
        heights = row + 0.05 * np.sin(2.4 * np.arange(len(points)))
        ax.plot(points, heights, "o", color=COLOURS[0], markersize=4)
        for level, width in ((0.95, 1.5), (0.90, 5)):
            interval = paired_interval(points, level)
            ends = [interval.low, interval.high]
            ax.plot(ends, [row + 0.28] * 2, color=COLOURS[0], linewidth=width, solid_capstyle="butt")
        ax.plot(points.mean(), row + 0.28, "o", color=palette.text, markersize=5)
        outcome = compare({arm: points / 100})[arm].outcome  # in its family the p-value is larger, and the outcome the same
        ax.text(1.6, row + 0.28, outcome, ha="right", va="center")
    ax.set_yticks([row + 0.14 for row in range(len(WORKED))], [name for name, *_ in WORKED])
    ax.set(xlabel="difference (points)", ylim=(1.55, -0.45))
    ax.set_title("A gain, and a difference\nwithin the margin", fontsize="medium")
    _margin(ax, palette, -0.34, 0.1)


def main_outcomes(ax: Axes, palette: Palette, chosen: tuple[tuple[str, str, str, str], ...], title: str) -> None:
    """Comparisons of one kind, as the stored runs have them, on a scale of their own."""
    chosen_differences(ax, chosen, title)


def overview(ax: Axes, palette: Palette, name: str, title: str, key: bool = False) -> None:
    """One panel of the overview of all results, on an axis of its own, with or without the key."""
    draw_panel(ax, PANELS[name](comparisons_in_groups()), title, key)


def growth(ax: Axes, palette: Palette, name: str) -> None:
    """How a time grows with what there is more of."""
    draw_growth(ax, palette.advance, name)


DRAWINGS: dict[str, tuple[Callable[[Axes, Palette], None], tuple[float, float]]] = {
    "front-rates": (front_rates, (3.9, 3.7)),
    "front-accuracies": (front_accuracies, (3.9, 3.7)),
    "protocol-outcomes": (protocol_outcomes, (4.2, 4.2)),
    "statistics-outcomes": (statistics_outcomes, (4.2, 2.9)),
    "statistics-sign-flips": (sign_flips, (4.2, 2.0)),
    "statistics-worked": (worked_comparisons, (4.2, 3.1)),
    **{
        f"outcomes-{name}": (partial(main_outcomes, chosen=chosen, title=title), (3.95, 0.5 * len(chosen) + 0.95))
        for name, chosen, title in (
            ("losses", LOSSES, "With our bound, at every step, the rule\nloses 6 to 24 points to a constant rate"),
            ("gains", GAINS, "The found rule beats tuned one-cycle\non CIFAR-10, not on IMDB"),
            ("feedback", TESTS_OF_FEEDBACK, "No rule is shown to be ahead\nof replays with other rates"),
            ("copies", COPIES, "Of eleven comparisons three are\nequivalent, in four the curve is ahead"),
        )
    },
    "overview-report": (
        partial(
            overview, name="report", title="A. The report's factors: six of nine\ncomparisons harm, none helps", key=True
        ),
        (3.95, height_of(9, 3) + 0.75),
    ),
    "overview-others": (
        partial(
            overview,
            name="others",
            title="B. One other rule beats a constant rate,\nand a lower constant rate does as well",
        ),
        (3.95, height_of(6, 4)),
    ),
    "overview-found": (
        partial(overview, name="found", title="C. The found rule beats tuned schedules\non CIFAR-10, not on IMDB"),
        (3.95, height_of(8, 3)),
    ),
    "overview-replays": (
        partial(overview, name="replays", title="D. No rule is shown to be ahead\nof its replays"),
        (3.95, height_of(7, 4)),
    ),
    **{name: (partial(growth, name=name), (4.2, 3.0)) for name in CURVES},
}
"""What can be drawn, and its size in inches: the front page's frame takes some of the width of a phone."""


def used_by(pages: Iterable[Path]) -> list[str]:
    """The names of the drawings that pages show."""
    texts = [page.read_text(encoding="utf-8") for page in pages]
    return sorted({name for text in texts for name in re.findall(r"^```\{drawing\} ([\w-]+)$", text, re.MULTILINE)})


def draw_all(folder: Path, names: Iterable[str]) -> None:
    """Draw these in both palettes; a file whose content has not changed is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in DRAWINGS.keys() & set(names):  # the directive refuses a name that there is not
        draw, size = DRAWINGS[name]
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
