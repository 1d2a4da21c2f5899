"""Factorials of two levels per factor: main effects and interactions over paired seeds, and a sweep read as one."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from uncertlr.analysis.paired import Comparison, compare, paired_differences
from uncertlr.analysis.scores import final_scores
from uncertlr.analysis.study import Study
from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError

Factors = dict[str, tuple[Any, Any]]
"""A field's first and second value."""

Cell = tuple[int, ...]
"""One level per factor: 0 for the first, 1 for the second."""

EFFECT_COLUMNS = (
    *("factors", "pairs", "difference", "ci95_low", "ci95_high", "ci90_low", "ci90_high"),
    *("p", "p_holm", "outcome"),
)
"""Of an effect: the fields that change, and its difference in points of accuracy with its intervals over seeds."""


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


def factors_of(study: Study) -> Factors:
    """The fields that the study varies, with their two values in the sweep's order: the field that changes last comes first.

    Raises:
        ConfigError: a field has more than two values, or none varies.
    """
    configs = [job.config for job in study.jobs]
    values = {
        name: tuple(dict.fromkeys(getattr(config, name) for config in configs))
        for name in RunConfig.model_fields
        if name not in ("seed", "donors", "channels")
    }
    varied = {name: both for name, both in values.items() if len(both) > 1}
    if not varied or any(len(both) != 2 for both in varied.values()):
        raise ConfigError(f"{study.name} is no factorial of two values per field; it varies {varied or 'nothing'}")
    first_run = {name: [getattr(config, name) for config in configs].index(both[1]) for name, both in varied.items()}
    return {name: (varied[name][0], varied[name][1]) for name in sorted(varied, key=first_run.__getitem__, reverse=True)}


def cell_scores(study: Study, factors: Factors, measure: str = "accuracy") -> dict[Cell, dict[int, float]]:
    """The final score of every finished run, by cell and seed."""
    scores: dict[Cell, dict[int, float]] = {}
    for job in study.jobs:
        cell = tuple(both.index(getattr(job.config, name)) for name, both in factors.items())
        of_seed = scores.setdefault(cell, {})
        if (run := study.arms[job.arm].get(job.config.seed)) is not None:
            of_seed[job.config.seed] = final_scores(run)[measure]
    return scores


def seeds_that_fill(study: Study) -> int:
    """How many seeds have a finished run in every cell."""
    return len(complete_seeds(cell_scores(study, factors_of(study))))


def effects_table(study: Study) -> pd.DataFrame:
    """One row per effect, main effects first; empty where fewer than two seeds fill every cell.

    Returns:
        The effect's name as index, and `EFFECT_COLUMNS`.
    """
    factors = factors_of(study)
    effects = factorial_effects(cell_scores(study, factors), list(factors)) if seeds_that_fill(study) > 1 else {}
    rows = {" × ".join(names): [names, *_points(effect)] for names, effect in effects.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=EFFECT_COLUMNS)


def all_changes(study: Study) -> pd.DataFrame:
    """Everything changed at once, the last cell against the first: a comparison of its own, not one of the effects' family.

    Returns:
        One row, with `EFFECT_COLUMNS`; none where fewer than two seeds have both runs.
    """
    factors = factors_of(study)
    first, *_, last = cell_scores(study, factors).values()
    differences = paired_differences(last, first)
    found = compare({"all changes": differences}) if len(differences) > 1 else {}
    rows = {name: [tuple(factors), *_points(effect)] for name, effect in found.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=EFFECT_COLUMNS)


def _points(effect: Comparison) -> list[object]:
    """The values of `EFFECT_COLUMNS` but the first."""
    difference = effect.difference
    return [
        difference.count,
        100 * difference.estimate,
        100 * difference.low,
        100 * difference.high,
        100 * effect.inner.low,
        100 * effect.inner.high,
        effect.p_value,
        float("nan") if effect.outcome == "descriptive" else effect.adjusted,
        effect.outcome,
    ]
