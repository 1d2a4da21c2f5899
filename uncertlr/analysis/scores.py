"""Tables of results: finished runs in, tidy pandas frames out."""

from collections.abc import Mapping, Sequence

import pandas as pd

from uncertlr.metrics import time_to_target
from uncertlr.runs.naming import arm_name as arm_name
from uncertlr.runs.naming import format_rate as format_rate
from uncertlr.runs.store import Run


def arms_table(runs: Mapping[str, Run], target: float) -> pd.DataFrame:
    """One row per arm: final scores, what the rate did, and how fast training went.

    Args:
        runs: name of the arm to its run, all of one data set and seed.
        target: validation accuracy that counts as reached.
    """
    return pd.DataFrame({name: _describe(run, target) for name, run in runs.items()}).T


def seeds_table(runs: Mapping[str, Sequence[Run]]) -> pd.DataFrame:
    """One row per arm over its seeds: number, mean and each seed's accuracy, mean loss, and ECE averaged over masks.

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


def rates_table(runs: Mapping[str, Run]) -> pd.DataFrame:
    """One row per run with a rule: its initial and last learning rate, and shares of all steps.

    Args:
        runs: name of the arm to its run; those without a rule are left out.

    Returns:
        ``initial`` and ``last``; of the steps, how many were taken at the lower and at the upper bound of the factor, and
        how many signal values lay above the threshold, empty for a rule without one.
    """
    rows = {}
    for name, run in runs.items():
        rates = run.summary["rate"]
        if run.config.rule == "none":
            continue
        above = f"{rates['above_threshold']:.1%}" if run.config.rule == "threshold" else ""
        rows[name] = {
            "initial": format_rate(run.config.learning_rate),
            "last": format_rate(rates["final"]),
            "at lower bound": f"{rates['at_floor']:.1%}",
            "at upper bound": f"{rates['at_ceiling']:.1%}",
            "above threshold": above,
        }
    return pd.DataFrame(rows).T


def run_facts(run: Run) -> pd.Series:
    """Sizes, time and origin of a run, to be shown beside its figures."""
    record = run.record
    examples = record["examples"]
    return pd.Series(
        {
            "run": run.config.run_id,
            "examples (training, validation, test)": ", ".join(f"{examples[split]:,}" for split in ("train", "val", "test")),
            "parameters of the network": f"{record['num_parameters']:,}",
            "epochs": run.config.epochs,
            "seconds per epoch": f"{run.summary['seconds_per_epoch']:.1f}",
            "processor": f"{record['processor']}, threads: {record['threads']}",
            "torch": record["versions"]["torch"],
            "data fingerprint": record["data"][:12],
        },
        name="value",
    )


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
        "last rate": format_rate(summary["rate"]["final"]),
        "minutes": f"{summary['seconds'] / 60:.1f}",
    }
    if len(run.record["class_names"]) == 2:
        row |= {name: f"{scores[name]:.3f}" for name in ("precision", "recall", "f1")}
    return row


def _lowest(epoch: float, observed: bool) -> str:
    return f"{epoch:.0f}" if observed else f"≥ {epoch:.0f}"
