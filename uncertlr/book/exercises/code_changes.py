"""Exercises of the appendix "The report's code changes"."""

from collections.abc import Callable

import torch

from uncertlr.book.exercises import Wrong, close


def interaction_of(answer: Callable[[float, float, float, float], float]) -> None:
    """By how much the effect of one change grows with the other."""
    for cells, expected in (((0.3, 0.34, 0.32, 0.4), 0.04), ((0.5, 0.4, 0.3, 0.2), 0.0), ((0.2, 0.6, 0.3, 0.5), -0.2)):
        given = close(answer(*cells), torch.tensor(expected))
        if not given:
            raise Wrong(f"For the cells {cells} the interaction is {expected}, the code gives {given.text}.")
