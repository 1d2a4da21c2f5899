"""The final numbers of a run."""

import numpy as np
import pandas as pd

from uncertlr.config import RESULT_VERSION, RunConfig
from uncertlr.metrics import bootstrap_intervals, time_to_minimum
from uncertlr.runs.files import Arrays
from uncertlr.runs.schema import Row
from uncertlr.training.loop import Evaluation


def summarize(config: RunConfig, metrics: pd.DataFrame, trace: Arrays, evaluations: dict[str, Evaluation]) -> Row:
    """Everything that a table or a figure needs of a finished run.

    Args:
        config: what was run.
        metrics: a row per epoch and split.
        trace: what was observed at every step.
        evaluations: of the last weights on ``val``, and where the test set may be seen on ``test`` and ``test_best``.
    """
    val = metrics[metrics["split"] == "val"]
    train = metrics[metrics["split"] == "train"]
    lowest = val["loss"].idxmin()
    to_minimum = time_to_minimum(val["loss"].tolist(), val["epoch"].tolist())
    return {
        "run_id": config.run_id,
        "result_version": RESULT_VERSION,
        "epochs": config.epochs,
        "steps": len(trace["step"]),
        "best_epoch": int(val.loc[val["accuracy"].idxmax(), "epoch"]),
        "best_val_accuracy": float(val["accuracy"].max()),
        "convergence": {
            "min_val_loss": float(val["loss"].min()),
            "epochs_to_min_val_loss": to_minimum.time,
            "seconds_to_min_val_loss": float(val.loc[lowest, "elapsed"]),
            "min_val_loss_observed": to_minimum.observed,
        },
        "rate": describe_rate(config, trace),
        "seconds": float(train["elapsed"].iloc[-1]),
        "seconds_per_epoch": float(train["seconds"].median()),
        "val": evaluations["val"].row(),
        "test": _optional_row(evaluations, "test"),
        "test_best": _optional_row(evaluations, "test_best"),
        "intervals": _intervals(evaluations),
    }


def describe_rate(config: RunConfig, trace: Arrays) -> Row:
    """What the rule did: the rate's range and spread, shares of steps on each bound and above a fixed threshold."""
    rate, factor = trace["learning_rate"], trace["factor"]
    positive = rate[rate > 0]
    row: Row = {
        "final": float(rate[-1]),
        "minimum": float(rate.min()),
        "maximum": float(rate.max()),
        "log_rate_sd": float(np.log(positive).std()) if positive.size else 0.0,
    }
    if config.rule == "threshold":
        signal = trace["signal"][np.isfinite(trace["signal"])]
        row["above_threshold"] = float((signal > config.threshold).mean())
    if config.rule not in ("none", "own"):  # a rule of the user's own keeps its bounds to itself
        row["at_floor"] = float(np.isclose(factor, config.min_factor, rtol=1e-9).mean())
        row["at_ceiling"] = float(np.isclose(factor, config.max_factor, rtol=1e-9).mean())
    return row


def report_keys(config: RunConfig, evaluation: Evaluation, seconds: float) -> Row:
    """The keys under which the report gives its results, filled from a real evaluation."""
    count = len(evaluation.targets)
    row = evaluation.row()
    return {
        "eval_loss": row["loss"],
        "eval_accuracy": row["accuracy"],
        "eval_runtime": seconds,
        "eval_samples_per_second": count / seconds,
        "eval_steps_per_second": -(-count // config.batch_size) / seconds,
        "epoch": float(config.epochs),
    }


def prediction_table(evaluations: dict[str, Evaluation]) -> pd.DataFrame:
    """A row per example of validation and test: label, prediction, confidence and uncertainty (averaged over samples)."""
    frames = []
    for split in ("val", "test"):
        if split not in evaluations:
            continue
        averaged = evaluations[split].averaged
        confidence, predicted = averaged.mean_probs.max(-1)
        columns = {
            "label": evaluations[split].targets.to(dtype=predicted.dtype),
            "predicted": predicted,
            "confidence": confidence,
            "predictive_entropy": averaged.predictive_entropy,
            "expected_entropy": averaged.expected_entropy,
            "mutual_information": averaged.mutual_information,
        }
        frame = pd.DataFrame({name: values.cpu().numpy() for name, values in columns.items()})
        frame.insert(0, "split", split)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _optional_row(evaluations: dict[str, Evaluation], name: str) -> Row | None:
    return evaluations[name].row() if name in evaluations else None


def _intervals(evaluations: dict[str, Evaluation]) -> Row:
    final = evaluations.get("test", evaluations["val"])
    plain = bootstrap_intervals(final.deterministic.mean_probs, final.targets)
    averaged = bootstrap_intervals(final.averaged.mean_probs, final.targets)
    both = {**plain, **{f"mc_{name}": interval for name, interval in averaged.items()}}
    return {name: [float(low), float(high)] for name, (low, high) in both.items()}
