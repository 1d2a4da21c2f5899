"""The short answer, and the front page's in brief: finished runs in plain words. Each clause follows from a comparison."""

from collections.abc import Callable

import pandas as pd

from uncertlr.evidence import SEEDS_FOR_A_CLAIM
from uncertlr.evidence_words import listed, moved_by_listening, next_to_none, ours, rate, tuned
from uncertlr.pairs import on_bound, same_factors
from uncertlr.study import COMPETITOR, CONSTANT, Study
from uncertlr.verdicts import TWINS, causal_family, comparisons, named_family, schedule_family

OPENINGS = {
    "report": "As set here and asked at every step (`report`), it",
    "report_epoch": "Asked once an epoch (`report_epoch`), it",
}

ABOUT = {
    "sign_flip": "the report's rule upside down",
    "relative": "a threshold that follows the readings",
    "inverse": "a rate that rises as uncertainty falls",
    "proportional": "a rate that falls with uncertainty",
    "bold_driver": "the report's two factors, on the training loss",
    "bold_driver_epoch": "the same once an epoch",
}
"""The other arms that listen, for readers who have not met their names."""

RESULTS = {
    "helps": "gains {size:.1f} points",
    "harms": "loses {size:.1f} points",
    "equivalent": "ends within half a point of it",
    "not shown": "is not shown to differ from it, nor to be equivalent",
    "uninformative": "is too like it to tell",
    "descriptive": "stands at {difference:+.1f} points so far, with too few pairs for a claim",
    "missing": "has no finished pair with it yet",
}
"""Of an arm against a baseline that the sentence has named."""

CONCLUSIONS = {
    "helps": "so more than the {lower} rate is at work",
    "harms": "so the {lower} rate alone does better",
    "equivalent": "so the {lower} rate alone does as well",
    "not shown": "so that more than the {lower} rate is at work is not shown",
    "descriptive": "so whether more than the {lower} rate is at work is open",
    "missing": "so whether more than the {lower} rate is at work is open",
}
"""What an arm's word against a fixed rate that starts alike makes of its lead or loss against one that does not."""

LISTENING = {
    "helps": "`{arm}` ends higher than `{against}`",
    "harms": "`{arm}` ends lower than `{against}`",
    "equivalent": "`{arm}` is equivalent to `{against}`",
    "not shown": "a difference of `{arm}` from `{against}` is not shown",
}
"""Of an arm and its own curve without listening."""

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


def short_answer(study: Study, told: Study | None = None) -> str:
    """The verdict's Markdown list: the report's rule, what else helps and whether it is the rate, the listening.

    Args:
        study: whose arms are judged.
        told: a study that was made to tell whether listening matters, where there is one.
    """
    named = comparisons(study, named_family(study))
    parts = {
        "The report's rule.": _reports_rule(study, named),
        "Other ways to listen.": f"{_others(study, named)} {_competitor(named)}".strip(),
        "Is it the listening?": f"{_listening(study)}{_by_design(told, _result)}",
        "Beware.": _caveats(study),
    }
    return "\n".join(f"- **{title}** {text}" for title, text in parts.items() if text)


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
        ("Is it the listening?", f"{_listening_in_brief(study)}{_by_design(told, _plain)}"),
        *((each.title, _far(each)) for each in others),
    ]
    return "\n\n".join(f"**{title}** {text}" for title, text in parts if text)


def _rule_in_brief(study: Study, named: pd.DataFrame) -> str:
    rows = named[(named["against"] == CONSTANT) & named["arm"].isin(ASKED)]
    if not rows["pairs"].any():
        return "has no finished pair with a fixed rate yet."
    said = [f"{ASKED[row['arm']]}, it {_plain(row)}" for _, row in rows.iterrows()]
    fixed = f"a fixed rate of {rate(study.initial_rate(CONSTANT))}"
    untuned = "" if tuned() else " Nothing is tuned."
    return f"is held against {fixed}, in points of test accuracy on {study.title}: {'; '.join(said)}.{untuned}"


def _others_in_brief(study: Study, named: pd.DataFrame) -> str:
    rows = named[(named["against"] == CONSTANT) & ~named["arm"].isin(TWINS)]
    return f"are held against the same rate. {_each_in_brief(study, rows)}" if len(rows) else ""


