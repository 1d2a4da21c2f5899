"""Exercises of the chapter "Is it the feedback?"."""

from collections.abc import Callable, Sequence

import torch

from uncertlr.book.exercises import Wrong, close


def source_seeds(answer: Callable[[Sequence[int]], dict[int, int]]) -> None:
    """Each seed to the next, the last to the first."""
    for seeds in ([0, 1, 2], [12, 10, 11, 13], [5, 9]):
        given = answer(seeds)
        if given is None:
            raise Wrong("The function returns nothing yet.")
        ordered = sorted(seeds)
        expected = dict(zip(ordered, ordered[1:] + ordered[:1], strict=True))
        if given != expected:
            raise Wrong(f"For the seeds {seeds} it should be {expected}, the code gives {given}.")


def log_rate_distance(answer: Callable[[Sequence[float], Sequence[float]], float]) -> None:
    """Root mean square difference of log rates."""
    for rates, others, expected in (
        ([1e-3, 1e-3], [1e-3, 1e-3], 0.0),
        ([1e-3, 1e-3], [2e-3, 5e-4], 0.6931),
        ([1.0, 1e-5], [1.0, 1e-4], 1.6282),
    ):
        given = close(answer(rates, others), torch.tensor(expected))
        if not given:
            raise Wrong(f"For {rates} and {others} the distance is {expected}, the code gives {given.text}.")


def sign_flip_p(answer: Callable[[Sequence[float]], float]) -> None:
    """Exact two-sided sign-flip test of a mean of 0."""
    for differences, expected in (([1.0] * 5, 0.0625), ([1.0, -1.0], 1.0), ([3.0, 1.0, -1.0], 0.75), ([-2.0] * 6, 0.03125)):
        given = close(answer(differences), torch.tensor(expected), 1e-6)
        if not given:
            raise Wrong(f"For the differences {differences} the p-value is {expected}, the code gives {given.text}.")
