"""What the chapters may say: sentences that follow from comparisons by rules, in the protocol's words."""

import math

import pandas as pd

from uncertlr.analysis.comparisons import comparisons, named_family
from uncertlr.analysis.paired import ALPHA, LEAST_APART, MARGIN, SEEDS_FOR_A_CLAIM
from uncertlr.analysis.pairs import FRESH
from uncertlr.analysis.scores import rate
from uncertlr.analysis.study import CONSTANT, Study
from uncertlr.runs.paths import project_folder
from uncertlr.sweep import read_sweep
from uncertlr.training.run import find

CLAIMS = {
    "helps": "`{arm}` **helps** against `{against}`",
    "harms": "`{arm}` **harms** against `{against}`",
    "equivalent": "`{arm}` and `{against}` are **equivalent** within {margin} points",
    "not shown": "`{arm}` against `{against}`: a difference is **not shown**, and neither is equivalence",
    "uninformative": (
        "`{arm}` against `{against}` is **uninformative**: their log rates are {apart:.3f} apart, less than {least}, so the "
        "control cannot tell feedback from shape"
    ),
    "descriptive": (
        "`{arm}` against `{against}` is **descriptive**: {pairs} of {planned} planned pairs are finished, "
        "and a claim takes {seeds}"
    ),
    "missing": "`{arm}` against `{against}` is **missing**: {pairs} of {planned} planned pairs are finished",
}

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
    return f"{CLAIMS[row['word']].format(**fields(row))}{_numbers(row)}.{beside(row)}"


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


def claims(table: pd.DataFrame) -> str:
    """Every row as an item of a Markdown list; what has no finished pair in one item."""
    absent = [f"`{row['arm']}` against `{row['against']}`" for _, row in table.iterrows() if row["word"] == "missing"]
    lines = [f"- {claim(row)}" for _, row in table.iterrows() if row["word"] != "missing"]
    lines += [f"- **Missing**, without one finished pair: {listed(absent)}."] if absent else []
    return "\n".join(lines) or "No such comparison is planned."


def primary_answer(study: Study) -> str:
    """The comparison that the protocol names first, from the study of the report's own plan."""
    row = comparisons(study, [PRIMARY]).iloc[0]
    text = f"{claim(row)} These are runs of {study.title}, {_setting(study)}."
    if study.facts.chosen_on_validation:
        return text
    where = tuned(study.dataset)
    there = f"they are on {where} only" if where else "no tuned run is finished"
    return f"{text} The protocol asks for both arms tuned; {there}."


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
    if not study.facts.chosen_on_validation:
        rates = "rates and dials are the report's or the protocol's"
        aside = (
            "what tuning makes of them stands in a section of its own"
            if tuned(study.dataset)
            else "so a better rate may undo any lead"
        )
        lines.append(f"No arm of this study is tuned: {rates}; {aside}.")
    return [*lines, *([ours(study)] if ours(study) else [])]


def ours(study: Study) -> str:
    """What the report leaves open and the study had to choose: the threshold and the bounds of the report's rule."""
    found = [job.config for job in study.jobs if job.arm in study.facts.ablations and job.config.rule == "threshold"]
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


def tuned(dataset: str) -> str:
    """The setting in which a data set's arms of the primary comparison are tuned, with finished runs; empty for none."""
    for path in sorted((project_folder() / "sweeps").glob("*tuned*.yaml")):
        jobs = read_sweep(path)
        finished = {arm for arm in PRIMARY if any(job.arm == arm and find(job.config) for job in jobs)}
        if jobs[0].config.dataset == dataset and finished == set(PRIMARY):
            return Study(path.stem, tuple(jobs), {}).title
    return ""


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


def fields(row: pd.Series) -> dict[str, object]:
    """A row of `comparisons` as the sentences have it: its entries, and what the protocol sets."""
    donors = f"; the donors' have a standard deviation of {row['spread']:.3f}" if row["spread"] == row["spread"] else ""
    percent = 100 * math.expm1(row["apart"])
    settings = {"margin": f"{100 * MARGIN:g}", "least": LEAST_APART, "seeds": SEEDS_FOR_A_CLAIM}
    return dict(row) | settings | {"percent": percent, "donors": donors}


def alone(row: pd.Series) -> str:
    """What a difference that is not shown would be without the adjustment, where the reader of its interval must wonder."""
    wonders = row["word"] == "not shown" and (row["p"] <= ALPHA or row["low"] * row["high"] > 0)
    return f"{row['p']:.2g} before it" if wonders else ""


def _numbers(row: pd.Series) -> str:
    if row["word"] == "missing":
        return ""
    if row["pairs"] == 1:
        return f" ({row['difference']:+.2f} points)"
    level, low, high = (90, "low, 90 %", "high, 90 %") if row["word"] == "equivalent" else (95, "low", "high")
    text = f"{row['difference']:+.2f} points, {level} % interval {row[low]:+.2f} to {row[high]:+.2f}, {row['pairs']} pairs"
    if row["word"] in ("helps", "harms", "not shown"):
        text += f", p = {row['p, Holm']:.2g} after Holm{', ' + alone(row) if alone(row) else ''}"
    if row["word"] == "equivalent":
        text += f", p = {row['p, equivalence']:.2g} of the equivalence test"
    return f" ({text})"
