"""Exercises of the chapter "CIFAR-10"."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from uncertlr.book.exercises import Wrong, close


def paired_interval(answer: Callable[[Sequence[float], Sequence[float]], tuple[float, float, float]]) -> None:
    """Mean and 95 % t interval of paired differences."""
    for first, second, expected in (
        ([60.0, 50.0, 70.0], [59.0, 48.0, 67.0], [2.0, -0.4841, 4.4841]),
        ([1.0, 3.0], [2.0, 2.0], [0.0, -12.7062, 12.7062]),
        ([5.0, 6.0, 7.0, 8.0], [4.0, 4.0, 6.0, 6.0], [1.5, 0.5813, 2.4187]),
    ):
        given = close(answer(first, second), torch.tensor(expected))
        if not given:
            raise Wrong(f"For {first} and {second} it should be {expected}, the code gives {given.text}.")


def outcome(answer: Callable[[Sequence[float]], str]) -> None:
    """Equivalent, helps, harms or inconclusive, with a margin of half a point."""
    for differences, expected in (
        ([0.1, -0.1, 0.0, 0.1, -0.1], "equivalent"),
        ([0.2, 0.21, 0.19, 0.2, 0.2], "equivalent"),
        ([2.0, 3.0, 2.5, 3.5, 2.0], "helps"),
        ([-12.0, -11.0, -13.0, -12.0], "harms"),
        ([4.0, -4.0, 3.0, -3.0, 0.5], "inconclusive"),
    ):
        given = answer(differences)
        if given is None:
            raise Wrong("The function returns nothing yet.")
        if given != expected:
            raise Wrong(f"The differences {differences} are {expected}, the code says {given}.")


def balanced_threshold(answer: Callable[..., float]) -> None:
    """The quantile of the signal above which halvings cancel increases."""
    signals = np.random.default_rng(0).beta(2, 5, size=1_000)
    for factors, share in (((0.5, 1.1), 0.1209), ((0.8, 1.2), 0.4497)):
        given = answer(signals.tolist(), *factors)
        if given is None:
            raise Wrong("The function returns nothing yet.")
        above = float((signals > given).mean())
        if abs(above - share) > 0.003:
            raise Wrong(
                f"With factors of {factors} a share of {share} should be above; above {given:.3f} it is {above:.3f}."
            )
