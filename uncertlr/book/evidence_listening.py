"""What an arm's own controls say of its feedback: did listening matter, or would its curve have done?"""

import math
from collections.abc import Iterable

import pandas as pd

from uncertlr.analysis.comparisons import causal_family, comparisons, schedule_family
from uncertlr.analysis.paired import LEAST_APART, MARGIN, SEEDS_FOR_A_CLAIM
from uncertlr.analysis.pairs import rates_apart, same_factors, shared_seeds
from uncertlr.analysis.scores import rate
from uncertlr.analysis.study import CONSTANT, Study
from uncertlr.book.evidence_words import SAME_RATE, fields, listed

FEEDBACK = {
    "helps": "Feedback adds to the curve: `{arm}` ends higher than `{against}`, which has its curve and no feedback.",
    "harms": "Feedback takes away: `{against}`, which has the curve and no feedback, ends higher than `{arm}`.",
    "equivalent": (
        "The curve does as well without listening: `{arm}` and `{against}` end within {margin} points of each other. "
        "What `{arm}` gains or loses comes from the shape of its curve."
    ),
    "not shown": "Between `{arm}` and `{against}` no difference is shown, nor that there is none within {margin} points.",
    "uninformative": (
        "With however many pairs, `{against}` cannot tell feedback from shape: its rate and that of `{arm}` are "
        "{percent:.1f} % apart (log rates {apart:.3f}, less than {least}{donors})."
    ),
    "descriptive": "`{arm}` against `{against}` has {pairs} of {planned} planned pairs, and a claim takes {seeds}.",
}

CONCLUDED = {
    "helps": "listening helps",
    "harms": "listening takes away",
    "equivalent": "its curve does as well without listening",
    "not shown": "it is not shown that listening helps",
    "uninformative": "its controls cannot tell whether listening helps",
    "open": "whether listening helps is open",
}
"""What the replays of other seeds' curves say of an arm together."""


def feedback_answers(study: Study) -> dict[str, list[str]]:
    """For every feedback arm of a study, what its own controls say of its feedback.

    An arm whose rate stood on a bound has no controls: its curve was the bound's, whatever it heard. The twins of the
    report's rule are controls themselves.
    """
    table = comparisons(study, causal_family(study))
    answers: dict[str, list[str]] = {}
    twins = {twin for each in study.facts.ablations.values() for twin in each}
    for arm in study.feedback:
        if arm in twins:
            continue
        rows = table[table["arm"] == arm]
        rail = study.on_a_rail(arm)
        if rail:
            answers[arm] = [f"`{arm}`: in most runs {rail}. A rate on a bound follows the bound and not the signal."]
        if same_factors(study, arm):
            answers[arm] = [*answers.get(arm, []), staircase(study, arm)]
        elif not rail and not len(rows):
            answers[arm] = [f"`{arm}` has no control in this study, so the question is open for it."]
        several = len(_partners(study, arm, table)) > 1
        lines = [f"`{arm}`: {conclusion(study, arm, table)}"] if several else []
        told = [
            other
            for other in rows["against"]
            if other != study.matched_rate(arm) and not (several and study.rotation(other))
        ]
        rows = rows[rows["against"].isin(told)]
        absent = [f"`{row['against']}`" for _, row in rows.iterrows() if row["word"] == "missing"]
        there = rows[rows["word"] != "missing"]
        lines += [FEEDBACK[row["word"]].format(**fields(row)) for _, row in there.iterrows()]
        lines += [f"`{arm}` against {listed(absent)}: missing, no pair is finished."] if absent else []
        lines += [none] if (none := next_to_none(study, arm, table)) else []
        answers[arm] = [*answers.get(arm, []), *lines]
    return answers


def conclusion(study: Study, arm: str, causal: pd.DataFrame) -> str:
    """A sentence on whether listening helps an arm, by all of its replays of one other run.

    Args:
        study: of the arm.
        arm: that listens.
        causal: `comparisons` of the causal family.
    """
    word = concluded(study, arm, causal)
    replays = len(_partners(study, arm, causal))
    each = (
        f": that takes a gain against each of its {replays} replays" if replays > 1 and word in ("not shown", "open") else ""
    )
    return f"So {CONCLUDED[word]}{each}."


def concluded(study: Study, arm: str, causal: pd.DataFrame) -> str:
    """Whether listening helps an arm, a key of `CONCLUDED`: each of its replays of one other run must say so.

    Args:
        study: of the arm.
        arm: that listens.
        causal: `comparisons` of the causal family.
    """
    words = set(_partners(study, arm, causal)["word"])
    if not words or words & {"descriptive", "missing"}:
        return "open"
    return words.pop() if len(words) == 1 else "not shown"


