"""Exercises of the chapter "Closing the loop"."""

import math
from collections.abc import Callable, Sequence

import torch

from uncertlr.book.exercises import Wrong, close
from uncertlr.book.interactive.loop import simulated_network
from uncertlr.schedulers import Threshold, simulate, simulate_loop

NETWORKS: dict[str, tuple[list[float], float]] = {
    "stays uncertain": ([0.9, 0.9], 0.0),
    "becomes certain": ([0.9, 0.1, 0.1], 0.0),
    "becomes uncertain at a high rate": ([0.1, 0.1], 0.3),
}
"""Uncertainty where the factors add up to 0, 1, 2, ..., and what each unit of the factor in force adds."""

SIGNALS: dict[str, list[float]] = {
    "always above the threshold": [0.9] * 10,
    "always below it": [0.1] * 30,
    "on both sides": [0.9, 0.2, 0.2, 0.6, 0.9, 0.1, 0.8, 0.3, 0.4],
    "exactly at it": [0.5] * 6,
}


def share_above(answer: Callable[[float, float], float]) -> None:
    """Share of the values above the threshold at which the decisions cancel."""
    for decrease, increase in ((0.5, 1.1), (0.5, 2.0), (0.9, 1.01)):
        expected = math.log(increase) / math.log(increase / decrease)
        given = close(answer(decrease, increase), torch.tensor(expected), 1e-4)
        if not given:
            raise Wrong(f"With {decrease} and {increase} it is {expected:.4f}, the code gives {given.text}.")


def closed_loop(answer: Callable[[Callable[[float], float], int], tuple[list[float], list[float]]]) -> None:
    """The report's rule in a loop with something that responds."""
    for name, (curve, rise) in NETWORKS.items():
        given = answer(simulated_network(curve, rise=rise), 60)
        if given is None:
            raise Wrong("The function returns nothing yet.")
        signals, factors = simulate_loop(Threshold(threshold=0.5), simulated_network(curve, rise=rise), 60)
        if not close(given[1], torch.tensor(factors), 1e-6):
            raise Wrong(f"Other factors with a network that {name}: they should begin {factors[:3]}, not {given[1][:3]}.")
        if not close(given[0], torch.tensor(signals), 1e-6):
            raise Wrong(f"Other signals with a network that {name}.")


def factors_with_cadence(answer: Callable[[Sequence[float], int], Sequence[float]]) -> None:
    """The report's rule with one decision in several values."""
    for every in (1, 3, 4):
        for name, signal in SIGNALS.items():
            expected = torch.tensor(simulate(Threshold(threshold=0.5, every=every), signal))
            given = close(answer(signal, every), expected, 1e-6)
            if not given:
                raise Wrong(f"On a signal that is {name}, with one decision in {every}, it gives {given.text}.")


def lowest_threshold(answer: Callable[[Sequence[float]], float | None]) -> None:
    """The lowest threshold with which a recorded signal leaves the rule above its lower bound."""
    falling = [1 - n / 100 for n in range(41)]
    swinging = [0.7 if n % 4 == 0 else 0.3 for n in range(80)]
    for name, signal, expected in (
        ("falls from 1 to 0.6", falling, 0.61),
        ("is 0.7 in every fourth step, else 0.3", swinging, 0.31),
        ("stays at 1", [1.0] * 20, None),
    ):
        given = answer(signal)
        if given is None and expected is not None:
            raise Wrong(f"On a signal that {name} it is {expected}; the function returns nothing.")
        if given is not None and (expected is None or abs(float(given) - expected) > 1e-6):
            raise Wrong(f"On a signal that {name} it is {expected}, the code gives {float(given):.4f}.")
