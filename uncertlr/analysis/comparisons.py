"""Comparisons of a study's methods, in the families that the protocol names, with their outcomes."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from uncertlr.analysis.paired import SEEDS_FOR_A_CLAIM, Comparison, compare, paired_differences
from uncertlr.analysis.pairs import FRESH, log_rate_distance, mixed_pairs, sources_spread, without_pilot
from uncertlr.analysis.study import Study
from uncertlr.errors import ConfigError

Pair = tuple[str, str]
"""An arm, and the arm it is compared with."""


def named_family(study: Study) -> list[Pair]:
    """Every arm with feedback against each baseline of the study, whether their runs are finished or not."""
    return [(arm, other) for other in study.facts.baselines for arm in study.feedback]


def causal_family(study: Study) -> list[Pair]:
    """Every feedback arm against each of its controls: its kind of curve without feedback, or its matched mean rate."""
    controls = {arm: [*study.controls(arm), study.matched_mean_rate(arm)] for arm in study.feedback}
    return [(arm, control) for arm, of_arm in controls.items() for control in of_arm if control]


def schedule_family(study: Study) -> list[Pair]:
    """Schedules and other rates against the first baseline; arms with feedback against their own initial rate, constant."""
    fixed = [(arm, study.baseline) for arm in study.schedules if arm != study.baseline and study.baseline]
    return fixed + [(arm, constant) for arm in study.feedback if (constant := study.matched_constant_rate(arm))]


def ablation_family(study: Study) -> list[Pair]:
    """Arms against their ablations: is the sign right, and is uncertainty the useful signal?"""
    return [(arm, ablation) for arm, ablations in study.facts.ablations.items() for ablation in ablations]


def file_family(study: Study) -> list[Pair]:
    """Of a study without baselines, whose comparisons form one family: arms with feedback against schedules and controls."""
    if study.facts.baselines:
        return []
    schedules = [(arm, schedule) for arm in study.feedback for schedule in study.schedules]
    return schedules + [pair for pair in causal_family(study) if pair not in schedules]


def recorded_family(study: Study) -> list[Pair]:
    """Every feedback arm against each replay of a recorded run: does a recorded curve do as well as the rule?

    A statement needs all of these comparisons, so none has an outcome before all planned pairs of the family are finished.
    They ask for equivalence, for which it does not matter how far the rates lie apart: no outcome is ``no contrast``.
    """
    return [(arm, replay) for arm in study.feedback for replay in study.recorded]


FAMILIES: dict[str, Callable[[Study], list[Pair]]] = {
    "named": named_family,
    "file": file_family,
    "causal": causal_family,
    "schedules": schedule_family,
    "ablations": ablation_family,
    "recorded": recorded_family,
}
"""The families of the protocol, within which p-values are adjusted."""


def comparison(study: Study, arm: str, against: str) -> pd.Series:
    """The row of `comparisons` of one pair of arms, judged within the first family that has it.

    Raises:
        ConfigError: no family of the study compares the two.
    """
    for family in FAMILIES.values():
        if (arm, against) in (pairs := family(study)):
            return comparisons(study, pairs).set_index(["arm", "against"]).loc[(arm, against)]
    raise ConfigError(f"no family of the study {study.name!r} compares {arm!r} with {against!r}")


def comparisons(study: Study, family: Sequence[Pair]) -> pd.DataFrame:
    """One row per comparison of a family, finished or not, in points of final accuracy.

    Args:
        study: whose runs are compared.
        family: the comparisons among which Holm adjusts.

    Returns:
        Columns ``arm``, ``against``, ``pairs``, ``planned``, ``difference``, ``ci95_low``, ``ci95_high``, ``ci90_low``,
        ``ci90_high``, ``p``, ``p_holm``, ``p_equivalence``, and what else the two arms differ in: ``log_rate_distance`` (to
        a control), ``source_spread`` (between the log rates of its source runs), ``rate`` and ``rate_against`` (the initial
        ones), ``matched_constant_rate`` (see `matched_constant_rate_outcome`), ``pilot_seeds``, ``mixed_pairs`` (trained on
        two kinds of processor), the columns of `without_pilot`; then ``outcome``. With no pair, or in a study that is
        `awaited`, it is ``missing`` and the numbers are NaN; one pair has no interval; an adjusted p-value is given only
        where there are enough pairs for a claim.
    """
    distances, differences = _log_rate_distances(study, family), _differences(study, family)
    found, undecided, hidden = _judged(study, family), _undecided(study, family), awaited(study)
    rows = []
    for pair in family:
        (arm, other), pairs, judged = pair, len(differences[pair]), None if hidden else found.get(pair)
        row = {"arm": arm, "against": other, "pairs": pairs, "planned": _planned(study, pair)} | _numbers(judged)
        if pairs == 1 and not hidden:
            row["difference"] = 100 * differences[pair][0]
        row["log_rate_distance"] = distances.get(pair, float("nan"))
        row |= _beside(study, arm, other) | (dict.fromkeys(FRESH, float("nan")) if hidden else {})
        row["outcome"] = "missing" if hidden else _outcome(None if pair in undecided else judged, pairs)
        rows.append(row)
    columns = ["arm", "against", "pairs", "planned", *_numbers(None), "log_rate_distance", *BESIDE, "outcome"]
    return pd.DataFrame(rows, columns=columns)


def awaited(study: Study) -> bool:
    """Whether a planned study's comparisons form one family, or replay recorded runs, and a pair of them is missing.

    Its runs may be published as they finish, but no difference is shown before all of them are there.
    """
    family = [*file_family(study), *recorded_family(study)] if study.facts.protocol_fixed else []
    return any(len(values) < _planned(study, pair) for pair, values in _differences(study, family).items())


def _judged(study: Study, family: Sequence[Pair]) -> dict[Pair, Comparison]:
    """The comparisons of a family that have at least two pairs."""
    rotations = {pair: study.rotation(pair[1]) for pair in family}
    return compare(_differences(study, family), _log_rate_distances(study, family), rotations)


def _undecided(study: Study, family: Sequence[Pair]) -> list[Pair]:
    """The comparisons with a recorded run while any of them lacks a planned pair."""
    recorded = [pair for pair in family if pair in recorded_family(study)]
    finished = {pair: len(values) for pair, values in _differences(study, recorded).items()}
    return recorded if any(finished[pair] < _planned(study, pair) for pair in recorded) else []


def _planned(study: Study, pair: Pair) -> int:
    return min(study.planned(arm) for arm in pair)


def _differences(study: Study, family: Sequence[Pair]) -> dict[Pair, np.ndarray]:
    return {(arm, other): paired_differences(study.scores(arm), study.scores(other)) for arm, other in family}


def _log_rate_distances(study: Study, family: Sequence[Pair]) -> dict[Pair, float]:
    """Of the comparisons with a control."""
    return {pair: log_rate_distance(study, *pair) for pair in family if pair[1] in study.controls(pair[0])}


def _outcome(comparison: Comparison | None, pairs: int) -> str:
    if comparison is not None:
        return comparison.outcome
    return "descriptive" if pairs else "missing"


def verdict_table(study: Study, baseline: str = "") -> pd.DataFrame:
    """One row per arm with finished runs: seeds, mean accuracy, difference from the baseline, p-values, outcome.

    Arms with feedback are adjusted within the named family and schedules within theirs, where the baseline belongs to it;
    all others among themselves. Arms that share fewer than two finished seeds with the baseline have no comparison; their
    cells are empty.

    Args:
        study: whose arms are compared.
        baseline: the arm to compare with; empty for the study's first baseline.

    Raises:
        ConfigError: the study has no such arm.
    """
    baseline = baseline or study.baseline
    if baseline not in study.arms:
        raise ConfigError(f"the sweep has no arm {baseline!r} to compare with; it has {'; '.join(study.arms)}")
    named = [pair for pair in named_family(study) if baseline in study.facts.baselines and pair[0] != baseline]
    schedules = schedule_family(study) if baseline == study.baseline else []
    compared = {arm for arm, other in (*named, *schedules) if other == baseline}
    rest = [(arm, baseline) for arm in study.arms if arm != baseline and arm not in compared]
    table = pd.concat([comparisons(study, family) for family in (named, schedules, rest) if family])
    table = table[table["against"] == baseline].drop_duplicates("arm").set_index("arm")
    table.loc[table["pairs"] < 2, ["difference", "outcome"]] = [float("nan"), ""]
    accuracies = {arm: study.scores(arm) for arm in study.arms}
    means = {arm: [len(each), sum(each.values()) / len(each)] for arm, each in accuracies.items() if each}
    scores = pd.DataFrame.from_dict(means, orient="index", columns=["seeds", "accuracy"])
    table = scores.join(table[list(_VERDICT_COLUMNS)])
    table[["outcome", "matched_constant_rate"]] = table[["outcome", "matched_constant_rate"]].fillna("")
    return table


def _numbers(comparison: Comparison | None) -> dict[str, object]:
    names = ("difference", "ci95_low", "ci95_high", "ci90_low", "ci90_high", "p", "p_holm", "p_equivalence")
    if comparison is None:
        return dict.fromkeys(names, float("nan"))
    difference, inner = comparison.difference, comparison.inner
    adjusted = float("nan") if difference.count < SEEDS_FOR_A_CLAIM else comparison.adjusted
    points = (100 * value for value in (difference.estimate, difference.low, difference.high, inner.low, inner.high))
    return dict(zip(names, (*points, comparison.p_value, adjusted, comparison.equivalence), strict=True))


def matched_constant_rate_outcome(study: Study, arm: str, other: str) -> str:
    """The outcome against the constant rate that an arm with feedback starts from, where its baseline starts elsewhere.

    Returns:
        The outcome; ``not planned`` where the study has no such constant rate; empty where both arms start alike, or from
        other rates by design: where the other is the arm's matched mean rate, or both rates were chosen on validation.
    """
    if (
        study.facts.chosen_on_validation
        or arm not in study.feedback
        or other == study.matched_mean_rate(arm)
        or study.initial_rate(arm) == study.initial_rate(other)
    ):
        return ""
    if not (constant := study.matched_constant_rate(arm)):
        return "not planned"
    pair, family = (arm, constant), schedule_family(study)
    return _outcome(_judged(study, family).get(pair), len(_differences(study, [pair])[pair]))


BESIDE = ("source_spread", "rate", "rate_against", "matched_constant_rate", "pilot_seeds", "mixed_pairs", *FRESH)
"""Columns of `comparisons` that say what else the arms differ in."""

_VERDICT_COLUMNS = (
    "pairs",
    "difference",
    "ci95_low",
    "ci95_high",
    "p",
    "p_holm",
    "p_equivalence",
    "matched_constant_rate",
    "outcome",
)
"""Columns of `comparisons` that the table of `verdict_table` has."""


def _beside(study: Study, arm: str, other: str) -> dict[str, object]:
    return {
        "source_spread": sources_spread(study, other) if other in study.controls(arm) else float("nan"),
        "rate": study.initial_rate(arm),
        "rate_against": study.initial_rate(other),
        "matched_constant_rate": matched_constant_rate_outcome(study, arm, other),
        "mixed_pairs": mixed_pairs(study, arm, other),
        **without_pilot(study, arm, other),
    }
