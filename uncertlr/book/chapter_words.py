"""Tables and sentences of the chapters on the two experiments: by rule from finished runs, for better and for worse."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from uncertlr.analysis.intervals import wilson_interval
from uncertlr.analysis.paired import SEEDS_FOR_A_CLAIM, paired_interval
from uncertlr.analysis.scores import final_scores
from uncertlr.runs.store import Run

SIDES = {"accuracy": "accuracy", "loss": "loss", "mc_brier": "Brier score (MC)", "mc_ece": "calibration error (MC)"}
"""Scores that are told of both sides, MC where they are averaged over masks; of all but accuracy less is better."""

DROP = 0.1
"""Validation accuracy lost within an epoch that is worth a sentence."""


def weights_table(runs: Mapping[str, Run]) -> pd.DataFrame:
    """Test scores of the last weights and of those with the best validation accuracy, two rows a run.

    Args:
        runs: name of the arm to its run.
    """
    rows = {}
    for name, run in runs.items():
        if not run.summary["test_best"]:
            continue
        found = {
            "last": (run.config.epochs, final_scores(run)),
            "best": (run.summary["best_epoch"], run.summary["test_best"]),
        }
        for which, (epoch, scores) in found.items():
            n = run.record["examples"]["test"]
            low, high = (float(end[0]) for end in wilson_interval([scores["accuracy"] * n], [n]))
            rows[f"{name}: {which} weights"] = {
                "epoch": epoch,
                "accuracy (95 %)": f"{scores['accuracy']:.3f} ({low:.3f} to {high:.3f})",
                "loss": f"{scores['loss']:.3f}",
                "Brier, MC": f"{scores['mc_brier']:.3f}",
                "ECE": f"{scores['ece']:.3f}",
                "ECE, MC": f"{scores['mc_ece']:.3f}",
            }
    return pd.DataFrame(rows).T


def both_sides(runs: Mapping[str, Run], baseline: str) -> str:
    """In what each run ends better than the baseline, in what worse, and what stopping the baseline early would give.

    Args:
        runs: name of the arm to its run; of one seed and plan.
        baseline: name of the fixed rate's.
    """
    base, lines = runs[baseline], []
    others = {name: run for name, run in runs.items() if name != baseline}
    for name, run in others.items():
        better, worse = _sides(final_scores(run), final_scores(base))
        lines.append(f"- **{name}** against the {baseline}: better in {better or 'nothing'}; worse in {worse or 'nothing'}.")
    words = [_stopped_early(base, others, baseline) if others else "", _fall(base, baseline)]
    return "\n".join([*lines, "", " ".join(each for each in words if each)])


def final_words(runs: Mapping[str, Run], baseline: str) -> str:
    """The plan's result in one line of a list, scores of either kind beside each other."""
    scores = {name: final_scores(run) for name, run in runs.items()}
    epochs = runs[baseline].config.epochs
    ends = "; ".join(
        f"**{name}** {each['accuracy']:.3f}, loss {each['loss']:.3f}, ECE (MC) {each['mc_ece']:.3f}"
        for name, each in scores.items()
    )
    best, epoch = _lowest(runs[baseline])
    early = f" The fixed rate's validation loss was lowest after epoch {epoch}, {best:.3f}." if epoch < epochs else ""
    return f"- On the report's own plan, {epochs} epochs on all data and one seed, test accuracy ends at {ends}.{early}"


def calibration_words(runs: Mapping[str, Run], baseline: str) -> str:
    """What to think of a lower calibration error that comes with a higher Brier score; nothing where there is none."""
    base, lines = final_scores(runs[baseline]), []
    for name, run in runs.items():
        scores = final_scores(run)
        if scores["mc_ece"] < base["mc_ece"] and scores["mc_brier"] > base["mc_brier"]:
            lines.append(
                f"Averaged over masks, **{name}** has the lower calibration error ({scores['mc_ece']:.3f} against "
                f"{base['mc_ece']:.3f}; with dropout off {scores['ece']:.3f} against {base['ece']:.3f}) and the higher "
                f"Brier score ({scores['mc_brier']:.3f} against {base['mc_brier']:.3f})."
            )
    reading = (
        "A low calibration error alone is no merit. A network that gives every class its share in the data has none, and is "
        "useless; the Brier score counts both, calibration and what the network knows."
    )
    return " ".join([*lines, reading]) if lines else ""


def accuracy_words(seeds: Mapping[str, Sequence[Run]], baseline: str) -> str:
    """A line an arm: by how many points it ends from the baseline, with the paired interval from two pairs on."""
    base = {run.config.seed: 100 * final_scores(run)["accuracy"] for run in seeds[baseline]}
    lines = []
    for name, runs in seeds.items():
        found = {run.config.seed: 100 * final_scores(run)["accuracy"] for run in runs}
        paired = sorted(base.keys() & found.keys())
        if name == baseline or not paired:
            continue
        apart = [found[seed] - base[seed] for seed in paired]
        ends = "one seed"
        if len(paired) > 1:
            interval = paired_interval(apart)
            ends = f"95 % interval {interval.low:+.1f} to {interval.high:+.1f}, n = {interval.count} pairs of seeds"
        lines.append(f"- **{name}** ends {np.mean(apart):+.1f} points of test accuracy from the {baseline} ({ends}).")
    return "\n".join(lines)