def opening(studies: Iterable[Study]) -> str:
    """The book's question answered in a line: whom listening was shown to help, and where that is open.

    Args:
        studies: all that hold arms against replays of other runs' curves.
    """
    helped, unsettled = [], []
    for study in studies:
        causal = comparisons(study, causal_family(study))
        for arm in causal["arm"].unique() if len(causal) else ():
            word = concluded(study, arm, causal) if len(_partners(study, arm, causal)) else ""
            helped += [f"`{arm}` on {study.data}"] if word == "helps" else []
            unsettled += [study.data] if word == "open" else []
    text = (
        f"Listening was shown to help {listed(helped)}."
        if helped
        else "No gain has been shown to come from listening so far."
    )
    return f"{text} On {listed(list(dict.fromkeys(unsettled)))} that is open for some arms." if unsettled else text


def _partners(study: Study, arm: str, causal: pd.DataFrame) -> pd.DataFrame:
    return causal[(causal["arm"] == arm) & causal["against"].map(lambda control: study.rotation(control) > 0).astype(bool)]


def moved_by_listening(study: Study, arm: str, causal: pd.DataFrame) -> str:
    """How far an arm's rate lies from its controls' at most, where all that have runs are too like it; else nothing.

    Args:
        study: of the arm.
        arm: that listens.
        causal: `comparisons` of the causal family.
    """
    replays = (causal["arm"] == arm) & (causal["against"] != study.matched_rate(arm))
    there = causal[replays & ~causal["word"].isin(["missing", "descriptive"])]
    alike = not there.empty and set(there["word"]) == {"uninformative"}
    return _percent(there["apart"].max()) if alike else ""


def next_to_none(study: Study, arm: str, causal: pd.DataFrame) -> str:
    """Where all of an arm's controls with runs are too like it: how far its rate moved, and how little of that was its own.

    Args:
        study: of the arm.
        arm: that listens.
        causal: `comparisons` of the causal family.
    """
    if not (own := moved_by_listening(study, arm, causal)):
        return ""
    alone = study.same_rate(arm)
    if not alone or not shared_seeds(study, arm, alone):
        return f"The rate of `{arm}` and those of its controls lie {own} apart or less{RMS}: {NO_FEEDBACK}."
    moved, start = _percent(rates_apart(study, arm, alone)), rate(study.initial_rate(arm))
    text = (
        f"`{arm}` left the fixed rate of {start} that it starts from by {moved}{RMS}, but alike in every run: its rate and "
        f"those of its controls lie {own} apart or less. {NO_FEEDBACK.capitalize()}"
    )
    gain = comparisons(study, schedule_family(study)).set_index(["arm", "against"]).loc[(arm, alone), "word"]
    return f"{text}, and no gain to attribute to it: {SAME_RATE[gain]}." if gain in ("equivalent", "harms") else f"{text}."


def for_scale(study: Study) -> str:
    """What a difference in rate is worth here, read off two fixed rates: so that little has a size; else nothing.

    Args:
        study: with `constant` and another fixed rate.
    """
    others = [arm for arm in study.schedules if study.fixed_rate(arm) and arm != CONSTANT and CONSTANT in study.arms]
    rows = comparisons(study, [(arm, CONSTANT) for arm in others])
    lines = []
    for _, row in rows[rows["pairs"] >= SEEDS_FOR_A_CLAIM].iterrows():
        apart = rates_apart(study, row["arm"], CONSTANT)
        least = abs(row["difference"]) * LEAST_APART / apart
        lines.append(
            f"For scale, on {study.title}: the log rates of `{row['arm']}` and `{CONSTANT}`, both fixed, lie {apart:.2f} "
            f"apart, and `{row['arm']}` ends {row['difference']:+.2f} points from `{CONSTANT}` (95 % interval "
            f"{row['low']:+.2f} to {row['high']:+.2f}). Were "
            f"accuracy linear in the log rate, {LEAST_APART} apart would make {least:.2f} points."
        )
    return " ".join(lines)


def resolution(table: pd.DataFrame) -> str:
    """What comparisons that are *not shown* could have shown, by the width of their intervals; else nothing.

    Args:
        table: of `comparisons`.
    """
    lines = []
    for _, row in table[table["word"] == "not shown"].iterrows():
        half, inner = (row["high"] - row["low"]) / 2, (row["high, 90 %"] - row["low, 90 %"]) / 2
        equivalence = "" if inner < 100 * MARGIN else ", and cannot show equivalence"
        lines.append(
            f"Against `{row['against']}` the interval reaches {half:.1f} points to either side: {row['pairs']} pairs miss a "
            f"true difference of that size about every second time, a smaller one more often{equivalence}."
        )
    return " ".join(lines)


RMS = " (root mean square over the steps, mean over the pairs)"
NO_FEEDBACK = "there was next to no feedback to judge"


def _percent(apart: float) -> str:
    return f"{100 * math.expm1(apart):.{0 if apart > 0.1 else 1}f} %"


def staircase(study: Study, arm: str) -> str:
    """Of an arm whose factors were the same at every step of all runs: there was no feedback in it."""
    return (
        f"`{arm}`: its decisions were the same at every step in all {len(study.arms[arm])} runs, whatever each of them "
        "heard. That curve could have been drawn beforehand, so there was no feedback in it to judge."
    )
