"""The training loop: one code path for every arm, with or without feedback."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from uncertlr.checkpoints import append_metrics, load_checkpoint, rewind, save_checkpoint
from uncertlr.config import RunConfig
from uncertlr.data import Batch, DataSet, Split, eval_batches, steps_per_epoch, train_batches
from uncertlr.errors import RunError
from uncertlr.estimators import Deterministic, Estimator, Prediction
from uncertlr.estimators.modes import sampling_modes
from uncertlr.files import Arrays, load_state, save_arrays, save_state, sha256
from uncertlr.metrics import reliability_curve, scores
from uncertlr.metrics.probabilities import class_probs
from uncertlr.models import MeanField
from uncertlr.objectives import Forward, forward
from uncertlr.runs import RunPaths
from uncertlr.schedulers import UncertaintyLR, read_signal
from uncertlr.streams import derive_seed, generator

Report = Callable[[dict[str, Any], dict[str, Any]], None]

READINGS = ("loss", "signal", "predictive_entropy", "expected_entropy", "mutual_information")


@dataclass
class Experiment:
    """The objects a run is made of.

    Attributes:
        config: the description they were built from.
        data: train, validation and test.
        model: with `features` and `head`, or a `MeanField`.
        optimizer: steps the model.
        scheduler: sets the optimizer's rates.
        estimator: reads the training batch's uncertainty.
        evaluator: reads the uncertainty of validation and test.
        probe: a batch that is read instead of the training batch.
    """

    config: RunConfig
    data: DataSet
    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: UncertaintyLR
    estimator: Estimator
    evaluator: Estimator
    probe: Batch | None = None

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return next(self.model.parameters()).device


@dataclass(frozen=True)
class Evaluation:
    """Predictions for a whole split, in its own order: of the point network (no dropout, mean weights), and of samples."""

    deterministic: Prediction
    averaged: Prediction
    targets: Tensor

    def row(self) -> dict[str, Any]:
        """Scores of both predictions (the second with the prefix ``mc_``), mean uncertainty, the reliability curve."""
        averaged = scores(self.averaged.mean_probs, self.targets)
        curve = reliability_curve(self.averaged.mean_probs, self.targets)
        return {
            **scores(self.deterministic.mean_probs, self.targets),
            **{f"mc_{name}": value for name, value in averaged.items()},
            "predictive_entropy": float(self.averaged.predictive_entropy.mean()),
            "expected_entropy": float(self.averaged.expected_entropy.mean()),
            "mutual_information": float(self.averaged.mutual_information.mean()),
            "bin_counts": [int(count) for count in curve.counts],
            "bin_confidence": _finite(curve.confidence),
            "bin_accuracy": _finite(curve.accuracy),
        }


def fit(experiment: Experiment, paths: RunPaths, report: Report) -> str:
    """Train for the configured epochs, from the newest good checkpoint if there is one.

    Args:
        experiment: what is trained; its model holds the last epoch's weights afterwards.
        paths: where each epoch's metrics, trace and checkpoint are written.
        report: called with the train and the validation row of every epoch.

    Returns:
        SHA-256 of the best epoch's weights, for `load_weights`.

    Raises:
        RunError: the loss or the signal is no longer finite; names the step, and the checkpoint that is kept.
    """
    config = experiment.config
    state = load_checkpoint(paths)
    done, elapsed = 0, 0.0
    best: dict[str, Any] = {"epoch": 0, "accuracy": -1.0}
    if state:
        experiment.model.load_state_dict(state["model"])
        experiment.optimizer.load_state_dict(state["optimizer"])
        experiment.scheduler.load_state_dict(state["scheduler"])
        done, elapsed, best = state["epoch"], state["elapsed"], state["best"]
    rewind(paths, done)
    for epoch in range(done + 1, config.epochs + 1):
        try:
            trace, train_row = train_epoch(experiment, epoch)
        except RunError as error:
            kept = f"the checkpoint of epoch {epoch - 1} is kept" if epoch > 1 else "there is no checkpoint yet"
            raise RunError(f"{error}; {kept}") from error
        started = time.perf_counter()
        evaluation = evaluate(experiment, experiment.data.val, epoch, "val")
        val_row = {"epoch": epoch, "split": "val", **evaluation.row(), "seconds": time.perf_counter() - started}
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
        report(train_row, val_row)
    save_state(paths.weights("last"), {"epoch": config.epochs, "model": experiment.model.state_dict()})
    return str(best.get("sha256", ""))  # a checkpoint of an older version has none


def load_weights(experiment: Experiment, paths: RunPaths, which: str, digest: str = "") -> None:
    """Put a run's last or best weights into the model.

    Raises:
        RunError: the file is damaged, or does not have the SHA-256 that is given.
    """
    file = paths.weights(which)
    if digest and sha256(file) != digest:
        raise RunError(f"{file} is not what was written, or is damaged; remove {paths.directory} and run again")
    experiment.model.load_state_dict(load_state(file)["model"])


def train_epoch(experiment: Experiment, epoch: int) -> tuple[Arrays, dict[str, Any]]:
    """One pass over the training set.

    Returns:
        The trace (an array a quantity, a number a step; NaN where nothing was read) and the epoch's row of metrics.
    """
    config, data, device = experiment.config, experiment.data, experiment.device
    steps = steps_per_epoch(len(data.train), config.batch_size)
    readings = torch.full((len(READINGS), steps), torch.nan, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    rates, factors = [], []
    samples = generator(config.seed, epoch, "signal", device)
    started = time.perf_counter()
    experiment.model.train()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(derive_seed(config.seed, epoch, "dropout"))
        for step, batch in enumerate(train_batches(data, config.batch_size, config.seed, epoch, config.augment)):
            rates.append(float(experiment.optimizer.param_groups[0]["lr"]))
            factors.append(experiment.scheduler.factor)
            stream = samples if step % config.signal_every == 0 else None
            try:
                correct += train_step(experiment, batch, stream, readings[:, step])
            except ValueError as error:
                raise RunError(f"epoch {epoch}, step {step}: {error}") from error
    trace = dict(zip(READINGS, readings.cpu().numpy(), strict=True))
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


def train_step(experiment: Experiment, batch: Batch, samples: torch.Generator | None, readings: Tensor) -> Tensor:
    """Forward, backward, update, and the next rate.

    The uncertainty is read from the features that the forward pass has computed, so it costs no second pass; a random
    network's is read from the logits of its weight samples. A probe batch costs passes of its own.

    Args:
        experiment: whose model is trained.
        batch: inputs and targets.
        samples: stream of the estimator; None to read nothing at this step.
        readings: filled in the order of `READINGS`.

    Returns:
        How many of the batch's examples were classified correctly (with dropout on), 0-dim.

    Raises:
        ValueError: the rule refuses the reading.
    """
    scheduler, config = experiment.scheduler, experiment.config
    step = forward(experiment.model, batch, len(experiment.data.train), config.weight_samples)
    experiment.optimizer.zero_grad()
    step.objective.backward()  # type: ignore[no-untyped-call]
    readings[0] = step.loss.detach()
    if samples is not None:
        prediction = _read(experiment, step, samples)
        readings[1] = step.loss.detach() if config.signal == "loss" else read_signal(config.signal, prediction)
        readings[2], readings[3] = prediction.predictive_entropy.mean(), prediction.expected_entropy.mean()
        readings[4] = prediction.mutual_information.mean()
    experiment.optimizer.step()
    if scheduler.rule and samples is not None:
        scheduler.observe(readings[1])
    scheduler.step()
    logits = step.logits.detach().mean(0)
    predicted = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)
    return (predicted == batch.targets).sum()


def _read(experiment: Experiment, step: Forward, samples: torch.Generator) -> Prediction:
    if experiment.probe is not None:
        return experiment.estimator.estimate(experiment.model, experiment.probe.inputs, generator=samples)
    if step.features is None:
        return Prediction.from_probs(class_probs(step.logits.detach()))
    return experiment.estimator.estimate_from_features(experiment.model, step.features.detach(), generator=samples)


def evaluate(experiment: Experiment, split: Split, epoch: int, purpose: str) -> Evaluation:
    """Predict a whole split; one pass through a point network's trunk serves both predictions.

    Args:
        experiment: whose model is evaluated; its modes and the global random stream stay as they were.
        split: validation or test.
        epoch: and `purpose`: name the random stream of the samples.
        purpose: what the evaluation is for.
    """
    samples = generator(experiment.config.seed, epoch, f"evaluate-{purpose}", experiment.device)
    plain, averaged, indices = [], [], []
    for batch in eval_batches(experiment.data, split, 256):
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
