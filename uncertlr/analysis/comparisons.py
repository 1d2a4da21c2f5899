"""What the finished runs of a sweep say: comparisons in the families that the protocol names, in the protocol's words."""

from collections.abc import Iterable, Sequence

import pandas as pd

from uncertlr.analysis.paired import SEEDS_FOR_A_CLAIM, Comparison, compare, paired_differences
from uncertlr.analysis.pairs import FRESH, mixed_pairs, rates_apart, sources_spread, without_pilot
from uncertlr.analysis.study import CONSTANT, Study
from uncertlr.errors import ConfigError

Pair = tuple[str, str]
"""An arm, and the arm it is compared with."""


def named_family(study: Study) -> list[Pair]:
    """Every arm with feedback against each baseline of the study, whether their runs are finished or not."""
    return [(arm, other) for other in study.facts.baselines for arm in study.feedback]


def causal_family(study: Study) -> list[Pair]:
    """Every feedback arm against each of its own controls: its kind of curve without feedback, or its level alone."""
    controls = {arm: [*study.controls(arm), study.matched_rate(arm)] for arm in study.feedback}
    return [(arm, control) for arm, of_arm in controls.items() for control in of_arm if control]


def schedule_family(study: Study) -> list[Pair]:
    """Schedules and other rates against the first baseline; arms with feedback against their own initial rate, constant."""
    fixed = [(arm, study.baseline) for arm in study.schedules if arm != study.baseline and study.baseline]
    return fixed + [(arm, same) for arm in study.feedback if (same := study.same_rate(arm))]


def ablation_family(study: Study) -> list[Pair]:
    """Arms against their ablations: is the sign right, and is uncertainty the useful signal?"""
    return [(arm, ablation) for arm, ablations in study.facts.ablations.items() for ablation in ablations]


