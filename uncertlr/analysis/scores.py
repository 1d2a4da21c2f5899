"""Tables of results: finished runs in, tidy pandas frames out."""

from collections.abc import Mapping, Sequence

import pandas as pd

from uncertlr.config import RunConfig
from uncertlr.metrics import time_to_target
from uncertlr.runs.store import Run

RULES = {
    "threshold": "rule",
    "relative": "relative rule",
    "bold_driver": "rule on the loss",
    "shuffled": "own readings, shuffled",
}
"""Rules in words, where one word of a run's settings does not say it."""


def arm_name(config: RunConfig) -> str:
    """What a table or a legend calls a run's arm; only of the report's rule it says that it decides at every step.

    >>> arm_name(RunConfig(rule="threshold", decide_every=0))
    'rule, once an epoch'
    >>> arm_name(RunConfig(rule="proportional", exponent=-1.0))
    'rate over uncertainty'
    >>> arm_name(RunConfig(rule="proportional", schedule="one_cycle"))
    'rate over uncertainty, times one cycle'
    """
    if config.rule == "none":
        return "fixed rate" if config.schedule == "constant" else config.schedule.replace("_", " ")
    words = RULES.get(config.rule, config.rule)
    if config.rule == "proportional":
        words = f"rate {'over' if config.exponent < 0 else 'times'} uncertainty"
    if config.rule == "replay":
        words = "another seed's curve" if len(config.donors) == 1 else "other seeds' mean curve"
    if config.flip:
        words = f"upside-down {words}"
    if config.schedule != "constant":
        words += f", times {config.schedule.replace('_', ' ')}"
    if config.decide_every == 1:
        return f"{words}, every step" if config.rule == "threshold" else words
    return f"{words}, " + ("once an epoch" if config.decide_every == 0 else f"every {config.decide_every} steps")


def rate(value: float) -> str:
    """A learning rate as people write it.

    >>> rate(0.0003)
    '3e-4'
    """
    digits, exponent = f"{value:.1e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def arms_table(runs: Mapping[str, Run], target: float) -> pd.DataFrame:
    """One row an arm: final scores, what the rate did, and how fast training went.

    Args:
        runs: name of the arm to its run, all of one data set and seed.
        target: validation accuracy that counts as reached.
    """
    return pd.DataFrame({name: _describe(run, target) for name, run in runs.items()}).T


def seeds_table(runs: Mapping[str, Sequence[Run]]) -> pd.DataFrame:
    """One row an arm over its seeds: number, mean and each seed's accuracy, mean loss, and ECE averaged over masks.

    Args:
        runs: name of the arm to its runs, one a seed.
    """
    rows = {}
    for name, of_seed in runs.items():
        if not of_seed:
            continue
        final = [final_scores(run) for run in of_seed]
        accuracies = [scores["accuracy"] for scores in final]
        rows[name] = {
            "seeds": len(final),
            "accuracy, mean": f"{sum(accuracies) / len(final):.3f}",
            "accuracy, each seed": "  ".join(f"{value:.3f}" for value in accuracies),
            "loss, mean": f"{sum(scores['loss'] for scores in final) / len(final):.3f}",
            "ECE, MC, mean": f"{sum(scores['mc_ece'] for scores in final) / len(final):.3f}",
        }
    return pd.DataFrame(rows).T


def final_scores(run: Run) -> dict[str, float]:
    """The scores of the last weights: on test where the run has seen it, else on validation."""
    scores: dict[str, float] = run.summary["test"] or run.summary["val"]
    return scores


def _describe(run: Run, target: float) -> dict[str, object]:
    scores, summary = final_scores(run), run.summary
    low, high = summary["intervals"]["accuracy"]
    val = run.validation
    reached = time_to_target(val["accuracy"].tolist(), val["epoch"].tolist(), target)
    minimum = summary["convergence"]
    row: dict[str, object] = {
        "accuracy": f"{scores['accuracy']:.3f} [{low:.3f}, {high:.3f}]",
        "accuracy, MC": f"{scores['mc_accuracy']:.3f}",
        "loss": f"{scores['loss']:.3f}",
        "Brier, MC": f"{scores['mc_brier']:.3f}",
        "ECE, MC": f"{scores['mc_ece']:.3f}",
        "MCE, MC": f"{scores['mc_mce']:.3f}",
        "epoch of the best validation accuracy": summary["best_epoch"],
        "epoch of the lowest validation loss": _lowest(minimum["epochs_to_min_val_loss"], minimum["min_val_loss_observed"]),
        "epochs to target": f"{reached.time:.0f}" if reached.observed else f"> {reached.time:.0f}",
        "last rate": rate(summary["rate"]["final"]),
        "minutes": f"{summary['seconds'] / 60:.1f}",
    }
    if len(run.record["class_names"]) == 2:
        row |= {name: f"{scores[name]:.3f}" for name in ("precision", "recall", "f1")}
    return row


def _lowest(epoch: float, observed: bool) -> str:
    return f"{epoch:.0f}" if observed else f"{epoch:.0f}, still falling"
