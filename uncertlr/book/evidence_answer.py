"""The verdict's short answer: finished runs in plain words. Each clause follows from a comparison by a rule."""

import pandas as pd

from uncertlr.analysis.comparisons import causal_family, comparisons, named_family, schedule_family
from uncertlr.analysis.paired import SEEDS_FOR_A_CLAIM
from uncertlr.analysis.pairs import on_bound, same_factors
from uncertlr.analysis.scores import rate
from uncertlr.analysis.study import COMPETITOR, CONSTANT, Study
from uncertlr.book.evidence_listening import conclusion, next_to_none
from uncertlr.book.evidence_words import alone, listed, ours, tuned

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
    "bold_driver_epoch": "the report's two factors once an epoch, on the training loss",
}
"""The other arms that listen, for readers who have not met their names."""

RESULTS = {
    "helps": "gains {size:.1f} points",
    "harms": "loses {size:.1f} points",
    "equivalent": "ends within half a point of it",
    "not shown": "is not shown to differ from it, nor to be equivalent",
    "uninformative": "is too like it to tell",
    "descriptive": "stands at {difference:+.1f} points, with too few pairs for a claim",
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


BY_DESIGN = "A rule set so that its rate does answer the network"
AT_LEVEL = "against a fixed rate at its mean level"
NOT_YET = "A study that can tell is planned and has no finished pair yet."
"""Of a study that was made to tell whether listening matters."""


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
        "Is it the listening?": listening(study, told),
        "Beware.": _caveats(study),
    }
    return "\n".join(f"- **{title}** {text}" for title, text in parts.items() if text)


def listening(study: Study, told: Study | None = None) -> str:
    """Whether it is the listening: what a study's own controls say, and a study that was made to tell.

    Args:
        study: whose arms are judged.
        told: as in `short_answer`.
    """
    return f"{_controls(study)} {_by_design(told)}" if told else _controls(study)


def _by_design(study: Study) -> str:
    causal = comparisons(study, causal_family(study))
    lines = []
    for arm, rows in causal[causal["pairs"] > 0].groupby("arm", sort=False):
        level = study.matched_rate(str(arm))
        curves = [row for _, row in rows.iterrows() if row["against"] != level]
        said = [f"against another seed's curve (`{row['against']}`) it {result(row)}" for row in curves]
        said += [f"{AT_LEVEL} it {result(row)}" for _, row in rows.iterrows() if row["against"] == level]
        lines.append(f"{BY_DESIGN} (`{arm}`): {'; '.join(said)}. {conclusion(study, str(arm), causal)}")
    return " ".join(lines) or NOT_YET


def _reports_rule(study: Study, named: pd.DataFrame) -> str:
    rows = _with_pairs(named, CONSTANT, [arm for arm in study.facts.ablations if arm in study.arms]).set_index(
        "arm", drop=False
    )
    if rows.empty:
        return "It has no finished pair with a fixed rate yet."
    fixed = f" Its baseline is a fixed rate of {rate(study.initial_rate(CONSTANT))}; points are of test accuracy."
    said = [f"{OPENINGS[arm]} {_bound(study, str(arm))}{result(row)}." for arm, row in rows.iterrows()]
    return " ".join(said) + fixed


def _others(study: Study, named: pd.DataFrame) -> str:
    rest = [arm for arm in study.feedback if arm not in study.facts.ablations]
    rows = _with_pairs(named, CONSTANT, rest)
    waiting = [f"`{arm}`" for arm in rest if arm not in set(rows["arm"])]
    lines = [_other(study, row) for _, row in rows.iterrows()]
    return " ".join([*lines, *([f"Of {listed(waiting)} there is no finished pair yet."] if waiting else [])])


def _other(study: Study, row: pd.Series) -> str:
    arm = row["arm"]
    about = f" ({ABOUT[arm]})" if arm in ABOUT else ""
    text = f"`{arm}`{about} {_bound(study, arm)}{result(row)}"
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
        text += f". The fixed rate of {start} alone {result(alone)}" if alone is not None and alone["pairs"] > 1 else ""
        text += f"; against it, `{arm}` {result(table.loc[(arm, fixed)])}"
    lower = "lower" if row["rate"] < row["rate against"] else "higher"
    return f"{text}, {CONCLUSIONS[word].format(lower=lower)}" if row["word"] in ("helps", "harms") else text


def _competitor(named: pd.DataFrame) -> str:
    words = {name: rows.set_index("arm")["word"] for name, rows in named.groupby("against")}
    if COMPETITOR not in words or set(words[COMPETITOR]) == {"missing"}:
        return "Cosine annealing has no finished pair yet."
    if CONSTANT in words and words[COMPETITOR].to_dict() == words[CONSTANT].to_dict():
        return "Against cosine annealing each of them earns the same word."
    rows = _with_pairs(named, COMPETITOR, list(words[COMPETITOR].index))
    said = [f"`{row['arm']}` {result(row)}" for _, row in rows.iterrows()]
    return f"Against cosine annealing, {'; '.join(said)}."


def _controls(study: Study) -> str:
    causal = comparisons(study, causal_family(study))
    judged = causal[~causal["word"].isin(["descriptive", "missing"])]
    lines = [
        f"The controls of `{arm}` cannot tell. {none}"
        for arm in causal["arm"].drop_duplicates()
        if (none := next_to_none(study, arm, causal))
    ]
    told = [LISTENING[row["word"]].format(**row) for _, row in judged.iterrows() if row["word"] in LISTENING]
    lines += [f"Held against the same curves without feedback: {'; '.join(told)}."] if told else []
    if judged.empty:
        lines += [f"Whether it is the feedback cannot be said: no control has the {SEEDS_FOR_A_CLAIM} pairs of a claim."]
    stairs = [f"`{arm}`" for arm in study.feedback if same_factors(study, arm)]
    if stairs:
        lines += [
            f"The decisions of {listed(stairs)} were the same at every step of all runs: curves that could have been drawn "
            "beforehand, without feedback."
        ]
    return " ".join(lines)


def _caveats(study: Study) -> str:
    return f"{'' if tuned(study.dataset) else 'Nothing is tuned. '}{ours(study)}".strip()


def _with_pairs(table: pd.DataFrame, against: str, arms: list[str]) -> pd.DataFrame:
    return table[(table["against"] == against) & table["arm"].isin(arms) & (table["pairs"] > 0)]


def _bound(study: Study, arm: str) -> str:
    count = len(study.arms[arm])
    for ends, name in zip(on_bound(study, arm), ("lowest", "highest"), strict=True):
        if ends:
            return f"ends on its {name} rate in {f'all {count}' if ends == count else f'{ends} of {count}'} runs and "
    return ""


def result(row: pd.Series) -> str:
    """A comparison's word as what the arm does against what a sentence has named, with its interval and pairs."""
    text = plain(row)
    if row["pairs"] < 2:
        return text
    level, low, high = (90, "low, 90 %", "high, 90 %") if row["word"] == "equivalent" else (95, "low", "high")
    adjusted = f"; p = {row['p, Holm']:.2g} after Holm's adjustment, {alone(row)}" if alone(row) else ""
    return f"{text} ({level} % interval {row[low]:+.1f} to {row[high]:+.1f}, {row['pairs']} pairs{adjusted})"


def plain(row: pd.Series) -> str:
    """A comparison's word as what the arm does against what a sentence has named; without an interval."""
    return RESULTS[row["word"]].format(size=abs(row["difference"]), difference=row["difference"])