def _each_in_brief(study: Study, rows: pd.DataFrame) -> str:
    """Arms with a claim that starts elsewhere in a sentence each, then all others in one."""
    clear = rows[rows["word"].isin(["helps", "harms"])].sort_values("word", ascending=False, kind="stable")
    said = [f"`{row['arm']}` {_plain(row)}{_start_in_brief(study, row)}" for _, row in clear.iterrows()]
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
    waiting: list[str] = []
    for arm, rows in comparisons(study, causal_family(study)).groupby("arm", sort=False):
        told = [LISTENING[row["word"]].format(**row) for _, row in rows.iterrows() if row["word"] in LISTENING]
        if own := moved_by_listening(study, str(arm)):
            lines.append(f"The controls of `{arm}` cannot tell: listening moved its rate by {own} at most.")
        elif told:
            lines.append(f"Against the same curves without feedback, {'; '.join(told)}.")
        else:
            waiting.append(f"`{arm}`")
    lines += (
        [f"Of {listed(waiting)} it cannot be said yet: no control has its {SEEDS_FOR_A_CLAIM} pairs."] if waiting else []
    )
    lines = lines or ["It cannot be said: no control is planned."]
    if stairs := [f"`{arm}`" for arm in study.feedback if same_factors(study, arm)]:
        lines.append(f"{listed(stairs)} took the same decisions in every run, so there was no feedback to judge.")
    return " ".join(lines)


def _by_design(study: Study | None, result: Callable[[pd.Series], str]) -> str:
    """What a study that was made to tell says of its arm: held against other seeds' curves, and against its level."""
    if study is None:
        return ""
    causal = comparisons(study, causal_family(study))
    lines = []
    for arm, rows in causal[causal["pairs"] > 0].groupby("arm", sort=False):
        level = study.level(str(arm))
        curves = [row for _, row in rows.iterrows() if row["against"] != level]
        said = [f"against another seed's curve (`{row['against']}`) it {result(row)}" for row in curves]
        said += [
            f"against a fixed rate at its mean level it {result(row)}"
            for _, row in rows.iterrows()
            if row["against"] == level
        ]
        lines.append(f"A rule set so that its rate does answer the network (`{arm}`): {'; '.join(said)}.")
    return f" {' '.join(lines)}" if lines else " A study that can tell is planned and has no finished pair yet."


def _far(study: Study) -> str:
    done = f"has {len(study.finished)} of {len(study.jobs)} planned runs"
    named = comparisons(study, named_family(study))
    rows = named[(named["against"] == CONSTANT) & ~named["word"].isin(["descriptive", "missing"])]
    if rows.empty:
        return f"{done}; no way to listen has its {SEEDS_FOR_A_CLAIM} pairs with a fixed rate yet, so nothing is claimed."
    open_ = int((named["against"] == CONSTANT).sum()) - len(rows)
    more = f" {open_} more {'has' if open_ == 1 else 'have'} too few pairs for a claim." if open_ else ""
    return f"{done}. Against a fixed rate of {rate(study.initial_rate(CONSTANT))}: {_each_in_brief(study, rows)}{more}"


def _reports_rule(study: Study, named: pd.DataFrame) -> str:
    rows = _with_pairs(named, CONSTANT, [arm for arm in TWINS if arm in study.arms]).set_index("arm", drop=False)
    if rows.empty:
        return "It has no finished pair with a fixed rate yet."
    fixed = f" Its baseline is a fixed rate of {rate(study.initial_rate(CONSTANT))}; points are of test accuracy."
    said = [f"{OPENINGS[arm]} {_bound(study, str(arm))}{_result(row)}." for arm, row in rows.iterrows()]
    return " ".join(said) + fixed


def _others(study: Study, named: pd.DataFrame) -> str:
    rest = [arm for arm in study.feedback if arm not in TWINS]
    rows = _with_pairs(named, CONSTANT, rest)
    waiting = [f"`{arm}`" for arm in rest if arm not in set(rows["arm"])]
    lines = [_other(study, row) for _, row in rows.iterrows()]
    return " ".join([*lines, *([f"Of {listed(waiting)} there is no finished pair yet."] if waiting else [])])


