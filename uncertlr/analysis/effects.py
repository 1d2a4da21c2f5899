"""A factorial of two levels a factor: main effects and interactions, from paired seeds."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from uncertlr.analysis.paired import Comparison, compare

Cell = tuple[int, ...]
"""A level a factor: 0 for the first, 1 for the second."""


def factorial_effects(
    scores: Mapping[Cell, Mapping[int, float]], factors: Sequence[str], order: int = 2
) -> dict[tuple[str, ...], Comparison]:
    r"""The effect of each factor and of each combination of factors up to an order, over the seeds that fill every cell.

    With levels coded as :math:`\pm 1`, a main effect is the mean score at the second level minus that at the first (Box,
    Hunter & Hunter 2005, ch. 5). An interaction of two factors is what one's effect changes by from the first to the second
    level of the other, which is how far both together differ from their sum; Box, Hunter & Hunter halve it. Each seed fills
    the whole factorial and so gives one value of each effect; intervals and tests are those of paired differences, adjusted
    over all effects that are asked for.

    Args:
        scores: of each cell, the score of each seed.
        factors: a name for each place of a cell.
        order: highest number of factors in an interaction.

    Raises:
        ValueError: the cells are not the full factorial of the factors.

    >>> values = {(a, b): {seed: 0.5 + 0.1 * a + 0.001 * seed for seed in range(2)} for a in (0, 1) for b in (0, 1)}
    >>> effects = factorial_effects(values, ["a", "b"])
    >>> [round(effects[name].difference.estimate, 6) + 0 for name in effects]
    [0.1, 0.0, 0.0]
    """
    cells = list(itertools.product((0, 1), repeat=len(factors)))
    if set(scores) != set(cells):
        raise ValueError(f"expected the {len(cells)} cells of {', '.join(factors)}, got {sorted(scores)}")
    seeds = complete_seeds(scores)
    table = np.array([[scores[cell][seed] for cell in cells] for seed in seeds]).reshape(len(seeds), len(cells))
    chosen = [each for size in range(1, order + 1) for each in itertools.combinations(range(len(factors)), size)]
    contrasts = {
        tuple(factors[place] for place in places): table
        @ [math.prod(2 * cell[place] - 1 for place in places) * 2 ** len(places) / len(cells) for cell in cells]
        for places in chosen
    }
    return compare(contrasts)


def complete_seeds(scores: Mapping[Cell, Mapping[int, float]]) -> list[int]:
    """The seeds that every cell has."""
    return sorted(set.intersection(*(set(of_seed) for of_seed in scores.values())))
