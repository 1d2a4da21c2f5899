"""A sweep whose product gives every field two values, read as a factorial: cells, effects and their words."""

from typing import Any

import pandas as pd

from uncertlr.analysis.effects import Cell, complete_seeds, factorial_effects
from uncertlr.analysis.paired import MARGIN, SEEDS_FOR_A_CLAIM, Comparison, compare, paired_differences
from uncertlr.analysis.scores import final_scores
from uncertlr.analysis.study import Study
from uncertlr.analysis.tables import over_seeds
from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError

Factors = dict[str, tuple[Any, Any]]
"""A field's first and second value."""

MAIN = {
    "helps": "{change} **helps**",
    "harms": "{change} **harms**",
    "equivalent": "{change} changes less than {margin} points: **equivalent**",
    "not shown": "{change}: a difference is **not shown**, and neither is equivalence",
    "descriptive": "{change}: **descriptive**, no claim, since fewer than {seeds} seeds fill every cell",
}

BOTH = {
    "helps": "{change} together give **more** than their sum",
    "harms": "{change} together give **less** than their sum",
    "equivalent": "{change} add up within {margin} points: **equivalent** to no interaction",
    "not shown": "{change}: an interaction is **not shown**, and neither is its absence",
    "descriptive": "{change}: **descriptive**, no claim, since fewer than {seeds} seeds fill every cell",
}


def factors_of(study: Study) -> Factors:
    """The fields that the study varies, with their two values in the sweep's order.

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
        raise ConfigError(f"{study.name} is no factorial of two values a field; it varies {varied or 'nothing'}")
    names = [part.partition("=")[0] for part in study.jobs[0].arm.split()]
    return {name: (varied[name][0], varied[name][1]) for name in sorted(varied, key=names.index)}


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
    """One row an effect, main effects first, in points of accuracy; empty where fewer than two seeds fill every cell.

    Returns:
        The effect's name as index; ``factors``, ``pairs``, ``difference``, ``low``, ``high``, ``p``, ``p, Holm``, ``word``.
    """
    factors = factors_of(study)
    if seeds_that_fill(study) < 2:
        return pd.DataFrame(columns=["factors", "pairs", "difference", "low", "high", "p", "p, Holm", "word"])
    effects = factorial_effects(cell_scores(study, factors), list(factors))
    rows = {" × ".join(names): {"factors": names, **_points(effect)} for names, effect in effects.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def cells_table(study: Study) -> pd.DataFrame:
    """One row a cell: the fields' values, finished runs, mean accuracy and the half-width of its interval over seeds."""
    factors = factors_of(study)
    rows = []
    for cell, of_seed in cell_scores(study, factors).items():
        values = {name: both[level] for (name, both), level in zip(factors.items(), cell, strict=True)}
        rows.append(
            {**values, "runs": len(of_seed), "accuracy": over_seeds(list(of_seed.values())) if of_seed else "missing"}
        )
    return pd.DataFrame(rows)


def effect_sentences(study: Study) -> list[str]:
    """Every effect in words, with its size and interval."""
    factors, lines = factors_of(study), []
    for _, row in effects_table(study).iterrows():
        changes = [_change(name, factors[name]) for name in row["factors"]]
        words = MAIN if len(changes) == 1 else BOTH
        text = words[row["word"]].format(change=" and ".join(changes), margin=f"{100 * MARGIN:g}", seeds=SEEDS_FOR_A_CLAIM)
        numbers = f"{row['difference']:+.2f} points, 95 % interval {row['low']:+.2f} to {row['high']:+.2f}"
        lines.append(f"{text[0].upper()}{text[1:]} ({numbers}; {row['pairs']} seeds).")
    return lines


def all_changes(study: Study) -> str:
    """The first cell against the last: everything changed at once, in the protocol's words."""
    first, *_, last = list(cell_scores(study, factors_of(study)).items())
    before, after = first[1], last[1]
    differences = paired_differences(after, before)
    if len(differences) < 2:
        return f"Fewer than two seeds have both runs ({len(differences)}), so there is nothing to compare yet."
    effect = compare({"all": differences})["all"]
    row = _points(effect)
    text = MAIN[effect.word].format(change="changing all of them", margin=f"{100 * MARGIN:g}", seeds=SEEDS_FOR_A_CLAIM)
    low, high = (100 * sum(each.values()) / len(each) for each in (before, after))
    numbers = f"{row['difference']:+.2f} points, 95 % interval {row['low']:+.2f} to {row['high']:+.2f}, {row['pairs']} seeds"
    return f"{text[0].upper()}{text[1:]}: from {low:.1f} % to {high:.1f} % ({numbers})."


def _points(effect: Comparison) -> dict[str, object]:
    difference = effect.difference
    return {
        "pairs": difference.count,
        "difference": 100 * difference.estimate,
        "low": 100 * difference.low,
        "high": 100 * difference.high,
        "p": effect.p_value,
        "p, Holm": float("nan") if effect.word == "descriptive" else effect.adjusted,
        "word": effect.word,
    }


def _change(name: str, values: tuple[Any, Any]) -> str:
    """What the second level changes, in words.

    >>> _change("epochs", (1, 3)), _change("augment", (False, True)), _change("learning_rate", (1e-3, 5e-4))
    ('`epochs` 1 to 3', '`augment` off to on', '`learning_rate` 0.001 to 0.0005')
    """
    shown = [{True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else f"{value:g}" for value in values]
    return f"`{name}` {shown[0]} to {shown[1]}"
