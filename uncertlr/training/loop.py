"""The training loop: epochs, evaluation, checkpoints, and the way back to them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from uncertlr.data import Split, eval_batches, steps_per_epoch
from uncertlr.errors import RunError
from uncertlr.estimators import Deterministic, Prediction
from uncertlr.estimators.modes import sampling_modes
from uncertlr.metrics import reliability_curve, scores
from uncertlr.models import MeanField
from uncertlr.runs.files import Arrays, load_state, save_arrays, save_state, sha256
from uncertlr.runs.paths import RunPaths
from uncertlr.seeding import generator
from uncertlr.training.checkpoint import append_metrics, load_checkpoint, rewind, save_checkpoint
from uncertlr.training.progress import Reporter
from uncertlr.training.step import OBSERVATIONS, Experiment, dropout_stream, epoch_steps


@dataclass(frozen=True)
class Evaluation:
    """Predictions for a whole split, in its own order: of the point network (no dropout, mean weights), and of samples."""

    deterministic: Prediction
    averaged: Prediction
    targets: Tensor

    def row(self) -> dict[str, Any]:
        """Scores of both predictions (the second with the prefix ``mc_``), mean uncertainty, the reliability curve.

        Raises:
            RunError: a probability is no longer finite.
        """
        try:
            plain = scores(self.deterministic.mean_probs, self.targets)
            averaged = scores(self.averaged.mean_probs, self.targets)
        except ValueError as error:
            raise RunError(f"an evaluation has no scores: {error}; lower the learning rate") from error
        curve = reliability_curve(self.averaged.mean_probs, self.targets)
        return {
            **plain,
            **{f"mc_{name}": value for name, value in averaged.items()},
            "predictive_entropy": float(self.averaged.predictive_entropy.mean()),
            "expected_entropy": float(self.averaged.expected_entropy.mean()),
            "mutual_information": float(self.averaged.mutual_information.mean()),
            "bin_counts": [int(count) for count in curve.counts],
            "bin_confidence": _finite(curve.confidence),
            "bin_accuracy": _finite(curve.accuracy),
        }


def fit(experiment: Experiment, paths: RunPaths, reporter: Reporter | None = None) -> str:
    """Train for the configured epochs, from the newest good checkpoint if there is one.

    Args:
        experiment: what is trained; its model holds the last epoch's weights afterwards.
        paths: where each epoch's metrics, trace and checkpoint are written.
        reporter: reports what is done; None for no report.

    Returns:
        SHA-256 of the best epoch's weights, for `load_weights`.

    Raises:
        RunError: the loss or the signal is no longer finite; names the step, and the checkpoint that is kept.
    """
    config, data = experiment.config, experiment.data
    reporter = reporter or Reporter(config)
    state = load_checkpoint(paths)
    done, elapsed = 0, 0.0
    best: dict[str, Any] = {"epoch": 0, "accuracy": -1.0}
    if state:
        experiment.model.load_state_dict(state["model"])
        experiment.optimizer.load_state_dict(state["optimizer"])
        experiment.scheduler.load_state_dict(state["scheduler"])
        done, elapsed, best = state["epoch"], state["elapsed"], state["best"]
    rewind(paths, done)
    reporter.begin(paths, done, steps_per_epoch(len(data.train), config.batch_size), _examples_to_evaluate(experiment))
    for epoch in range(done + 1, config.epochs + 1):
        reporter.enter(epoch)
        try:
            trace, train_row = train_epoch(experiment, epoch, reporter)
            started = time.perf_counter()
            scored = evaluate(experiment, data.val, epoch, "val", phase_progress(reporter, "validating", data.val)).row()
            val_row = {"epoch": epoch, "split": "val", **scored, "seconds": time.perf_counter() - started}
        except RunError as error:
            kept = f"the checkpoint of epoch {epoch - 1} is kept" if epoch > 1 else "there is no checkpoint yet"
            raise RunError(f"{error}; {kept}") from error
        elapsed += train_row["seconds"]
        train_row["elapsed"] = val_row["elapsed"] = elapsed
        save_arrays(paths.trace(epoch), trace)
        append_metrics(paths, [train_row, val_row])
        if val_row["accuracy"] > best["accuracy"]:
            digest = save_state(paths.weights("best"), {"epoch": epoch, "model": experiment.model.state_dict()})
            best = {"epoch": epoch, "accuracy": val_row["accuracy"], "sha256": digest}
        state = {
            "epoch": epoch,
            "elapsed": elapsed,
            "best": best,
            "model": experiment.model.state_dict(),
            "optimizer": experiment.optimizer.state_dict(),
            "scheduler": experiment.scheduler.state_dict(),
        }
        save_checkpoint(paths, epoch, state)
        reporter.epoch(train_row, val_row, trace, len(data.val))
    experiment.recorded = None  # it holds the GPU's memory
    save_state(paths.weights("last"), {"epoch": config.epochs, "model": experiment.model.state_dict()})
    return str(best.get("sha256", ""))  # a checkpoint of an older version has none


def phase_progress(reporter: Reporter, phase: str, split: Split) -> Callable[[int], None]:
    """What `evaluate` calls with the number of examples done: reports it as progress of a phase."""
    return lambda done: reporter.phase(phase, len(split), done)


def _examples_to_evaluate(experiment: Experiment) -> int:
    """How many examples are predicted after the last epoch: see `uncertlr.training.run`."""
    data = experiment.data
    return 2 * len(data.test) + len(data.val) if experiment.config.evaluate_test else len(data.val)


def load_weights(experiment: Experiment, paths: RunPaths, which: str, digest: str = "") -> None:
    """Put a run's last or best weights into the model.

    Raises:
        RunError: the file is damaged, or does not have the SHA-256 that is given.
    """
    file = paths.weights(which)
    if digest and sha256(file) != digest:
        raise RunError(f"{file} is not what was written, or is damaged; remove {paths.directory} and run again")
    experiment.model.load_state_dict(load_state(file)["model"])


def train_epoch(experiment: Experiment, epoch: int, reporter: Reporter | None = None) -> tuple[Arrays, dict[str, Any]]:
    """One pass over the training set.

    Args:
        experiment: whose model is trained.
        epoch: from 1.
        reporter: reports the steps; None for no report.

    Returns:
        The trace (an array per quantity, a number per step; NaN where nothing was observed) and the epoch's row of metrics.
    """
    config, data, device = experiment.config, experiment.data, experiment.device
    steps = steps_per_epoch(len(data.train), config.batch_size)
    observations = torch.full((len(OBSERVATIONS), steps), torch.nan, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    rates, factors = [], []
    started = time.perf_counter()
    experiment.model.train()
    with dropout_stream(experiment, epoch):
        for step, take in enumerate(epoch_steps(experiment, epoch)):
            rates.append(float(experiment.optimizer.param_groups[0]["lr"]))
            factors.append(experiment.scheduler.factor)
            try:
                correct += take(step % config.signal_every == 0, observations[:, step])
            except ValueError as error:
                raise RunError(f"epoch {epoch}, step {step}: {error}") from error
            if reporter is not None:
                reporter.step(epoch, step, steps, observations[0, step])
    trace = dict(zip(OBSERVATIONS, observations.cpu().numpy(), strict=True))
    seconds = time.perf_counter() - started
    broken = np.flatnonzero(~np.isfinite(trace["loss"]))
    if broken.size:
        raise RunError(f"the loss is not finite at epoch {epoch}, step {broken[0]}; lower the learning rate")
    trace |= {
        "step": np.arange(steps, dtype=np.int64) + (epoch - 1) * steps,
        "learning_rate": np.array(rates),
        "factor": np.array(factors),
    }
    row = {
        "epoch": epoch,
        "split": "train",
        "loss": float(trace["loss"].mean(dtype=np.float64)),
        "accuracy": int(correct) / len(data.train),
        "signal": float(np.nanmean(trace["signal"], dtype=np.float64)),
        "learning_rate": float(np.exp(np.log(np.maximum(trace["learning_rate"], 1e-30)).mean())),
        "seconds": seconds,
    }
    if isinstance(experiment.model, MeanField):
        row["kl"] = float(experiment.model.kl().detach())
    return trace, row


def evaluate(
    experiment: Experiment, split: Split, epoch: int, purpose: str, on_progress: Callable[[int], None] = lambda done: None
) -> Evaluation:
    """Predict a whole split; one pass through a point network's trunk serves both predictions.

    Args:
        experiment: whose model is evaluated; its modes and the global random stream stay as they were.
        split: validation or test.
        epoch: and `purpose`: name the random stream of the samples.
        purpose: what the evaluation is for.
        on_progress: called with how many examples are done, before each batch.
    """
    samples = generator(experiment.config.seed, epoch, f"evaluate-{purpose}", experiment.device)
    plain, averaged, indices = [], [], []
    done = 0
    for batch in eval_batches(experiment.data, split, 256):
        on_progress(done)
        done += len(batch.indices)
        certain, sampled = _predict(experiment, batch.inputs, samples)
        plain.append(certain)
        averaged.append(sampled)
        indices.append(batch.indices)
    order = torch.argsort(torch.cat(indices))
    return Evaluation(Prediction.join(plain, order), Prediction.join(averaged, order), split.targets)


def _predict(experiment: Experiment, inputs: Tensor, samples: torch.Generator) -> tuple[Prediction, Prediction]:
    model, evaluator = experiment.model, experiment.evaluator
    if isinstance(model, MeanField):
        return Deterministic().estimate(model, inputs), evaluator.estimate(model, inputs, generator=samples)
    with sampling_modes(model, sample=False):
        features = model.features(inputs)  # type: ignore[operator]
    plain = Deterministic().estimate_from_features(model, features)
    return plain, evaluator.estimate_from_features(model, features, generator=samples)


def _finite(values: Tensor) -> list[float | None]:
    """JSON has no NaN: an empty bin is null."""
    return [round(float(value), 7) if value == value else None for value in values]
