"""The front page's answer in brief: finished runs in plain words. Each clause follows from a comparison by a rule."""

from collections.abc import Mapping

import pandas as pd

from uncertlr.analysis.comparisons import causal_family, comparisons, named_family, schedule_family
from uncertlr.analysis.paired import SEEDS_FOR_A_CLAIM
from uncertlr.analysis.pairs import same_factors
from uncertlr.analysis.scores import rate
from uncertlr.analysis.study import CONSTANT, Study
from uncertlr.book.evidence_answer import ABOUT, AT_LEVEL, BY_DESIGN, LISTENING, NOT_YET, plain
from uncertlr.book.evidence_listening import CONCLUDED, concluded, moved_by_listening
from uncertlr.book.evidence_words import listed, tuned

ASKED = {"report": "asked at every step", "report_epoch": "asked once an epoch"}

TOGETHER = {
    "equivalent": "{arms}: within half a point of it",
    "not shown": "{arms}: no difference shown, nor equivalence",
    "descriptive": "{arms}: too few pairs for a claim",
    "missing": "{arms}: no finished pair yet",
}
"""Of arms that neither help nor harm, in brief."""

ALONE = {
    "helps": "{fixed} gains {size:.1f} points alone",
    "harms": "{fixed} loses {size:.1f} points alone",
    "equivalent": "{fixed} alone is equivalent to `constant`",
    "not shown": "{fixed} alone is not shown to differ from `constant`",
}
"""Of a fixed rate that starts where an arm does, against `constant`, in brief."""

THERE = {
    "helps": "against that rate it gains {size:.1f} points, so more than the {lower} rate is at work",
    "harms": "against that rate it loses {size:.1f} points: the {lower} rate alone does better",
    "equivalent": "against that rate it ends within half a point: there is no {what} to attribute to listening",
    "not shown": "against that rate no difference is shown: a {what} by listening is not shown",
    "descriptive": "against that rate there are too few pairs for a claim: a {what} by listening is not shown",
}
"""Of an arm against a fixed rate that starts where it does, in brief."""


def in_brief(study: Study, *others: Study, told: Study | None = None) -> str:
    """For the front page, in Markdown: a short paragraph a question without intervals, and how far other studies are.

    Args:
        study: whose arms are judged.
        others: of which it is said how far they are.
        told: as in `short_answer`.
    """
    named = comparisons(study, named_family(study))
    parts = [
        ("The report's rule", _rule_in_brief(study, named)),
        ("Other ways to listen", _others_in_brief(study, named)),
        ("Is it the listening?", f"{_listening_in_brief(study)}{_by_design_in_brief(told) if told else ''}"),
        *((each.title, _far(each)) for each in others),
    ]
    return "\n\n".join(f"**{title}** {text}" for title, text in parts if text)


def _rule_in_brief(study: Study, named: pd.DataFrame) -> str:
    rows = named[(named["against"] == CONSTANT) & named["arm"].isin(ASKED)]
    if not rows["pairs"].any():
        return "has no finished pair with a fixed rate yet."
    said = [f"{ASKED[row['arm']]}, it {plain(row)}" for _, row in rows.iterrows()]
    fixed = f"a fixed rate of {rate(study.initial_rate(CONSTANT))}"
    untuned = "" if tuned(study.dataset) else " Nothing is tuned."
    return f"is held against {fixed}, in points of test accuracy on {study.title}: {'; '.join(said)}.{untuned}"


def _others_in_brief(study: Study, named: pd.DataFrame) -> str:
    rows = named[(named["against"] == CONSTANT) & ~named["arm"].isin(study.facts.ablations)]
    return f"are held against the same rate. {_each_in_brief(study, rows, ABOUT)}" if len(rows) else ""


def _each_in_brief(study: Study, rows: pd.DataFrame, about: Mapping[str, str]) -> str:
    """Arms with a claim that starts elsewhere in a sentence each, then all others in one; `about` explains names."""
    clear = rows[rows["word"].isin(["helps", "harms"])].sort_values("word", ascending=False, kind="stable")
    names = {arm: f"`{arm}` ({about[arm]})" if arm in about else f"`{arm}`" for arm in clear["arm"]}
    said = [f"{names[row['arm']]} {plain(row)}{_start_in_brief(study, row)}" for _, row in clear.iterrows()]
    own = [text for text, word in zip(said, clear["same rate"], strict=True) if word]
    rest = [text for text in said if text not in own]
    for word, text in TOGETHER.items():
        arms = [f"`{arm}`" for arm in rows.loc[rows["word"] == word, "arm"]]
        rest += [text.format(arms=listed(arms))] if arms else []
    return " ".join(f"{sentence}." for sentence in [*own, *(["; ".join(rest)] if rest else [])])


