"""Exercise of the quickstart."""

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
