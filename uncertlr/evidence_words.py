"""What the chapters may say: sentences that follow from comparisons by rules, in the protocol's words."""

import math

import pandas as pd

from uncertlr.evidence import LEAST_APART, MARGIN, SEEDS_FOR_A_CLAIM
from uncertlr.pairs import FRESH, rates_apart, same_factors, shared_seeds
from uncertlr.runs import project_folder
from uncertlr.study import CONSTANT, Study, read_study
from uncertlr.verdicts import TWINS, causal_family, comparisons, named_family, schedule_family

CLAIMS = {
    "helps": "`{arm}` **helps** against `{against}`",
    "harms": "`{arm}` **harms** against `{against}`",
    "equivalent": "`{arm}` and `{against}` are **equivalent** within {margin} points",
    "not shown": "`{arm}` against `{against}`: a difference is **not shown**, and neither is equivalence",
    "uninformative": (
        "`{arm}` against `{against}` is **uninformative**: their log rates are {apart:.3f} apart, less than {least}, so the "
        "control cannot tell feedback from shape"
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
        "With however many pairs, `{against}` cannot tell feedback from shape: its rate and that of `{arm}` are "
        "{percent:.1f} % apart (log rates {apart:.3f}, less than {least}{donors})."
    ),
    "descriptive": "`{arm}` against `{against}` has {pairs} of {planned} pairs; {seeds} are needed to say anything.",
}

LEVEL = {
    "helps": "More than its level is at work: `{arm}` ends higher than `{against}`, a fixed rate at its geometric mean.",
    "harms": "A fixed rate at its geometric mean, `{against}`, ends higher than `{arm}`.",
    "equivalent": (
        "Its level alone does as well: `{arm}` and `{against}`, a fixed rate at its geometric mean, end within {margin} "
        "points of each other."
    ),
    "not shown": (
        "Between `{arm}` and `{against}`, a fixed rate at its geometric mean, no difference is shown, nor that there is "
        "none within {margin} points."
    ),
    "descriptive": FEEDBACK["descriptive"],
}
"""What an arm earned against its own level, fixed."""

SAME_RATE = {
    "helps": "against that rate, fixed, it ends higher too",
    "harms": "against that rate, fixed, it ends lower",
    "equivalent": "against that rate, fixed, it is equivalent, so the lead or the loss is the initial rate's",
    "not shown": "against that rate, fixed, a difference is not shown",
    "descriptive": "against that rate, fixed, there are too few pairs for a claim",
    "missing": "against that rate, fixed, there is no run yet",
    "not planned": "no fixed rate of that size is planned",
}
"""What a listening arm earned against a fixed rate that starts where it does, beside an arm that starts elsewhere."""

PRIMARY = ("report", CONSTANT)
"""The protocol's primary comparison, judged alone."""


def claim(row: pd.Series) -> str:
    """A row of `comparisons` as a sentence, with its numbers, and what else differs between the arms."""
    return f"{CLAIMS[row['word']].format(**_fields(row))}{_numbers(row)}.{beside(row)}"


def beside(row: pd.Series) -> str:
    """What a reader must know of a comparison beside its numbers: another initial rate, the pilot's seeds, processors."""
    if row["word"] == "missing":
        return ""
    text = ""
    if row["same rate"]:
        rates = f"{rate(row['rate'])}, `{row['against']}` from {rate(row['rate against'])}"
        text += f" `{row['arm']}` starts from {rates}; {SAME_RATE[row['same rate']]}."
    if row["pilot"]:
        seeds = row["pilot"].split()
        text += f" {'Seed' if len(seeds) == 1 else 'Seeds'} {listed(seeds)}: "
        text += "a run in training or finished before the protocol was committed"
        if row["pairs, fresh"] > 1:
            estimate, low, high, count = (row[name] for name in FRESH)
            text += f"; without {'it' if len(seeds) == 1 else 'them'} {estimate:+.2f} points, {low:+.2f} to {high:+.2f}"
            text += f", {count:.0f} pairs"
        text += "."
    if row["mixed"]:
        text += f" {row['mixed']} of {row['pairs']} pairs ran on two kinds of processor."
    if row["spread"] == row["spread"]:
        text += f" Standard deviation of the log rate between the donors: {row['spread']:.3f}."
    return text