def headline_comparisons(study: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the headline shows, each judged in its own family, as far as there are pairs.

    Returns:
        Arms that listen against what the protocol names and against a fixed rate that starts alike; the same against their
        controls.
    """
    families = (named_family(study), schedule_family(study), causal_family(study))
    named, fixed, causal = (table[table["word"] != "missing"] for table in (comparisons(study, each) for each in families))
    return pd.concat([named, fixed[fixed["arm"].isin(study.feedback)]]), causal


def comparisons(study: Study, family: Sequence[Pair]) -> pd.DataFrame:
    """One row a comparison of a family, finished or not, in points of final accuracy.

    Args:
        study: whose runs are compared.
        family: the comparisons among which Holm adjusts.

    Returns:
        Columns ``arm``, ``against``, ``pairs``, ``planned``, ``difference``, ``low`` and ``high``, ``low, 90 %`` and
        ``high, 90 %``, ``p``, ``p, Holm``, ``p, equivalence``, ``word``; then what stands between the arms beside the rule:
        ``apart`` (of a control, distance of the log rates), ``spread`` (of its source runs' log rates), ``rate`` and
        ``rate against`` (the initial ones), ``same rate`` (see `same_rate_word`), ``pilot`` (its seeds), ``mixed`` (pairs on
        two kinds of processor), and what stands without the pilot (see `without_pilot`). With no pair the word is
        ``missing`` and the numbers are NaN; one pair has no interval; an adjusted p-value stands only where there are enough
        pairs for a claim.
    """
    scores = {arm: study.scores(arm) for pair in family for arm in pair}
    apart = {pair: rates_apart(study, *pair) for pair in family if pair[1] in study.controls(pair[0])}
    rotations = {pair: study.rotation(pair[1]) for pair in family}
    differences = {pair: paired_differences(scores[pair[0]], scores[pair[1]]) for pair in family}
    found = compare(differences, apart, rotations)
    rows = []
    for arm, other in family:
        pairs, planned = len(differences[arm, other]), min(study.planned(arm), study.planned(other))
        row = {"arm": arm, "against": other, "pairs": pairs, "planned": planned, "word": "missing"}
        row |= (
            _numbers(found.get((arm, other))) | {"apart": apart.get((arm, other), float("nan"))} | _beside(study, arm, other)
        )
        if pairs == 1:
            row |= {"difference": 100 * differences[arm, other][0], "word": "descriptive"}
        rows.append(row)
    columns = ["arm", "against", "pairs", "planned", *_numbers(None), "apart", *BESIDE, "word"]
    return pd.DataFrame(rows, columns=columns)


def verdict_table(study: Study, baseline: str = "") -> pd.DataFrame:
    """One row an arm with finished runs: seeds, mean accuracy, difference from the baseline with interval, p-values, word.

    Arms with feedback are adjusted within the named family where the baseline belongs to it; all others among themselves.
    Arms that share fewer than two finished seeds with the baseline have no comparison; their cells are empty.

    Args:
        study: whose arms are compared.
        baseline: the arm to compare with; empty for the study's first baseline.

    Raises:
        ConfigError: the study has no such arm.
    """
    baseline = baseline or study.baseline
    if baseline not in study.arms:
        raise ConfigError(f"the sweep has no arm {baseline!r} to compare with; it has {', '.join(study.arms)}")
    named = [pair for pair in named_family(study) if baseline in study.facts.baselines and pair[0] != baseline]
    apart = {arm for arm, other in named if other == baseline}
    rest = [(arm, baseline) for arm in study.arms if arm != baseline and arm not in apart]
    table = pd.concat([comparisons(study, family) for family in (named, rest) if family])
    table = table[table["against"] == baseline].set_index("arm")
    table.loc[table["pairs"] < 2, ["difference", "word"]] = [float("nan"), ""]
    accuracies = {arm: study.scores(arm) for arm in study.arms}
    means = {
        arm: {"seeds": len(each), "accuracy": sum(each.values()) / len(each)} for arm, each in accuracies.items() if each
    }
    table = pd.DataFrame.from_dict(means, orient="index").join(table[list(SHORT)])
    table[["word", "same rate"]] = table[["word", "same rate"]].fillna("")
    return table


def sentences(table: pd.DataFrame, baseline: str = CONSTANT) -> list[str]:
    """The table's verdicts in words, one an arm that was compared."""
    lines = []
    for arm, row in table[table["word"] != ""].iterrows():
        lines.append(
            f"{arm} against {baseline}: {row['word']} ({row['difference']:+.2f} points, "
            f"95 % interval {row['low']:+.2f} to {row['high']:+.2f}, {row['pairs']:.0f} pairs)"
            + (f"; it starts from another rate, against which, fixed: {row['same rate']}" if row["same rate"] else "")
        )
    return lines


def _numbers(comparison: Comparison | None) -> dict[str, object]:
    names = ("difference", "low", "high", "low, 90 %", "high, 90 %", "p", "p, Holm", "p, equivalence")
    if comparison is None:
        return dict.fromkeys(names, float("nan"))
    difference, inner = comparison.difference, comparison.inner
    adjusted = float("nan") if difference.count < SEEDS_FOR_A_CLAIM else comparison.adjusted
    points = (100 * value for value in (difference.estimate, difference.low, difference.high, inner.low, inner.high))
    return dict(zip(names, (*points, comparison.p_value, adjusted, comparison.equivalence), strict=True)) | {
        "word": comparison.word
    }


def same_rate_word(study: Study, arm: str, other: str) -> str:
    """Of a listening arm whose initial rate is not its baseline's: its word against a fixed rate that starts where it does.

    Returns:
        The word; ``not planned`` where the study has no such fixed rate; nothing where both arms start alike, or from other
        rates by design: where the other is the arm's own level, or both rates were chosen on validation.
    """
    if (
        study.facts.chosen_on_validation
        or arm not in study.feedback
        or other == study.matched_rate(arm)
        or study.initial_rate(arm) == study.initial_rate(other)
    ):
        return ""
    if not (same := study.same_rate(arm)):
        return "not planned"
    table = comparisons(study, schedule_family(study)).set_index(["arm", "against"])
    return str(table.loc[(arm, same), "word"])


BESIDE = ("spread", "rate", "rate against", "same rate", "pilot", "mixed", *FRESH)
"""Columns of `comparisons` that say what else the arms differ in."""

SHORT = ("pairs", "difference", "low", "high", "p", "p, Holm", "p, equivalence", "same rate", "word")
"""Columns of `comparisons` that the table of `verdict_table` has."""


def _beside(study: Study, arm: str, other: str) -> dict[str, object]:
    return {
        "spread": sources_spread(study, other) if other in study.controls(arm) else float("nan"),
        "rate": study.initial_rate(arm),
        "rate against": study.initial_rate(other),
        "same rate": same_rate_word(study, arm, other),
        "mixed": mixed_pairs(study, arm, other),
        **without_pilot(study, arm, other),
    }


def count_words(words: Iterable[str]) -> dict[str, int]:
    """How often each word was earned."""
    counts = pd.Series(list(words), dtype=object).value_counts()
    return {str(word): int(count) for word, count in counts.items()}