def _start_in_brief(study: Study, row: pd.Series) -> str:
    """What no lead or loss of an arm that starts elsewhere may stand without."""
    if not row["same rate"]:
        return ""
    start, what = f"a fixed rate of {rate(row['rate'])}", "gain" if row["word"] == "helps" else "loss"
    if row["same rate"] in ("missing", "not planned"):
        return f", but it starts from {rate(row['rate'])}, and {start} has no run yet: a {what} by listening is not shown"
    fixed = study.same_rate(row["arm"])
    table = comparisons(study, schedule_family(study)).set_index(["arm", "against"])
    alone, there = table.loc[(fixed, CONSTANT)], table.loc[(row["arm"], fixed)]
    text = f"it starts from {rate(row['rate'])}"
    if alone["word"] == row["word"]:
        text = f"so does {start}, where it starts, alone ({abs(alone['difference']):.1f} points)"
    elif alone["word"] in ALONE:
        text = ALONE[alone["word"]].format(fixed=f"{start}, where it starts,", size=abs(alone["difference"]))
    lower = "lower" if row["rate"] < row["rate against"] else "higher"
    return f", but {text}; {THERE[there['word']].format(size=abs(there['difference']), lower=lower, what=what)}"


def _listening_in_brief(study: Study) -> str:
    lines: list[str] = []
    alike: dict[str, str] = {}
    waiting: list[str] = []
    causal = comparisons(study, causal_family(study))
    for arm, rows in causal.groupby("arm", sort=False):
        told = [LISTENING[row["word"]].format(**row) for _, row in rows.iterrows() if row["word"] in LISTENING]
        if own := moved_by_listening(study, str(arm), causal):
            alike[f"`{arm}`"] = own
        elif told:
            lines.append(f"Against the same curves without feedback, {'; '.join(told)}.")
        else:
            waiting.append(f"`{arm}`")
    if alike:
        near = f"stay within {listed(list(alike.values()))} of the arm's rate on average"
        lines.append(
            f"A control follows an arm's curve without listening. Those of {listed(list(alike))} {near}, too near to tell."
        )
    if waiting and not lines:
        lines = [f"Of {listed(waiting)} it cannot be said: no control has the {SEEDS_FOR_A_CLAIM} pairs of a claim."]
    lines = lines or ["It cannot be said: no control is planned."]
    if stairs := [f"`{arm}`" for arm in study.feedback if same_factors(study, arm)]:
        lines.append(f"{listed(stairs)} took the same decisions in every run, so there was no feedback to judge.")
    return " ".join(lines)


def _by_design_in_brief(study: Study) -> str:
    causal = comparisons(study, causal_family(study))
    lines = []
    for arm, rows in causal[causal["pairs"] > 0].groupby("arm", sort=False):
        level = [
            f"{AT_LEVEL} it {plain(row)}"
            for _, row in rows.iterrows()
            if row["against"] == study.matched_rate(str(arm)) and row["word"] != "descriptive"
        ]
        said = "; ".join([f"held against other seeds' curves, {CONCLUDED[concluded(study, str(arm), causal)]}", *level])
        lines.append(f"{BY_DESIGN} (`{arm}`): {said}.")
    return f" {' '.join(lines)}" if lines else f" {NOT_YET}"


def _far(study: Study) -> str:
    done = f"has {len(study.finished)} of {len(study.jobs)} planned runs"
    named = comparisons(study, named_family(study))
    rows = named[(named["against"] == CONSTANT) & ~named["word"].isin(["descriptive", "missing"])]
    if rows.empty:
        return f"{done}; no way to listen has the {SEEDS_FOR_A_CLAIM} pairs of a claim with a fixed rate, so none is made."
    open_ = int((named["against"] == CONSTANT).sum()) - len(rows)
    more = f" {open_} more {'has' if open_ == 1 else 'have'} too few pairs for a claim." if open_ else ""
    return f"{done}. Against a fixed rate of {rate(study.initial_rate(CONSTANT))}: {_each_in_brief(study, rows, {})}{more}"
