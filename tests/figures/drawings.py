"""The figures whose look is kept: each kind that the book draws, from made-up numbers; the front page's from stored runs.

``python -m tests.figures.drawings`` draws the pictures of ``baseline/`` anew, after an intended change.
"""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from uncertlr import plots
from uncertlr.book.front_page import RATES, accuracies_panel, front_page_methods, rates_panel

BASELINE = Path(__file__).with_name("baseline")
LOOK = plots.STYLE | {
    "savefig.facecolor": "white",
    "savefig.transparent": False,
    "figure.dpi": 80,
    "savefig.dpi": 80,
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "text.hinting": "none",
}
EPOCHS = np.arange(1, 9)


def curve(height: float, seeds: int = 6) -> np.ndarray:
    """[seeds, 8] values that rise towards a height."""
    scatter = np.random.default_rng(0).normal(0, 0.02, (seeds, len(EPOCHS)))
    return height * (1 - 0.6 ** EPOCHS.astype(float)) + scatter


def curves_with_a_legend(shift: float) -> Figure:
    figure = Figure()
    lines = {"constant": (EPOCHS, curve(0.6)[0]), "report": (EPOCHS, curve(0.4 + shift)[0])}
    plots.curves(figure.subplots(), lines, "epoch", "accuracy")
    return figure


def seeds_with_names_at_the_ends(shift: float) -> Figure:
    figure = Figure()
    ax = figure.subplots()
    lines = {"constant": (EPOCHS, curve(0.6)), "report": (EPOCHS, curve(0.4 + shift))}
    looks = {"constant": {"color": plots.INK}, "report": {"color": plots.COLOURS[1], "linestyle": "--"}}
    plots.label_ends(plots.over_seeds(ax, lines, looks, "accuracy"))
    return figure


def rates_within_bounds(shift: float) -> Figure:
    figure, steps = Figure(), np.arange(100)
    plots.rate(figure.subplots(), {"report": (steps, 1e-3 * 0.9 ** ((1 - 2 * shift) * steps))}, (1e-5, 1e-2))
    return figure


def uncertainty_and_threshold(shift: float) -> Figure:
    figure, steps = Figure(), np.arange(100)
    plots.uncertainty(figure.subplots(), {"report": (steps, 0.3 + (0.7 - shift) * 0.95**steps)}, 0.5 + shift)
    return figure


def differences_with_outcomes(shift: float) -> Figure:
    figure = Figure(figsize=(plots.WIDTH, 2.6))
    rows = [
        (-12.3 + 20 * shift, -13.4 + 20 * shift, -11.2 + 20 * shift, 10, "harms"),
        (0.1, -0.4, 0.6, 10, "inconclusive"),
        (2.6, 1.9, 3.3, 5, "descriptive"),
    ]
    columns = ["difference", "ci95_low", "ci95_high", "pairs", "outcome"]
    table = pd.DataFrame(rows, columns=columns, index=["report", "cosine", "constant 3e-4"])
    plots.differences(figure.subplots(), table, 0.5, "difference (points)")
    return figure


def survival_with_its_interval(shift: float) -> Figure:
    figure = Figure()
    times, shares = np.array([2.0, 4.0, 7.0]), np.array([0.8, 0.5, 0.2]) - shift
    plots.survival(figure.subplots(), times, shares, 12, plots.COLOURS[0], low=shares - 0.1, high=shares + 0.1)
    return figure


def performance_profile(shift: float) -> Figure:
    figure = Figure()
    plots.profile(figure.subplots(), 0.5 + 0.1 * curve(1.0)[:, -1] * (1 + shift), plots.COLOURS[0])
    figure.axes[0].set_xlim(0.5, 0.65)
    return figure


def calibration_gaps(shift: float) -> Figure:
    figure = Figure(figsize=(plots.WIDTH, 4.4))
    ax, below = figure.subplots(2, sharex=True, height_ratios=[5, 2])
    confidence = (np.arange(15) + 0.5) / 15
    counts = np.array([0, 20, 60, 90, 110, 120, 130, 140, 150, 170, 190, 230, 300, 420, 900])
    bins = {
        "plain": (counts[None], confidence[None], (confidence**1.5)[None]),
        "MC dropout": (counts[::-1][None], confidence[None], (confidence ** (0.8 - 2 * shift))[None]),
    }
    looks = {"plain": {"color": plots.INK}, "MC dropout": {"color": plots.COLOURS[0]}}
    plots.calibration_gap(ax, below, bins, looks)
    plots.label_ends(ax)
    return figure


def rows_of_pictures(shift: float) -> Figure:
    picture = np.linspace(0, 200 + 500 * shift, 3 * 8 * 8).clip(0, 255).astype(np.uint8).reshape(3, 8, 8)
    return plots.picture_rows({"sure": [(picture, "cat 0.99"), (picture[:, ::-1], "a_$b$")], "unsure": [(picture, "dog")]})


def front_page_rates(shift: float) -> Figure:
    figure = Figure(figsize=(3.9, 4.3))
    methods = front_page_methods()
    rates_panel(figure.subplots(), [methods[arm] for arm in (RATES if not shift else RATES[1:])])
    return figure


def front_page_accuracies(shift: float) -> Figure:
    figure = Figure(figsize=(3.9, 4.3))
    methods = list(front_page_methods().values())
    accuracies_panel(figure.subplots(), methods if not shift else methods[::-1])
    return figure


DRAWINGS: dict[str, Callable[[float], Figure]] = {
    draw.__name__: draw
    for draw in (
        curves_with_a_legend,
        seeds_with_names_at_the_ends,
        rates_within_bounds,
        uncertainty_and_threshold,
        differences_with_outcomes,
        survival_with_its_interval,
        performance_profile,
        calibration_gaps,
        rows_of_pictures,
        front_page_rates,
        front_page_accuracies,
    )
}
"""Each draws its figure, a number other than 0 with other data."""


def save(name: str, path: Path, shift: float = 0.0, **look: object) -> None:
    """Draw a figure into a PNG file, in the book's look and nobody else's."""
    with mpl.rc_context(mpl.rcParamsDefault | LOOK | look):
        figure = DRAWINGS[name](shift)
        figure.savefig(path, format="png", metadata={"Software": None})


if __name__ == "__main__":
    BASELINE.mkdir(exist_ok=True)
    for each in DRAWINGS:
        save(each, BASELINE / f"{each}.png")
