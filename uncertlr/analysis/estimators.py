"""Every estimator on the same trained networks: its probabilities, and how well its uncertainty predicts errors."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch

from uncertlr.analysis.paired import Interval, paired_interval
from uncertlr.config import RESULT_VERSION
from uncertlr.data import Split, eval_batches
from uncertlr.errors import ConfigError, RunError
from uncertlr.estimators import AnalyticDropout, Deterministic, Estimator, MCDropout, Prediction, Variational, fit_laplace
from uncertlr.metrics import (
    bootstrap_intervals,
    debiased_calibration_error,
    error_auroc,
    fit_temperature,
    reliability_curve,
    scale_probs,
    scores,
)
from uncertlr.models import MeanField
from uncertlr.runs import provenance
from uncertlr.runs.store import Run
from uncertlr.seeding import generator
from uncertlr.training.build import build, load_config_data
from uncertlr.training.loop import load_weights
from uncertlr.training.step import Experiment

NUM_SAMPLES = 32
SCORE_TITLES = {
    "accuracy": "accuracy",
    "loss": "loss",
    "brier": "Brier",
    "ece": "ECE",
    "debiased_ece": "ECE, debiased",
    "auroc_predictive_entropy": "AUROC, entropy",
    "auroc_mutual_information": "AUROC, information",
}
"""Scores of an estimator and what a table calls them."""

ENSEMBLES = {"deterministic": "ensemble", "variational": "variational ensemble"}
"""Estimators whose probabilities are averaged over runs, and what the result is called."""


def compare_estimators(runs: Sequence[Run]) -> dict[str, Any]:
    """Evaluate finished runs on their test set with every estimator that their networks allow.

    A point network gives ``deterministic``, ``temperature`` (the same probabilities, rescaled by what its validation set
    asks for), ``mc_dropout``, ``analytic_dropout`` and ``laplace``; a random one ``mean weights`` and ``variational``. Two
    runs or more of a kind also give an ``ensemble`` or a ``variational ensemble``.

    Args:
        runs: finished, with their weights; of one data set, so that their test examples are the same.

    Returns:
        ``runs`` (their names), ``environment``, and ``estimators``: a list of rows, one an estimator and run (an ensemble's
        row has the number of its members in place of a run), each with scores, their intervals and the reliability curve.

    Raises:
        ConfigError: there is no run, or they are of different data sets.
        RunError: a run's weights are not on this machine.
    """
    if not runs or len({run.config.dataset for run in runs}) > 1:
        raise ConfigError(f"expected finished runs of one data set, got {[run.config.dataset for run in runs]}")
    for run in runs:  # before any is evaluated, which takes minutes
        _refuse_without_weights(run)
    rows: list[dict[str, Any]] = []
    members: dict[str, list[torch.Tensor]] = {name: [] for name in ENSEMBLES}
    for run in runs:
        experiment = restore(run)
        targets = experiment.data.test.targets  # the same for every run
        for name, prediction in predictions(experiment).items():
            rows.append({"estimator": name, "run": run.config.run_id, **describe(prediction, targets)})
            if name in members:
                members[name].append(prediction.mean_probs)
    for name, probs in members.items():
        if len(probs) > 1:
            together = Prediction.from_probs(torch.stack(probs))
            rows.append({"estimator": ENSEMBLES[name], "run": f"{len(probs)} members", **describe(together, targets)})
    return {
        "result_version": RESULT_VERSION,
        "dataset": runs[0].config.dataset,
        "runs": [run.config.run_id for run in runs],
        "environment": provenance.environment("cpu"),
        "estimators": rows,
    }


def estimators_table(found: dict[str, Any]) -> pd.DataFrame:
    """One row per estimator, the means over its runs: how many, accuracy, loss, Brier score, calibration, discrimination.

    Args:
        found: of `compare_estimators`.
    """
    rows = pd.DataFrame(found["estimators"]).astype({"auroc_mutual_information": float})
    grouped = rows.groupby("estimator", sort=False)
    table = grouped[list(SCORE_TITLES)].mean().rename(columns=SCORE_TITLES)
    table.insert(0, "runs", grouped.size())
    return table


def paired_scores(found: dict[str, Any], score: str, estimator: str, baseline: str) -> Interval | None:
    """How much higher an estimator scores than another one on the same runs, with a paired t interval.

    Args:
        found: of `compare_estimators`.
        score: a key of its rows.
        estimator: name of one.
        baseline: name of the other.

    Returns:
        None where fewer than three runs have both.
    """
    of_run: dict[str, dict[str, float]] = {estimator: {}, baseline: {}}
    for row in found["estimators"]:
        if row["estimator"] in of_run and row[score] is not None:
            of_run[row["estimator"]][row["run"]] = row[score]
    shared = [run for run in of_run[estimator] if run in of_run[baseline]]
    if len(shared) < 3:
        return None
    return paired_interval([of_run[estimator][run] - of_run[baseline][run] for run in shared])


def predictions(experiment: Experiment) -> dict[str, Prediction]:
    """A trained network's predictions for its test set, by estimator."""
    data, model = experiment.data, experiment.model
    if isinstance(model, MeanField):
        return {
            "mean weights": predict(experiment, Deterministic(), data.test),
            "variational": predict(experiment, Variational(NUM_SAMPLES), data.test),
        }
    plain = predict(experiment, Deterministic(), data.test)
    validation = predict(experiment, Deterministic(), data.val)
    temperature = fit_temperature(validation.mean_probs, data.val.targets)
    found = {
        "deterministic": plain,
        "temperature": Prediction.from_probs(scale_probs(plain.mean_probs, temperature).unsqueeze(0)),
    }
    if experiment.config.dropout > 0:
        found["mc_dropout"] = predict(experiment, MCDropout(NUM_SAMPLES), data.test)
        found["analytic_dropout"] = predict(experiment, AnalyticDropout(NUM_SAMPLES), data.test)
    batches = ((batch.inputs, batch.targets) for batch in eval_batches(data, data.train, 256))
    found["laplace"] = predict(experiment, fit_laplace(model, batches), data.test)
    return found


