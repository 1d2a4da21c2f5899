"""Our estimate against the Monte Carlo dropout of torch-uncertainty and baal: the same network, T = 32, their own classes.

Each task gives the batch's mean predictive entropy. In the training step ours starts from the features that the step has
computed; theirs have no way to. On a fresh batch ours pays for its pass through the trunk.
"""

import copy
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.costs import limits, subjects
from benchmarks.costs.clock import Effort, Laps, describe, in_turn, ratio_row
from uncertlr.estimators import MCDropout
from uncertlr.metrics import class_probs, predictive_entropy
from uncertlr.schedulers import read_signal

Task = Callable[[], float]
ROUNDS = {"cifar10": 9, "imdb": 3}
TRUNK = "one pass through the trunk"
TARGETS = {"observation in the training step": 100, "observation on a fresh batch": 15}


def measure(effort: Effort) -> dict[str, Any]:
    """Rows and times of both networks, against every mode of both libraries."""
    subjects.settle()
    rows, times = [], {}
    for kind, label in {"cifar10": "CNN", "imdb": "LSTM"}.items():
        subject = subjects.experiment(kind)
        inputs = subjects.one_batch(subject).inputs
        model = subject.model.eval()
        tasks = {
            **ours(model, inputs),
            TRUNK: trunk(model, inputs),
            **torch_uncertainty(model, inputs),
            **baal(model, inputs),
        }
        laps = in_turn(tasks, effort.rounds(ROUNDS[kind]), warm_up=1)
        for library in ("torch-uncertainty", "baal"):
            cheapest = min((name for name in laps if name.startswith(library)), key=lambda name: _middle(laps[name]))
            for observation, target in TARGETS.items():
                name = f"{library} over our {observation}: {label}"
                note = f"its cheapest mode: {cheapest.removeprefix(library + ', ')}"
                rows.append(ratio_row(name, laps, cheapest, observation, at_least=target, note=note))
        known = _limits(kind, tasks)
        times |= {f"{label}: {task}": describe(each, known[task]) for task, each in laps.items()}
    return {"rows": rows, "times": times}


def ours(model: nn.Module, inputs: Tensor) -> dict[str, Task]:
    """With the features at hand, and from the inputs."""
    estimator, stream = MCDropout(subjects.SAMPLES), torch.Generator().manual_seed(0)
    with torch.no_grad():
        features = model.features(inputs)
    return {
        "observation in the training step": lambda: float(
            read_signal("predictive_entropy", estimator.estimate_from_features(model, features, generator=stream))
        ),
        "observation on a fresh batch": lambda: float(
            read_signal("predictive_entropy", estimator.estimate(model, inputs, generator=stream))
        ),
    }


def trunk(model: nn.Module, inputs: Tensor) -> Callable[[], object]:
    """What every estimate on a fresh batch has to compute, whoever makes it."""

    def task() -> None:
        with torch.no_grad():
            model.features(inputs)

    return task


def torch_uncertainty(model: nn.Module, inputs: Tensor) -> dict[str, Task]:
    """`mc_dropout` in its four modes; it returns [T * B, C]."""
    from torch_uncertainty.methods import mc_dropout

    def task(on_batch: bool, last_layer: bool) -> Task:
        wrapped = mc_dropout(copy.deepcopy(model), subjects.SAMPLES, last_layer=last_layer, on_batch=on_batch).eval()

        def observe() -> float:
            with torch.no_grad():
                logits = wrapped(inputs)
            return entropy(logits.unflatten(0, (subjects.SAMPLES, -1)))

        return observe

    modes = {"one large batch": True, "a loop over samples": False}
    layers = {"all dropout": False, "last_layer": True}
    return {
        f"torch-uncertainty, {mode}, {layer}": task(on_batch, last)
        for mode, on_batch in modes.items()
        for layer, last in layers.items()
    }


def baal(model: nn.Module, inputs: Tensor) -> dict[str, Task]:
    """Its three modules of Monte Carlo dropout, through `ModelWrapper`, which returns [B, C, T], in both its modes."""
    from baal.bayesian.caching_utils import MCCachingModule
    from baal.bayesian.consistent_dropout import MCConsistentDropoutModule
    from baal.bayesian.dropout import MCDropoutModule
    from baal.modelwrapper import ModelWrapper, TrainingArgs

    def task(wrap: Callable[[nn.Module], nn.Module], replicate: bool) -> Task:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that caching and replication together gain nothing
            arguments = TrainingArgs(batch_size=subjects.BATCH, use_cuda=False, workers=0, replicate_in_memory=replicate)
            wrapper = ModelWrapper(wrap(copy.deepcopy(model)), arguments)
        wrapper.eval()

        def observe() -> float:
            with torch.no_grad():
                predicted = wrapper.predict_on_batch(inputs, iterations=subjects.SAMPLES)
            return entropy(predicted.movedim(-1, 0))

        return observe

    wraps = {
        "MCDropoutModule": MCDropoutModule,
        "MCConsistentDropoutModule": MCConsistentDropoutModule,
        "MCCachingModule of MCDropoutModule": lambda network: MCCachingModule(MCDropoutModule(network)),
    }
    return {
        f"baal, {name}, {'replicated in memory' if replicate else 'a loop over samples'}": task(wrap, replicate)
        for name, wrap in wraps.items()
        for replicate in (True, False)
    }


def entropy(logits: Tensor) -> float:
    """The batch's mean predictive entropy, from samples of the logits [T, B, C]."""
    return float(predictive_entropy(class_probs(logits)).mean())


def _middle(laps: Laps) -> float:
    return sorted(processor for processor, _ in laps)[len(laps) // 2]


def _limits(kind: str, tasks: Iterable[str]) -> dict[str, dict[str, float]]:
    """Of a peer as many passes as there are samples; where it keeps the products that they share, what ours needs."""
    batch, samples = subjects.BATCH, subjects.SAMPLES
    one = limits.cnn_pass(batch) if kind == "cifar10" else limits.lstm_pass(batch, subjects.LENGTH)
    observation = limits.mask_observation(samples, batch, 128, 10 if kind == "cifar10" else 1)
    fresh = limits.together(one, observation)
    kept = "Caching" if kind == "cifar10" else None  # it keeps no recurrent layer
    known = {task: fresh if kept and kept in task else limits.repeated(samples, one) for task in tasks}
    return known | {TRUNK: one, "observation in the training step": observation, "observation on a fresh batch": fresh}
