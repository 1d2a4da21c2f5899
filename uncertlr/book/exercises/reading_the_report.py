"""Exercises of the chapter "The report, read critically"."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from uncertlr.book.exercises import Wrong, close
from uncertlr.schedulers import Threshold, simulate

LOGS = {
    (700, 620, 16): (620 / 700, 2.1, 333.333, 20.952),
    (500, 428, 8): (0.856, 3.8369, 130.312, 16.419),
    (872, 425, 8): (425 / 872, 6.265, 139.185, 17.398),
}
NAMES = ("eval_accuracy", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second")


def read_log(answer: Callable[[dict[str, float]], Any]) -> None:
    """Examples, right answers and batch size from a logged line."""
    for expected, values in LOGS.items():
        given = answer(dict(zip(NAMES, values, strict=True)))
        if given is None:
            raise Wrong("The function returns nothing yet.")
        if tuple(given) != expected:
            raise Wrong(
                f"An accuracy of {values[0]:.4f} in {values[1]} s: expected {expected}, the code gives {tuple(given)}."
            )


def examples_needed(answer: Callable[[float, float], float]) -> None:
    """Examples for each of two networks until a difference is found in four of five repetitions."""
    for first, second, expected in ((0.856, 0.866, 18_763), (0.5, 0.6, 384), (0.6, 0.5, 384)):
        given = answer(first, second)
        if given is None:
            raise Wrong("The function returns nothing yet.")
        if abs(float(given) - expected) > 0.01 * expected:
            raise Wrong(f"For {first} and {second} about {expected:,} are needed, the code gives {float(given):,.0f}.")


def factors_of(answer: Callable[[Sequence[float]], Sequence[float]]) -> None:
    """The report's rule on a sequence of uncertainties."""
    for name, signal in {
        "always above": [1.0] * 9,
        "always below": [0.0] * 30,
        "exactly at the threshold": [0.5, 0.5],
        "both sides": [0.9, 0.1, 0.1, 0.9],
    }.items():
        given = close(answer(signal), torch.tensor(simulate(Threshold(threshold=0.5), signal)), 1e-6)
        if not given:
            raise Wrong(f"On a signal that is {name} the threshold it gives {given.text}.")