def predict(experiment: Experiment, estimator: Estimator, split: Split) -> Prediction:
    """An estimator's predictions for a whole split, in the split's own order."""
    stream = generator(experiment.config.seed, experiment.config.epochs, "compare", experiment.device)
    parts, indices = [], []
    for batch in eval_batches(experiment.data, split, 256):
        parts.append(estimator.estimate(experiment.model, batch.inputs, generator=stream))
        indices.append(batch.indices)
    return Prediction.join(parts, torch.argsort(torch.cat(indices)))


def describe(prediction: Prediction, targets: torch.Tensor) -> dict[str, Any]:
    """Scores, intervals, discrimination of errors by uncertainty, and the reliability curve of one prediction."""
    probs = prediction.mean_probs
    curve = reliability_curve(probs, targets)
    aurocs = {
        f"auroc_{name}": _number(error_auroc(getattr(prediction, name), probs, targets))
        for name in ("predictive_entropy", "expected_entropy", "mutual_information")
    }
    if prediction.num_samples == 1:
        aurocs["auroc_mutual_information"] = None  # it is 0 for every example
    return {
        **scores(probs, targets),
        "debiased_ece": float(debiased_calibration_error(probs, targets)),
        **aurocs,
        "predictive_entropy": float(prediction.predictive_entropy.mean()),
        "mutual_information": float(prediction.mutual_information.mean()),
        "intervals": {name: list(interval) for name, interval in bootstrap_intervals(probs, targets).items()},
        "bin_counts": curve.counts.tolist(),
        "bin_confidence": [_number(value) for value in curve.confidence],
        "bin_accuracy": [_number(value) for value in curve.accuracy],
    }


def restore(run: Run) -> Experiment:
    """A finished run as it was trained: its data, its network with the last weights.

    Raises:
        RunError: the weights are not on this machine.
    """
    _refuse_without_weights(run)
    experiment = build(run.config, load_config_data(run.config))
    load_weights(experiment, run.paths, "last")
    return experiment


def _refuse_without_weights(run: Run) -> None:
    if not run.paths.weights("last").is_file():
        raise RunError(
            f"the weights of run {run.config.run_id} are not in {run.paths.checkpoints}: published runs carry none; "
            "train it here: remove its folder, set UNCERTLR_RESULTS to an empty folder, and run it"
        )


def _number(value: torch.Tensor) -> float | None:
    """JSON has no NaN."""
    return None if value.isnan() else float(value)