def rate(value: float) -> str:
    """A learning rate as people write it.

    >>> rate(0.0003)
    '3e-4'
    """
    digits, exponent = f"{value:.1e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def claims(table: pd.DataFrame) -> str:
    """Every row as an item of a Markdown list; what has no finished pair in one item."""
    absent = [f"`{row['arm']}` against `{row['against']}`" for _, row in table.iterrows() if row["word"] == "missing"]
    lines = [f"- {claim(row)}" for _, row in table.iterrows() if row["word"] != "missing"]
    lines += [f"- **Missing**, without one finished pair: {listed(absent)}."] if absent else []
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
        if same_factors(study, arm):
            answers[arm] = [*answers.get(arm, []), staircase(study, arm)]
        elif not rail and not len(rows):
            answers[arm] = [f"`{arm}` has no control in this study, so the question is open for it."]
        absent = [f"`{row['against']}`" for _, row in rows.iterrows() if row["word"] == "missing"]
        there = rows[rows["word"] != "missing"]
        lines = [
            (LEVEL if row["against"] == study.level(arm) else FEEDBACK)[row["word"]].format(**_fields(row))
            for _, row in there.iterrows()
        ]
        lines += [f"`{arm}` against {listed(absent)}: missing, no pair is finished."] if absent else []
        lines += [none] if (none := next_to_none(study, arm, table)) else []
        answers[arm] = [*answers.get(arm, []), *lines]
    return answers


def moved_by_listening(study: Study, arm: str, causal: pd.DataFrame) -> str:
    """How far an arm's rate lies from its controls' at most, where all that have runs are too like it; else nothing.

    Args:
        study: of the arm.
        arm: that listens.
        causal: `comparisons` of the causal family.
    """
    replays = (causal["arm"] == arm) & (causal["against"] != study.level(arm))
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
        return f"The rate of `{arm}` differs from what it would have been without listening by {own} at most: {NO_FEEDBACK}."
    moved, start = _percent(rates_apart(study, arm, alone)), rate(study.initial_rate(arm))
    text = (
        f"`{arm}` left the fixed rate of {start} that it starts from by {moved}, but alike in every run: from its curves "
        f"without listening it differs by {own} at most. {NO_FEEDBACK.capitalize()}"
    )
    gain = comparisons(study, schedule_family(study)).set_index(["arm", "against"]).loc[(arm, alone), "word"]
    return f"{text}, and no gain to attribute to it: {SAME_RATE[gain]}." if gain in ("equivalent", "harms") else f"{text}."


NO_FEEDBACK = "there was next to no feedback to judge"


def _percent(apart: float) -> str:
    return f"{100 * math.expm1(apart):.{0 if apart > 0.1 else 1}f} %"


def staircase(study: Study, arm: str) -> str:
    """Of an arm whose factors were the same at every step of all runs: there was no feedback in it."""
    return (
        f"`{arm}`: its decisions were the same at every step in all {len(study.arms[arm])} runs, whatever each of them "
        "heard. That curve could have been drawn beforehand, so there was no feedback in it to judge."
    )


def primary_answer(study: Study) -> str:
    """The comparison that the protocol names first, from the study of the report's own plan."""
    row = comparisons(study, [PRIMARY]).iloc[0]
    text = f"{claim(row)} These are runs of {study.title}, {_setting(study)}."
    return text if tuned() else text + " The protocol asks for both arms tuned; no tuned run is finished."