def _other(study: Study, row: pd.Series) -> str:
    arm = row["arm"]
    about = f" ({ABOUT[arm]})" if arm in ABOUT else ""
    text = f"`{arm}`{about} {_bound(study, arm)}{_result(row)}"
    return f"{text}{_initial_rate(study, row)}."


def _initial_rate(study: Study, row: pd.Series) -> str:
    """The clause without which an arm with another initial rate would take credit for it."""
    arm, word = row["arm"], row["same rate"]
    if not word:
        return ""
    start, fixed = rate(row["rate"]), study.same_rate(arm)
    text = f", but it starts from {start}, the fixed rate is {rate(row['rate against'])}"
    if word in ("missing", "not planned"):
        text += f"; with a fixed rate of {start} there is no run yet"
        word = "missing"
    else:
        table = comparisons(study, schedule_family(study)).set_index(["arm", "against"])
        alone = table.loc[(fixed, CONSTANT)] if (fixed, CONSTANT) in table.index else None
        text += f". The fixed rate of {start} alone {_result(alone)}" if alone is not None and alone["pairs"] > 1 else ""
        text += f"; against it, `{arm}` {_result(table.loc[(arm, fixed)])}"
    lower = "lower" if row["rate"] < row["rate against"] else "higher"
    return f"{text}, {CONCLUSIONS[word].format(lower=lower)}" if row["word"] in ("helps", "harms") else text


def _competitor(named: pd.DataFrame) -> str:
    words = {name: rows.set_index("arm")["word"] for name, rows in named.groupby("against")}
    if COMPETITOR not in words or set(words[COMPETITOR]) == {"missing"}:
        return "Cosine annealing has no finished pair yet."
    if CONSTANT in words and words[COMPETITOR].to_dict() == words[CONSTANT].to_dict():
        return "Against cosine annealing each of them earns the same word."
    rows = _with_pairs(named, COMPETITOR, list(words[COMPETITOR].index))
    said = [f"`{row['arm']}` {_result(row)}" for _, row in rows.iterrows()]
    return f"Against cosine annealing, {'; '.join(said)}."


def _listening(study: Study) -> str:
    causal = comparisons(study, causal_family(study))
    judged = causal[~causal["word"].isin(["descriptive", "missing"])]
    lines = [
        f"These controls cannot tell. {none}"
        for arm in causal["arm"].drop_duplicates()
        if (none := next_to_none(study, arm))
    ]
    told = [LISTENING[row["word"]].format(**row) for _, row in judged.iterrows() if row["word"] in LISTENING]
    lines += [f"Held against the same curves without feedback: {'; '.join(told)}."] if told else []
    if judged.empty:
        lines += [f"Whether it is the feedback cannot be said yet: no control has its {SEEDS_FOR_A_CLAIM} pairs."]
    stairs = [f"`{arm}`" for arm in study.feedback if same_factors(study, arm)]
    if stairs:
        lines += [
            f"The decisions of {listed(stairs)} were the same at every step of all runs: curves that could have been drawn "
            "beforehand, without feedback."
        ]
    return " ".join(lines)


def _caveats(study: Study) -> str:
    return f"{'' if tuned() else 'Nothing is tuned. '}{ours(study)}".strip()


def _with_pairs(table: pd.DataFrame, against: str, arms: list[str]) -> pd.DataFrame:
    return table[(table["against"] == against) & table["arm"].isin(arms) & (table["pairs"] > 0)]


def _bound(study: Study, arm: str) -> str:
    count = len(study.arms[arm])
    for ends, name in zip(on_bound(study, arm), ("lowest", "highest"), strict=True):
        if ends:
            return f"ends on its {name} rate in {f'all {count}' if ends == count else f'{ends} of {count}'} runs and "
    return ""


def _result(row: pd.Series) -> str:
    text = _plain(row)
    if row["pairs"] < 2:
        return text
    level, low, high = (90, "low, 90 %", "high, 90 %") if row["word"] == "equivalent" else (95, "low", "high")
    return f"{text} ({level} % interval {row[low]:+.1f} to {row[high]:+.1f}, {row['pairs']} pairs)"


def _plain(row: pd.Series) -> str:
    return RESULTS[row["word"]].format(size=abs(row["difference"]), difference=row["difference"])
