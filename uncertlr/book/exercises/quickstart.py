"""Exercises of the quickstart."""

from collections.abc import Callable

from uncertlr.book.exercises import Wrong


def decisions_to_the_bound(answer: Callable[[float, float], int]) -> None:
    """Decisions from the factor 1 to the lower bound."""
    for decrease, bound, expected in ((0.5, 0.01, 7), (0.5, 0.25, 2), (0.9, 0.5, 7), (0.2, 0.008, 3)):
        given = answer(decrease, bound)
        if given is None:
            raise Wrong("The function returns nothing yet.")
        if given != expected:
            raise Wrong(f"A factor of {decrease} reaches {bound} after {expected} decisions, the code gives {given}.")


def factors_per_epoch(answer: Callable[[list[float], int, float], list[float]]) -> None:
    """Factors of the report's rule with one decision per epoch."""
    cases = (
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], 4, 0.5, [0.5, 0.55]),
        ([0.9, 0.4, 0.2, 0.6], 2, 0.5, [0.5, 0.55]),  # above the threshold on average, then below it
        ([0.75, 0.25, 1.0], 2, 0.5, [1.0, 0.5]),  # exactly at the threshold, then half an epoch
    )
    for values, steps, threshold, expected in cases:
        given = answer(values, steps, threshold)
        if given is None:
            raise Wrong("The function returns nothing yet.")
        if [round(factor, 6) for factor in given] != expected:
            raise Wrong(f"Epochs of {steps} steps with {values} give {expected}, the code gives {list(given)}.")
