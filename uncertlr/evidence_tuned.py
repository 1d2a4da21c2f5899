"""What tuning makes of the arms, and what became of the rule that the search found: sentences that follow from the runs."""

from collections.abc import Callable, Sequence

import pandas as pd

from uncertlr.evidence_answer import plain, result
from uncertlr.evidence_listening import concluded
from uncertlr.study import COMPETITOR, CONSTANT, Study
from uncertlr.verdicts import Pair, causal_family, comparisons, named_family, schedule_family

Tell = Callable[[pd.Series], str]

BEATS = {
    True: "So by the protocol it beats tuned `{other}` at equal cost.",
    False: "So by the protocol it does not beat tuned `{other}`.",
    None: "Whether it beats tuned `{other}` is open until both have their pairs.",
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


def tuned_answer(study: Study, intervals: bool = True) -> str:
    """What the arms earn when each has the settings that did best on validation.

    Args:
        study: of tuned arms.
        intervals: with intervals and numbers of pairs.
    """
    if not any(study.arms.values()):
        return "No tuned run is finished."
    tell = result if intervals else plain
    named, fixed = comparisons(study, named_family(study)), comparisons(study, schedule_family(study))
    families = {
        f"Held against the tuned `{CONSTANT}`": named[named["against"] == CONSTANT],
        f"Held against the tuned `{COMPETITOR}`": named[named["against"] == COMPETITOR],
        f"Without listening, against the tuned `{CONSTANT}`": fixed[fixed["against"] == CONSTANT],
    }
    lines = []
    for about, rows in families.items():
        said = [f"`{row['arm']}` {tell(row)}" for _, row in rows.iterrows()]
        lines += [f"{about}: {'; '.join(said)}."] if rows["pairs"].any() else []
    return " ".join([*lines, _highest(study)])


def found_answer(tests: Sequence[Study], controls: Study, intervals: bool = True) -> str:
    """Whether the rule that the search found beats the schedule that people use, and whether it must listen.

    Args:
        tests: a study a data set, of the rule and the competitor on fresh seeds; each one's comparison is judged alone.
        controls: the rule beside the schedule that it multiplies and its own curves without feedback: one family.
        intervals: with intervals and numbers of pairs.
    """
    tell = result if intervals else plain
    (arm,) = tests[0].feedback
    rows = {study.title: comparisons(study, [(arm, COMPETITOR)]).iloc[0] for study in tests}
    said = [f"on {title} it {tell(row)}" for title, row in rows.items()]
    beats = BEATS[_beats([row["word"] for row in rows.values()])].format(other=COMPETITOR)
    return (
        f"`{arm}` against the tuned `{COMPETITOR}`: {'; '.join(said)}. {beats} {_must_listen(controls, arm, tell)}".strip()
    )


def found_family(controls: Study) -> list[Pair]:
    """The rule that was found against the schedules beside it, and against its own curves without feedback."""
    return [(arm, schedule) for arm in controls.feedback for schedule in controls.schedules] + causal_family(controls)


def _must_listen(controls: Study, arm: str, tell: Tell) -> str:
    table = comparisons(controls, found_family(controls))
    own = controls.controls(arm)
    lines = []
    for _, row in table[table["pairs"] > 0].iterrows():
        what = f"its own kind of curve (`{row['against']}`)" if row["against"] in own else f"the tuned `{row['against']}`"
        lines.append(f"against {what} it {tell(row)}")
    if not lines:
        return ""
    return f"Beside it, {'; '.join(lines)}; {LISTENS[concluded(controls, arm, table)]}."


def _beats(words: list[str]) -> bool | None:
    if set(words) & {"descriptive", "missing"}:
        return None
    return set(words) == {"helps"}


def _highest(study: Study) -> str:
    means = {arm: sum(each.values()) / len(each) for arm in study.arms if (each := study.scores(arm))}
    listening = [arm for arm in means if arm in study.feedback]
    best = max(means, key=lambda arm: means[arm])
    text = f"The highest mean is that of `{best}`, {100 * means[best]:.1f} %"
    if best in listening or not listening:
        return f"{text}."
    first = max(listening, key=lambda arm: means[arm])
    return f"{text}; of the arms that listen, that of `{first}`, {100 * means[first]:.1f} %."
