"""Exercises of the chapter "What works, and what we know"."""

from collections.abc import Callable, Sequence

import torch

from uncertlr.book.exercises import Wrong, close

TEN = [3.1, 2.8, 3.5, 3.0, 2.7, 3.3, 2.9, 3.4, 3.2, 3.0]


def stretched(answer: Callable[[Sequence[float], int], Sequence[float]]) -> None:
    """A curve of multipliers at another number of steps, its logarithms interpolated."""
    for multipliers, steps, expected in (
        ([1.0, 4.0], 3, [1.0, 2.0, 4.0]),
        ([0.1, 1.0, 0.01], 5, [0.1, 0.1**0.5, 1.0, 0.1, 0.01]),
        ([1.0, 3.0, 0.5, 2.0], 2, [1.0, 2.0]),
    ):
        given = close(answer(multipliers, steps), torch.tensor(expected), 1e-4)
        if not given:
            rounded = [round(each, 3) for each in expected]
            raise Wrong(f"{multipliers} in {steps} steps should be {rounded}, not {given.text}.")


def holm(answer: Callable[[Sequence[float]], Sequence[float]]) -> None:
    """Holm's adjusted p-values, in the order of the input."""
    for values, expected in (
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.02, 0.001], [0.02, 0.002]),
    ):
        given = close(answer(values), torch.tensor(expected), 1e-6)
        if not given:
            raise Wrong(f"For the p-values {values} it should be {expected}, the code gives {given.text}.")


def is_equivalent(answer: Callable[[Sequence[float], float], bool]) -> None:
    """Whether the 90 % interval lies within the margin."""
    near = [value - 3.0 for value in TEN]
    for differences, margin, expected in (
        (near, 0.5, True),
        (near, 0.2, False),
        (near, 0.25, True),
        ([5 * value for value in near], 0.5, False),
    ):
        given = answer(differences, margin)
        if given is None:
            raise Wrong("The function returns nothing yet.")
        if bool(given) != expected:
            raise Wrong(f"With a margin of {margin} it should be {expected} for {[round(each, 1) for each in differences]}.")