def pairs_words(seeds: Mapping[str, Sequence[Run]], baseline: str) -> str:
    """What the number of pairs lets one say of each arm: too few describe, enough may earn a claim."""
    base = {run.config.seed for run in seeds[baseline]}
    counts = {name: len(base & {run.config.seed for run in runs}) for name, runs in seeds.items() if name != baseline}
    few = {name: count for name, count in counts.items() if 0 < count < SEEDS_FOR_A_CLAIM}
    enough = {name: count for name, count in counts.items() if count >= SEEDS_FOR_A_CLAIM}
    lines = []
    if enough:
        lines.append(
            f"Pairs of seeds: {_counted(enough)}. That is enough for a claim; whether the difference earns one is said in "
            "the chapters on controls and on the verdict, by rules fixed beforehand."
        )
    if few:
        lines.append(
            f"Pairs of seeds: {_counted(few)}. A claim needs {SEEDS_FOR_A_CLAIM}, so this describes what happened and "
            "decides nothing."
        )
    return " ".join(lines)


def reversal_words(short: Mapping[str, Sequence[Run]], plan: Mapping[str, Run], one: str, other: str) -> str:
    """A sentence where two arms change places between the short runs and the plan, else nothing.

    Args:
        short: name of the arm to its runs, one a seed.
        plan: name of the arm to its run on the report's plan.
        one: name of an arm.
        other: name of another.
    """
    if not all(short.get(name) and name in plan for name in (one, other)):
        return ""
    before = [float(np.mean([final_scores(run)["accuracy"] for run in short[name]])) for name in (one, other)]
    after = [final_scores(plan[name])["accuracy"] for name in (one, other)]
    if (before[0] - before[1]) * (after[0] - after[1]) >= 0:
        return ""
    short_n, long_epochs = [len(short[name]) for name in (one, other)], plan[one].config.epochs
    return (
        f"The two variants of the rule change places: after {short[one][0].config.epochs} epochs {one} has {before[0]:.3f} "
        f"and {other} {before[1]:.3f} (n = {short_n[0]} and {short_n[1]}); after {long_epochs} epochs on all data "
        f"{after[0]:.3f} and {after[1]:.3f} (n = 1). The plan has more examples and more epochs; the runs do not say "
        "which of the two did it."
    )


def bins_words(runs: Mapping[str, Run]) -> str:
    """How few examples the emptiest bin of the reliability diagrams holds, and how many the fullest."""
    counts = np.concatenate([np.array(final_scores(run)["bin_counts"], dtype=int) for run in runs.values()])
    full = counts[counts > 0]
    return f"The bins that are not empty hold between {full.min():,} and {full.max():,} examples."


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"**{name}** {count}" for name, count in counts.items())


def _sides(scores: Mapping[str, float], base: Mapping[str, float]) -> tuple[str, str]:
    better: list[str] = []
    worse: list[str] = []
    for key, label in SIDES.items():
        gain = scores[key] - base[key] if key == "accuracy" else base[key] - scores[key]
        (better if gain > 0 else worse).append(f"{label} ({scores[key]:.3f} against {base[key]:.3f})")
    return ", ".join(better), ", ".join(worse)


def _lowest(run: Run) -> tuple[float, int]:
    val = run.validation
    row = val.loc[val["loss"].idxmin()]
    return float(row["loss"]), int(row["epoch"])


def _stopped_early(base: Run, others: Mapping[str, Run], baseline: str) -> str:
    best, epoch = _lowest(base)
    lowest = {name: _lowest(run)[0] for name, run in others.items()}
    if epoch == base.config.epochs:
        return (
            f"The {baseline}'s validation loss is lowest in its last epoch, {best:.3f}. It does not overfit within the "
            "plan, so there is nothing that a lower rate could have saved."
        )
    end = float(base.validation["loss"].iloc[-1])
    told = " and ".join(f"{value:.3f} ({name})" for name, value in lowest.items())
    said = f"The {baseline}'s validation loss is lowest after epoch {epoch}, {best:.3f}, and {end:.3f} at the end: it "
    said += f"overfits. The lowest that the rule ever has is {told}. "
    if best < min(lowest.values()):
        return said + f"So whoever stops the {baseline} after epoch {epoch} has a lower loss than the rule at any time."
    return said + "So on this count stopping early does not make up for the rule."


def _fall(base: Run, baseline: str) -> str:
    accuracy = base.validation.set_index("epoch")["accuracy"]
    change = accuracy.diff()
    if not change.min() < -DROP:
        return ""
    epoch = int(change.idxmin())
    return (
        f"The {baseline} is not smooth either: in epoch {epoch} its validation accuracy falls from "
        f"{accuracy[epoch - 1]:.3f} to {accuracy[epoch]:.3f}."
    )
