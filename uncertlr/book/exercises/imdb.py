"""Exercises of the chapter "IMDB"."""

from collections.abc import Callable, Sequence

import torch

from uncertlr.book.exercises import Wrong, close

Test = Callable[[Sequence[float], Sequence[float]], float]


def all_positive(answer: Callable[[float], tuple[float, float, float]]) -> None:
    """Precision, recall and F1 of a network that calls everything positive."""
    for share, expected in ((0.5, [0.5, 1.0, 0.6667]), (0.2, [0.2, 1.0, 0.3333]), (0.9, [0.9, 1.0, 0.9474])):
        given = close(answer(share), torch.tensor(expected))
        if not given:
            raise Wrong(f"Where a share of {share} is positive it should be {expected}, the code gives {given.text}.")


def f_test(answer: Test) -> None:
    """Two-sided F test of two variances."""
    _agrees(answer, [([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], 0.4), ([2.0, 4.0, 6.0], [1.0, 2.0, 3.0], 0.4), (*MIXED, 0.8167)])


def exchange_test(answer: Test) -> None:
    """Exact test of two variances by exchanging within pairs, each sample centred."""
    _agrees(
        answer,
        [
            ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], 0.5),
            (NEAR, FAR, 0.0625),
            (*MIXED, 0.6875),
            ([10.0, 11.0, 12.5], [3.0, 2.0, 0.5], 1.0),
        ],
    )


MIXED = [1.0, 2.0, 3.0, 4.0, 5.0], [3.0, 1.0, 4.0, 1.0, 5.0]
NEAR, FAR = [50.0, 50.1, 49.9, 50.2, 49.8], [60.0, 63.0, 58.0, 66.0, 55.0]


def _agrees(answer: Test, cases: Sequence[tuple[list[float], list[float], float]]) -> None:
    for first, second, expected in cases:
        given = close(answer(first, second), torch.tensor(expected))
        if not given:
            raise Wrong(f"For {first} and {second} the p-value is {expected}, the code gives {given.text}.")
