"""The report's rule in a closed loop with a simulated network whose uncertainty depends on the rates so far."""

from collections.abc import Callable, Sequence
from math import floor

from uncertlr.book.interactive.figure import InteractiveFigure
from uncertlr.schedulers import Bounds, Inverted, Rule, Threshold, simulate_loop

CHOICES: dict[str, list[float]] = {
    "threshold": [value / 20 for value in range(1, 20)],
    "low": [0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
    "high": [1.0, 2.0, 3.0, 5.0, 10.0, 20.0],
    "every": [1, 5, 21, 63, 105],
    "rise": [value / 50 for value in range(11)],
}
"""Values at which the sliders stop."""

START: dict[str, float] = {"threshold": 0.5, "low": 0.3, "high": 10.0, "every": 1, "rise": 0.0}
"""Values of the sliders before a reader moves them; with the book's lower bound of 0.01 nothing would happen."""


def loop(
    curve: Sequence[float], *, spacing: float = 1.0, steps: int = 1_260, steps_per_epoch: int = 21
) -> InteractiveFigure:
    """Uncertainty and factor of a simulated training, with sliders for the rule and for the network.

    Args:
        curve: [N] with N of at least 2, uncertainty as a share of its maximum where the factors so far add up to 0,
            `spacing`, 2 `spacing`, ...
        spacing: of the curve's points.
        steps: of the training that is simulated.
        steps_per_epoch: for the horizontal axis.
    """
    curve = [round(float(value), 4) for value in curve]
    rule = rule_of(START["threshold"], START["low"], START["high"])
    signals, factors = simulate_loop(rule, simulated_network(curve, spacing), steps)
    shown = [(n / steps_per_epoch, signals[n], factors[n]) for n in range(0, steps, max(steps_per_epoch, steps // 10))]
    rows = "".join(f"<tr><td>{epoch:.0f}</td><td>{u:.2f}</td><td>{factor:.3g}</td></tr>" for epoch, u, factor in shown)
    static = f"<table><tr><th>epoch</th><th>uncertainty</th><th>factor on the rate</th></tr>{rows}</table>"
    data = {
        "curve": curve,
        "spacing": spacing,
        "steps": steps,
        "perEpoch": steps_per_epoch,
        "choices": CHOICES,
        "start": START,
    }
    label = "Uncertainty and learning rate of a simulated training; sliders change the rule and the network"
    return InteractiveFigure("loop", data, label, static)


def rule_of(threshold: float, low: float, high: float, every: float = 1, rise: float = 0.0, inverted: bool = False) -> Rule:
    """The library's rule at a position of the sliders.

    Args:
        threshold: of the uncertainty, also for the inverted rule, which lowers the rate below it.
        low: lower bound.
        high: upper bound.
        every: steps between two decisions.
        rise: belongs to the network, not to the rule.
        inverted: lower the rate below the threshold and raise it above.
    """
    bounds = Bounds(low, high)
    if inverted:  # receives 1 - u, so that the threshold is mirrored, too
        return Inverted(Threshold(threshold=1 - threshold, bounds=bounds, every=int(every)))
    return Threshold(threshold=threshold, bounds=bounds, every=int(every))


def simulated_network(curve: Sequence[float], spacing: float = 1.0, rise: float = 0.0) -> Callable[[float], float]:
    """A network that `simulate_loop` can train: its uncertainty depends on the sum of the factors so far.

    Args:
        curve: see `loop`; beyond its end the last value stays.
        spacing: of the curve's points.
        rise: uncertainty that each unit of the factor in force adds.
    """
    distance, last = 0.0, len(curve) - 1

    def respond(factor: float) -> float:
        nonlocal distance
        place = min(distance / spacing, last)
        before = min(floor(place), last - 1)
        learned = curve[before] + (place - before) * (curve[before + 1] - curve[before])
        distance += factor
        return min(1.0, learned + rise * factor)

    return respond
