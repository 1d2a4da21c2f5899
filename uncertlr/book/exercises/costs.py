"""Exercises of the chapter "What it costs"."""

from collections.abc import Callable, Sequence

import torch

from uncertlr.book.exercises import Wrong, close


def hardware_limit(answer: Callable[[float, float, float, float], float]) -> None:
    """The longer of computing and copying."""
    for amounts, expected in (((2e9, 1e8, 1e11, 1e10), 0.02), ((1e8, 4e9, 1e11, 1e10), 0.4), ((5.0, 5.0, 1.0, 1.0), 5.0)):
        given = close(answer(*amounts), torch.tensor(expected))
        if not given:
            raise Wrong(f"For {amounts} the limit is {expected} s, the code gives {given.text}.")


def overhead(answer: Callable[[Sequence[float], Sequence[float]], float]) -> None:
    """The median of the ratios of pairs."""
    quiet, slow = [1.1, 1.1, 1.1], [3.3, 3.3]  # every step takes three times as long while another program runs
    cases = [
        (quiet, [1.0, 1.0, 1.0], 1.1),
        (quiet + slow, [1.0, 1.0, 1.0, 3.0, 3.0], 1.1),
        ([1.1, 1.1, 3.3, 3.3, 3.3], [1.0, 1.0, 1.0, 3.0, 3.0], 1.1),
    ]
    for observed, without, expected in cases:
        given = close(answer(observed, without), torch.tensor(expected))
        if not given:
            raise Wrong(f"For {observed} and {without} the overhead is {expected}, the code gives {given.text}.")


def estimate_operations(answer: Callable[[int, int, int, int], int]) -> None:
    """The trunk once, and the cheaper way for the head."""
    for trunk, features, classes, samples in ((0, 128, 10, 32), (1_000_000, 128, 10, 32), (0, 128, 100, 32), (500, 4, 2, 1)):
        expected = trunk + 2 * features * classes * min(samples, classes)
        given = close(answer(trunk, features, classes, samples), torch.tensor(expected))
        if not given:
            raise Wrong(
                f"For trunk={trunk:,}, features={features}, classes={classes}, samples={samples} it should be {expected:,}, "
                f"the code gives {given.text}."
            )
