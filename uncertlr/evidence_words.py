"""What the chapters may say: sentences that follow from comparisons by rules, in the protocol's words."""

import pandas as pd

from uncertlr.evidence import MARGIN, SEEDS_FOR_A_CLAIM, SPREAD_OF_DONORS
from uncertlr.runs import project_folder
from uncertlr.study import COMPETITOR, CONSTANT, Study
from uncertlr.verdicts import TWINS, causal_family, comparisons, named_family

CLAIMS = {
    "helps": "`{arm}` **helps** against `{against}`",
    "harms": "`{arm}` **harms** against `{against}`",
    "equivalent": "`{arm}` and `{against}` are **equivalent** within {margin} points",
    "not shown": "`{arm}` against `{against}`: a difference is **not shown**, and neither is equivalence",
    "uninformative": (
        "`{arm}` against `{against}` is **uninformative**: the donors' log rates differ by a standard deviation of "
        "{spread:.3f}, less than {least}, so the replay cannot tell feedback from shape"
    ),
    "descriptive": "`{arm}` against `{against}` is **descriptive**, no claim: {pairs} of {planned} pairs are finished",
    "missing": "`{arm}` against `{against}` is **missing**: {pairs} of {planned} pairs are finished",
}

FEEDBACK = {
    "helps": "Feedback adds to the curve: `{arm}` ends higher than `{against}`, which has its curve and no feedback.",
    "harms": "Feedback takes away: `{against}`, which has the curve and no feedback, ends higher than `{arm}`.",
    "equivalent": (
        "The curve does as well without listening: `{arm}` and `{against}` end within {margin} points of each other. "
        "What `{arm}` gains or loses comes from the shape of its curve."
    ),
    "not shown": "Between `{arm}` and `{against}` no difference is shown, nor that there is none within {margin} points.",
    "uninformative": (
        "`{against}` cannot tell feedback from shape: the curves of `{arm}` are so alike over the seeds "
        "(standard deviation of the log rate {spread:.3f}) that a replay is nearly the run itself."
    ),
    "descriptive": "`{arm}` against `{against}` has {pairs} of {planned} pairs; {seeds} are needed to say anything.",
}

BESIDE = {
    "helps": "`{arm}` ends higher than `{control}`",
    "harms": "`{arm}` ends lower than `{control}`",
    "equivalent": "`{arm}` is equivalent to `{control}`",
    "not shown": "a difference of `{arm}` from `{control}` is not shown",
    "uninformative": "`{control}` is too like `{arm}` to tell",
}
"""Of a feedback arm and its control, in the short answer."""

PRIMARY = ("report", CONSTANT)
"""The protocol's primary comparison, judged alone."""

VERBS = {
    "helps": ("{} ends higher", "{} end higher"),
    "harms": ("{} ends lower", "{} end lower"),
    "equivalent": ("{} is equivalent to it", "{} are each equivalent to it"),
    "not shown": ("for {} a difference is not shown", "for {} a difference is not shown"),
}
"""Of one arm and of several, in the short answer."""


def claim(row: pd.Series) -> str:
    """A row of `comparisons` as a sentence, with its difference, interval, pairs and p-value."""
    return f"{CLAIMS[row['word']].format(**_fields(row))}{_numbers(row)}."


def claims(table: pd.DataFrame) -> str:
    """Every row as an item of a Markdown list; what has no finished pair in one item."""
    absent = [f"`{row['arm']}` against `{row['against']}`" for _, row in table.iterrows() if row["word"] == "missing"]
    lines = [f"- {claim(row)}" for _, row in table.iterrows() if row["word"] != "missing"]
    lines += [f"- **Missing**, without one finished pair: {_list(absent)}."] if absent else []
    return "\n".join(lines) or "No such comparison is planned."


def feedback_answers(study: Study) -> dict[str, list[str]]:
    """For every feedback arm of a study, what its own controls say of its feedback.

    An arm whose rate stood on a bound has no controls: its curve was the bound's, whatever it heard. The twins of the
    report's rule are controls themselves.
    """
    table = comparisons(study, causal_family(study))
    answers: dict[str, list[str]] = {}
    twins = {twin for each in TWINS.values() for twin in each}
    for arm in study.feedback:
        if arm in twins:
            continue
        rows = table[table["arm"] == arm]
        rail = study.on_a_rail(arm)
        if rail:
            answers[arm] = [f"`{arm}`: in most runs {rail}. A rate on a bound follows the bound and not the signal."]
        elif not len(rows):
            answers[arm] = [f"`{arm}` has no control in this study, so the question is open for it."]
        absent = [f"`{row['against']}`" for _, row in rows.iterrows() if row["word"] == "missing"]
        there = rows[rows["word"] != "missing"]
        lines = [FEEDBACK[row["word"]].format(**_fields(row)) for _, row in there.iterrows()]
        lines += [f"`{arm}` against {_list(absent)}: missing, no pair is finished."] if absent else []
        answers[arm] = [*answers.get(arm, []), *lines]
    return answers