def limits(study: Study) -> list[str]:
    """What the study's finished runs do not reach, read off their configurations."""
    words = comparisons(study, named_family(study))["word"]
    open_ = int(words.isin(["descriptive", "missing"]).sum())
    lines = [f"One data set at a time, one network, one optimizer: {_setting(study)}, Adam, batches of {_batch(study)}."]
    if open_:
        lines.append(f"{open_} of the {len(words)} comparisons of the named family have too few pairs for a claim.")
    if len(machines := sorted({run.record["processor"] for run in study.finished})) > 1:
        lines.append(
            f"The runs are of {len(machines)} kinds of processor ({listed(machines)}), whose sums round differently."
        )
    if not tuned():
        lines.append(
            "No arm is tuned: rates and dials are the report's or the protocol's, so a better rate may undo any lead."
        )
    return [*lines, *([ours(study)] if ours(study) else [])]


def ours(study: Study) -> str:
    """What the report leaves open and the study had to choose: the threshold and the bounds of the report's rule."""
    found = [job.config for job in study.jobs if job.arm in TWINS and job.config.rule == "threshold"]
    settings = sorted({(config.threshold, config.min_factor, config.max_factor) for config in found})
    if not settings:
        return ""
    said = [f"a threshold of {level:g} of the maximum, a factor from {low:g} to {high:g}" for level, low, high in settings]
    return f"The report names neither threshold nor bounds for its rule; {'; or '.join(said)} are this book's choice."


def progress(study: Study) -> str:
    """How many of the planned runs are finished, and the arms that are not complete."""
    text = f"{study.title}: {len(study.finished)} of {len(study.jobs)} planned runs are finished"
    gaps = {arm: study.planned(arm) - len(runs) for arm, runs in study.arms.items() if runs}
    missing = [f"`{arm}` {gap} of {study.planned(arm)}" for arm, gap in gaps.items() if gap]
    untouched = [f"`{arm}`" for arm, runs in study.arms.items() if not runs]
    missing += [f"all of {listed(untouched)}"] if untouched else []
    return f"{text}; missing: {', '.join(missing)}." if missing else f"{text}."


def tuned() -> bool:
    """Whether a tuned study has finished runs of both arms of the primary comparison."""
    names = [path.stem for path in sorted((project_folder() / "sweeps").glob("*tuned*.yaml"))]
    return any(all(study.arms.get(arm) for arm in PRIMARY) for study in map(read_study, names))


def _setting(study: Study) -> str:
    runs = study.finished
    if not runs:
        return "of which none is finished"
    config, examples = runs[0].config, runs[0].record["examples"]["train"]
    weights = runs[0].record["num_parameters"]
    return f"{config.dataset}, {examples:,} training examples, {config.epochs} epochs, {weights:,} weights"


def _batch(study: Study) -> str:
    return listed([str(size) for size in sorted({job.config.batch_size for job in study.jobs})])


def listed(names: list[str]) -> str:
    """Names as a clause.

    >>> listed(["one", "two", "three"])
    'one, two and three'
    """
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _fields(row: pd.Series) -> dict[str, object]:
    donors = f"; the donors' have a standard deviation of {row['spread']:.3f}" if row["spread"] == row["spread"] else ""
    percent = 100 * math.expm1(row["apart"])
    settings = {"margin": f"{100 * MARGIN:g}", "least": LEAST_APART, "seeds": SEEDS_FOR_A_CLAIM}
    return dict(row) | settings | {"percent": percent, "donors": donors}


def _numbers(row: pd.Series) -> str:
    if row["word"] == "missing":
        return ""
    if row["pairs"] == 1:
        return f" ({row['difference']:+.2f} points)"
    level, low, high = (90, "low, 90 %", "high, 90 %") if row["word"] == "equivalent" else (95, "low", "high")
    text = f"{row['difference']:+.2f} points, {level} % interval {row[low]:+.2f} to {row[high]:+.2f}, {row['pairs']} pairs"
    if row["word"] in ("helps", "harms", "not shown"):
        text += f", p = {row['p, Holm']:.2g} after Holm"
    if row["word"] == "equivalent":
        text += f", p = {row['p, equivalence']:.2g} for a difference beyond the margin"
    return f" ({text})"
