"""Exercises of the appendix "The report's code changes"."""

from collections.abc import Callable, Mapping
from itertools import product

import torch

from uncertlr.book.exercises import Wrong, close


def main_effect(answer: Callable[[Mapping[tuple[bool, ...], float], int], float]) -> None:
    """The mean score of the combinations with a change minus the mean of those without it."""
    effects = (0.1, -0.04, 0.02)
    for interaction in (0.0, 0.08):
        cells = {
            cell: 0.4
            + sum(effect * made for effect, made in zip(effects, cell, strict=True))
            + interaction * cell[0] * cell[1]
            for cell in product((False, True), repeat=3)
        }
        for place, effect in enumerate(effects):
            expected = effect + interaction / 2 * (place < 2)
            given = close(answer(cells, place), torch.tensor(expected))
            if not given:
                raise Wrong(
                    f"For the cells {cells} the main effect at place {place} is {expected:.3f}, the code gives {given.text}."
                )


def interaction_of(answer: Callable[[Mapping[tuple[bool, ...], float], int, int], float]) -> None:
    """By how much the effect of one change grows with another, over all combinations of the rest."""
    for pair in ((0.08, 0.0), (0.08, -0.05)):  # of the first two changes, of the last two
        cells = {
            cell: 0.4 + 0.1 * cell[0] - 0.04 * cell[1] + pair[0] * cell[0] * cell[1] + pair[1] * cell[1] * cell[2]
            for cell in product((False, True), repeat=3)
        }
        for places, expected in (((0, 1), pair[0]), ((1, 2), pair[1]), ((0, 2), 0.0)):
            given = close(answer(cells, *places), torch.tensor(expected))
            if not given:
                raise Wrong(
                    f"For the cells {cells} the interaction at {places} is {expected:.3f}, the code gives {given.text}."
                )