def short_answer(study: Study) -> str:
    """One paragraph for the front page: does any feedback arm beat what people use, and is it the feedback?"""
    family = comparisons(study, named_family(study))
    causal = comparisons(study, causal_family(study))
    return " ".join([_against(family, CONSTANT), _against(family, COMPETITOR), _is_it_the_feedback(causal)])


def primary_answer(study: Study) -> str:
    """The comparison that the protocol names first, from the study of the report's own plan."""
    row = comparisons(study, [PRIMARY]).iloc[0]
    text = f"{claim(row)} These are runs of `{study.name}`, {_setting(study)}."
    return text if _tuned() else text + " The protocol asks for both arms tuned; no tuned run is finished."


def limits(study: Study) -> list[str]:
    """What the study's finished runs do not reach, read off their configurations."""
    words = comparisons(study, named_family(study))["word"]
    open_ = int(words.isin(["descriptive", "missing"]).sum())
    lines = [f"One data set at a time, one network, one optimizer: {_setting(study)}, Adam, batches of {_batch(study)}."]
    if open_:
        lines.append(f"{open_} of the {len(words)} comparisons of the named family have too few pairs for a claim.")
    if len(machines := sorted({run.record["processor"] for run in study.finished})) > 1:
        lines.append(
            f"The runs are of {len(machines)} kinds of processor ({_list(machines)}), whose sums round differently."
        )
    if not _tuned():
        lines.append(
            "No arm is tuned: rates and dials are the report's or the protocol's, so a better rate may undo any lead."
        )
    return lines


def progress(study: Study) -> str:
    """How many of the planned runs are finished, and the arms that are not complete."""
    text = f"`{study.name}`: {len(study.finished)} of {len(study.jobs)} planned runs are finished"
    gaps = {arm: study.planned(arm) - len(runs) for arm, runs in study.arms.items() if runs}
    missing = [f"`{arm}` {gap} of {study.planned(arm)}" for arm, gap in gaps.items() if gap]
    untouched = [f"`{arm}`" for arm, runs in study.arms.items() if not runs]
    missing += [f"all of {_list(untouched)}"] if untouched else []
    return f"{text}; missing: {', '.join(missing)}." if missing else f"{text}."


def _against(family: pd.DataFrame, baseline: str) -> str:
    rows = family[family["against"] == baseline]
    groups = {word: [f"`{arm}`" for arm in rows.loc[rows["word"] == word, "arm"]] for word in rows["word"].unique()}
    parts = [
        (one if len(names) == 1 else several).format(_list(names))
        for word, (one, several) in VERBS.items()
        if (names := groups.get(word, []))
    ]
    early = rows[rows["word"] == "descriptive"]
    few = [f"`{row['arm']}` {row['difference']:+.1f} (n = {row['pairs']})" for _, row in early.iterrows()]
    if few:
        parts.append(f"too few finished pairs for a claim, mean differences in points so far: {', '.join(few)}")
    if waiting := groups.get("missing", []):
        parts.append(f"no finished pair yet for {_list(waiting)}")
    return f"Against `{baseline}`: {'; '.join(parts)}." if parts else f"Nothing is compared with `{baseline}` yet."


def _is_it_the_feedback(causal: pd.DataFrame) -> str:
    judged = causal[~causal["word"].isin(["descriptive", "missing"])]
    if judged.empty:
        return f"Whether it is the feedback cannot be said yet: no control has its {SEEDS_FOR_A_CLAIM} pairs."
    parts = []
    for arm, rows in judged.groupby("arm", sort=False):
        words = {row["against"]: row["word"] for _, row in rows.iterrows()}
        parts += [BESIDE[word].format(arm=arm, control=control) for control, word in words.items() if word in BESIDE]
    return f"Held against the same curves without feedback: {'; '.join(parts)}."


def _setting(study: Study) -> str:
    runs = study.finished
    if not runs:
        return "of which none is finished"
    config, examples = runs[0].config, runs[0].record["examples"]["train"]
    weights = runs[0].record["num_parameters"]
    return f"{config.dataset}, {examples:,} training examples, {config.epochs} epochs, {weights:,} weights"


def _batch(study: Study) -> str:
    return _list([str(size) for size in sorted({job.config.batch_size for job in study.jobs})])


def _tuned() -> bool:
    return any((project_folder() / "sweeps").glob("*tuned*.yaml"))


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _fields(row: pd.Series) -> dict[str, object]:
    return dict(row) | {"margin": f"{100 * MARGIN:g}", "least": SPREAD_OF_DONORS, "seeds": SEEDS_FOR_A_CLAIM}


def _numbers(row: pd.Series) -> str:
    if row["word"] == "missing":
        return ""
    if row["pairs"] == 1:
        return f" ({row['difference']:+.2f} points)"
    text = f"{row['difference']:+.2f} points, 95 % interval {row['low']:+.2f} to {row['high']:+.2f}, {row['pairs']} pairs"
    if row["word"] in ("helps", "harms", "not shown"):
        text += f", p = {row['p, Holm']:.2g} after Holm"
    if row["word"] == "equivalent":
        text += f", p = {row['p, equivalence']:.2g} for a difference beyond the margin"
    return f" ({text})"
