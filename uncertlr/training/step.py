"""What a training step does, plain or recorded; one code path for every arm, with or without feedback."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from uncertlr.config import RunConfig
from uncertlr.data import Batch, DataSet, image_order, train_batches
from uncertlr.estimators import Estimator, Prediction
from uncertlr.schedulers import UncertaintyLR, read_signal
from uncertlr.seeding import derive_seed, generator
from uncertlr.training.cuda_graphs import RecordedSteps
from uncertlr.training.objective import Forward, forward

OBSERVATIONS = ("loss", "signal", "predictive_entropy", "expected_entropy", "mutual_information")

Step = Callable[[bool, Tensor], Tensor]
"""Takes whether to estimate the uncertainty, and the observations to fill; returns how many examples it got right, 0-dim."""


@dataclass
class Experiment:
    """The objects a run is made of.

    Attributes:
        config: the description they were built from.
        data: train, validation and test.
        model: with `features` and `head`, or a `MeanField`.
        optimizer: steps the model.
        scheduler: sets the optimizer's rates.
        estimator: estimates the training batch's uncertainty.
        evaluator: estimates the uncertainty of validation and test.
        probe: a batch whose uncertainty is estimated instead of the training batch's.
        recorded: the steps as CUDA graphs; None where there are none.
    """

    config: RunConfig
    data: DataSet
    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: UncertaintyLR
    estimator: Estimator
    evaluator: Estimator
    probe: Batch | None = None
    recorded: RecordedSteps | None = field(default=None, init=False, repr=False)

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return next(self.model.parameters()).device


def epoch_steps(experiment: Experiment, epoch: int) -> Iterator[Step]:
    """An epoch's steps, to be called in turn: with whether to estimate the uncertainty, and the observations to fill.

    Each returns how many of its examples were classified correctly, 0-dim.

    Raises:
        ValueError: (a step) the rule refuses the signal value.
    """
    config, data = experiment.config, experiment.data
    if can_record(experiment):
        if experiment.recorded is None:
            settings = (config.batch_size, config.augment, len(OBSERVATIONS))
            experiment.recorded = RecordedSteps(partial(learn, experiment), experiment.optimizer, data, *settings)
        experiment.recorded.begin(config.seed, epoch)
        for indices in image_order(data, config.batch_size, config.seed, epoch):
            yield partial(_recorded_step, experiment, experiment.recorded, indices)
        return
    samples = generator(config.seed, epoch, "signal", experiment.device)
    for batch in train_batches(data, config.batch_size, config.seed, epoch, config.augment):
        yield partial(_plain_step, experiment, batch, samples)


@contextmanager
def dropout_stream(experiment: Experiment, epoch: int) -> Iterator[None]:
    """The global random stream, from which dropout draws, is the epoch's for a while; recorded steps have their own."""
    device = experiment.device
    on_gpu = device.type == "cuda"
    if on_gpu and can_record(experiment):
        yield
        return
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.manual_seed(derive_seed(experiment.config.seed, epoch, "dropout"))
        yield


def _plain_step(
    experiment: Experiment, batch: Batch, samples: torch.Generator, observe: bool, observations: Tensor
) -> Tensor:
    return train_step(experiment, batch, samples if observe else None, observations)


def _recorded_step(
    experiment: Experiment, recorded: RecordedSteps, indices: Tensor, observe: bool, observations: Tensor
) -> Tensor:
    correct = recorded.take(indices, observe, observations)
    steer(experiment.scheduler, observations if observe else None)
    return correct


def can_record(experiment: Experiment) -> bool:
    """Whether the steps can be CUDA graphs: on a GPU, batches of one shape, and nothing in a step that waits for the GPU."""
    device = experiment.device
    if device.type != "cuda" or experiment.data.kind != "image" or experiment.probe is not None:
        return False
    if device.index is not None and device.index != torch.cuda.current_device():  # where a graph is recorded
        return False
    if not experiment.optimizer.defaults.get("fused"):
        return False
    recordable = getattr(experiment.estimator, "recordable", None)  # an estimator need not have it
    return recordable is not None and recordable(experiment.model)


def train_step(experiment: Experiment, batch: Batch, samples: torch.Generator | None, observations: Tensor) -> Tensor:
    """Forward, backward, update, and the next rate.

    Args:
        experiment: whose model is trained.
        batch: inputs and targets.
        samples: stream of the estimator; None to observe nothing at this step.
        observations: filled in the order of `OBSERVATIONS`.

    Returns:
        How many of the batch's examples were classified correctly (with dropout on), 0-dim.

    Raises:
        ValueError: the rule refuses the signal value.
    """
    correct = learn(experiment, batch, samples, observations)
    steer(experiment.scheduler, observations if samples is not None else None)
    return correct


def learn(experiment: Experiment, batch: Batch, samples: torch.Generator | None, observations: Tensor) -> Tensor:
    """Forward, backward, update; arguments and return value are those of `train_step`.

    The uncertainty is estimated from the features that the forward pass has computed, so it costs no second pass; a random
    network's is estimated from the logits of its weight samples. A probe batch costs passes of its own.
    """
    config = experiment.config
    step = forward(experiment.model, batch, len(experiment.data.train), config.weight_samples)
    experiment.optimizer.zero_grad()
    step.objective.backward()  # type: ignore[no-untyped-call]
    loss = step.loss.detach()
    if samples is None:
        observations[0] = loss
    else:
        seen = _predicted(experiment, step, samples)
        signal = loss if config.signal == "loss" else read_signal(config.signal, seen)
        uncertainties = (seen.predictive_entropy, seen.expected_entropy, seen.mutual_information)
        torch.stack([loss, signal, *(each.mean() for each in uncertainties)], out=observations)
    experiment.optimizer.step()
    logits = step.logits.detach()
    logits = logits.mean(0) if len(logits) > 1 else logits[0]
    predicted = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)
    return (predicted == batch.targets).sum()


def steer(scheduler: UncertaintyLR, observations: Tensor | None) -> None:
    """The next rate, from what a step observed, in the order of `OBSERVATIONS`; None where it observed nothing.

    Raises:
        ValueError: the rule refuses the signal value.
    """
    if scheduler.rule and observations is not None:
        scheduler.observe(observations[1])
    scheduler.step()


def _predicted(experiment: Experiment, step: Forward, samples: torch.Generator) -> Prediction:
    if experiment.probe is not None:
        return experiment.estimator.estimate(experiment.model, experiment.probe.inputs, generator=samples)
    if step.features is None:
        return Prediction.from_logits(step.logits.detach())
    return experiment.estimator.estimate_from_features(experiment.model, step.features.detach(), generator=samples)
