"""Exercises of the chapter "What works, and what we know"."""

from collections.abc import Callable, Sequence

import torch

from uncertlr.book.exercises import Wrong, close

TEN = [3.1, 2.8, 3.5, 3.0, 2.7, 3.3, 2.9, 3.4, 3.2, 3.0]


def pairs_needed(answer: Callable[[float, float], int]) -> None:
    """The smallest number of pairs whose 90 % interval around 0 lies within the margin."""
    for deviation, margin, expected in ((0.8, 0.5, 9), (0.3, 0.5, 4), (3.0, 0.5, 100)):
        given = answer(deviation, margin)
        if given is None:
            raise Wrong("The function returns nothing yet.")
        if given != expected:
            raise Wrong(
                f"With a standard deviation of {deviation} and a margin of {margin} it should be {expected}, not {given}."
            )


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
