"""What tuning makes of the arms, and what became of the rule that the search found: sentences that follow from the runs."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from uncertlr.analysis.comparisons import Pair, causal_family, comparisons, named_family, schedule_family
from uncertlr.analysis.paired import LEAST_APART
from uncertlr.analysis.pairs import seeds_apart
from uncertlr.analysis.study import COMPETITOR, CONSTANT, Study
from uncertlr.book.evidence_answer import plain, result
from uncertlr.book.evidence_listening import RMS

BEATS = {
    True: "So it helps against `{other}` on every set, which is what the protocol asks.",
    False: "So it does not help against `{other}` on every set, as the protocol asks.",
    None: "Whether it helps on every set is open until all pairs are finished.",
}
"""Of the rule that was found, on all data sets together."""

LISTENS = {
    "helps": "so it must listen: the same kind of curve without feedback does worse",
    "harms": "so it need not listen: the same kind of curve without feedback does better",
    "equivalent": "so it need not listen: the same kind of curve does as well without feedback",
    "not shown": "so that it must listen is not shown",
    "uninformative": "so these controls cannot tell whether it must listen",
    "open": "so whether it must listen is open",
}
"""What the replays say of the rule that was found."""


def tuned_answer(study: Study, whole: bool = True) -> str:
    """What the arms earn when each has the settings that did best on validation.

    Args:
        study: of tuned arms.
        whole: with intervals, against the competitor too, and who ranks first; else for the front page.
    """
    if not any(study.arms.values()):
        return "No tuned run is finished."
    tell = result if whole else plain
    named, fixed = comparisons(study, named_family(study)), comparisons(study, schedule_family(study))
    families = {f"Held against the tuned `{CONSTANT}`": named[named["against"] == CONSTANT]}
    if whole:
        families[f"Held against the tuned `{COMPETITOR}`"] = named[named["against"] == COMPETITOR]
    families[f"Without listening, against the tuned `{CONSTANT}`"] = fixed[fixed["against"] == CONSTANT]
    lines = []
    for about, rows in families.items():
        said = [f"`{row['arm']}` {tell(row)}" for _, row in rows.iterrows()]
        lines += [f"{about}: {'; '.join(said)}."] if rows["pairs"].any() else []
    steered = [arm for arm in study.feedback if study.controls(arm) and not study.on_a_rail(arm)]
    lines = lines or [f"No tuned arm has a finished pair with `{CONSTANT}` yet."]
    return " ".join([*lines, *([_highest(study)] if whole else [])]) + "".join(_alike(study, arm, whole) for arm in steered)


def found_answer(tests: Sequence[Study], beside: Sequence[Study], tuned: Study, whole: bool = True) -> str:
    """Whether the rule that the search found beats the schedule that people use, and whether it must listen.

    Args:
        tests: a study a data set, of the rule and the competitor on fresh seeds; each one's comparison is judged alone.
        beside: studies of the rule and what else could do as well: the schedule that it multiplies, its own curves without
            feedback. Each one's comparisons are a family.
        tuned: of tuned arms, where the schedule stands beside the competitor.
        whole: with intervals and the studies' sizes; else for the front page.
    """
    tell = result if whole else plain
    (arm,) = tests[0].feedback
    rows = [comparisons(study, [(arm, COMPETITOR)]).iloc[0] for study in tests]
    said = [f"on {_name(study, whole)} it {tell(row)}" for study, row in zip(tests, rows, strict=True)]
    beats = BEATS[_beats([row["word"] for row in rows])].format(other=COMPETITOR)
    rate = f"with the rate that did best for it on {_name(tests[0], whole)}"
    held = f"`{arm}` against `{COMPETITOR}`, {rate}: {'; '.join(said)}. {beats}"
    return " ".join(
        [held, *_bar(tuned, beside, tell), *(text for study in beside if (text := _must_listen(study, arm, whole)))]
    )


def found_family(beside: Study) -> list[Pair]:
    """The rule that was found against the schedules beside it, and against its own curves without feedback."""
    schedules = [(arm, each) for arm in beside.feedback for each in beside.schedules]
    return schedules + [pair for pair in causal_family(beside) if pair not in schedules]


def _name(study: Study, whole: bool) -> str:
    return study.title if whole else study.data


def _must_listen(study: Study, arm: str, whole: bool) -> str:
    tell = result if whole else plain
    table = comparisons(study, found_family(study))
    lines = [
        f"against {_what(study, arm, row['against'])} it {tell(row)}" for _, row in table[table["pairs"] > 0].iterrows()
    ]
    if not lines:
        return f"Whether it must listen on {_name(study, whole)} is open." if study.controls(arm) else ""
    said = f"On {_name(study, whole)} `{arm}` was held against other courses too: {'; '.join(lines)}"
    if study.controls(arm):
        return f"{said}; {LISTENS[_listens(study, arm, table)]}."
    return f"{said}.{_alike(study, arm, whole)}"


def _alike(study: Study, arm: str, whole: bool) -> str:
    """Of an arm whose rates are the same curve for every seed, nearer than replays could tell; else nothing."""
    apart = seeds_apart(study, arm)
    if not apart < LEAST_APART:
        return ""
    if not whole:
        percent = f"{100 * np.expm1(apart):.1f} % on average from seed to seed"
        return f" The rates of `{arm}` on {study.data} differ by {percent}, too little to tell whether it must listen."
    return (
        f" The log rates of `{arm}` on {study.data} for one seed and for the next lie {apart:.3f} apart{RMS}, less than "
        f"the {LEAST_APART} from which on a replay can tell: nearly one curve, so what listening adds cannot be judged."
    )


def _bar(tuned: Study, beside: Sequence[Study], tell: Callable[[pd.Series], str]) -> list[str]:
    """How high the competitor hangs: what the schedules beside the rule do against it without a rule."""
    schedules = {arm for study in beside for arm in study.schedules if arm in tuned.schedules and arm != COMPETITOR}
    rows = comparisons(tuned, [(arm, COMPETITOR) for arm in sorted(schedules) if COMPETITOR in tuned.arms])
    said = [f"`{row['arm']}` alone, tuned, {tell(row)}" for _, row in rows[rows["pairs"] > 0].iterrows()]
    return (
        [f"That is no high bar: on {tuned.data}, against it {'; '.join(said)}."]
        if said and set(rows["word"]) == {"helps"}
        else []
    )


def _listens(study: Study, arm: str, table: pd.DataFrame) -> str:
    """A key of `LISTENS`: each of the curves without feedback must say so."""
    words = set(table.loc[table["against"].isin(study.controls(arm)), "word"])
    if not words or words & {"descriptive", "missing"}:
        return "open"
    return words.pop() if len(words) == 1 else "not shown"


def _what(study: Study, arm: str, other: str) -> str:
    if other in study.controls(arm):
        return f"its own kind of curve (`{other}`)"
    if other == study.matched_rate(arm):
        return f"its schedule at its own mean level (`{other}`)"
    return f"the tuned `{other}`"


def _beats(words: list[str]) -> bool | None:
    if set(words) - {"helps", "descriptive", "missing"}:
        return False
    if set(words) & {"descriptive", "missing"}:
        return None
    return set(words) == {"helps"}


def _highest(study: Study) -> str:
    complete = [arm for arm, runs in study.arms.items() if len(runs) == study.planned(arm)]
    means = {arm: float(np.mean(list(study.scores(arm).values()))) for arm in complete}
    if not means:
        return ""
    listening = [arm for arm in means if arm in study.feedback]
    best = max(means, key=lambda arm: means[arm])
    text = f"The highest mean (a ranking, no claim) is that of `{best}`, {100 * means[best]:.1f} %"
    if best in listening or not listening:
        return f"{text}."
    first = max(listening, key=lambda arm: means[arm])
    return f"{text}; of the arms that listen, that of `{first}`, {100 * means[first]:.1f} %."
