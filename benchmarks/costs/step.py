"""The training step with an uncertainty estimate and the rule, over the same step without."""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.costs import limits, subjects
from benchmarks.costs.clock import Effort, describe, in_turn, ratio_row
from uncertlr.metrics import class_probs
from uncertlr.schedulers import read_signal
from uncertlr.training.step import train_step

TARGETS = {"cifar10": {"mc_dropout": 1.05, "analytic_dropout": 1.02}, "imdb": {"mc_dropout": 1.03, "analytic_dropout": 1.02}}
ROUNDS = {"cifar10": 400, "imdb": 120}
NAMES = {"cifar10": "CNN", "imdb": "LSTM"}
LABELS = {"mc_dropout": f"Monte Carlo dropout, T = {subjects.SAMPLES}", "analytic_dropout": "closed form"}


def measure(effort: Effort) -> dict[str, Any]:
    """Rows and times of both networks."""
    subjects.settle()
    rows, times = [], {}
    for kind, count in ROUNDS.items():
        laps = in_turn(_tasks(kind), effort.rounds(count), warm_up=3)
        for estimator, target in TARGETS[kind].items():
            compared = f"{NAMES[kind]}, {LABELS[estimator]}"
            name = f"training step with an observation and the rule over the fixed-rate step: {compared}"
            rows.append(ratio_row(name, laps, estimator, "fixed rate", at_most=target))
        known = _limits(kind)
        times |= {f"{NAMES[kind]}: {task}": describe(each, known.get(task)) for task, each in laps.items()}
    return {"rows": rows, "times": times}


def _tasks(kind: str) -> dict[str, Callable[[], object]]:
    """Whole steps of three experiments of the same network, and the estimates alone."""
    arms = {
        "fixed rate": subjects.experiment(kind, rule="none"),
        "mc_dropout": subjects.experiment(kind),
        "analytic_dropout": subjects.experiment(kind, estimator="analytic_dropout"),
    }
    batch = subjects.one_batch(arms["fixed rate"])
    tasks: dict[str, Callable[[], object]] = {}
    for name, arm in arms.items():
        stream = None if name == "fixed rate" else torch.Generator().manual_seed(0)
        tasks[name] = _step(arm.model.train() and arm, batch, stream)
    features = subjects.features_of(subjects.experiment(kind), batch.inputs)
    for name in ("mc_dropout", "analytic_dropout"):
        tasks[f"observation alone, {name}"] = _observation(arms[name], features)
    logits = torch.randn(subjects.SAMPLES, subjects.BATCH, 10 if kind == "cifar10" else 1)
    across = logits.movedim(-1, 0).contiguous()
    tasks["its softmax alone"] = lambda: class_probs(logits)
    if kind == "cifar10":
        tasks["a softmax along the other axis, unlike in the last bit"] = lambda: across.softmax(0)
    else:
        tasks["fixed rate, denormal numbers kept"] = _unflushed(tasks["fixed rate"])
    return tasks


def _unflushed(step: Callable[[], object]) -> Callable[[], object]:
    def task() -> None:
        torch.set_flush_denormal(False)
        step()
        torch.set_flush_denormal(True)

    return task


def _step(arm, batch, stream) -> Callable[[], object]:
    observations = torch.zeros(5)
    return lambda: train_step(arm, batch, stream, observations)


def _observation(arm, features) -> Callable[[], object]:
    stream = torch.Generator().manual_seed(0)

    def observe() -> float:
        prediction = arm.estimator.estimate_from_features(arm.model, features, generator=stream)
        return float(read_signal("predictive_entropy", prediction))

    return observe


def _limits(kind: str) -> dict[str, dict[str, float]]:
    classes = 10 if kind == "cifar10" else 1
    step = limits.cnn_step(subjects.BATCH) if kind == "cifar10" else limits.lstm_step(subjects.BATCH, subjects.LENGTH)
    observations = {
        "mc_dropout": limits.mask_observation(subjects.SAMPLES, subjects.BATCH, 128, classes),
        "analytic_dropout": limits.moment_observation(subjects.SAMPLES, subjects.BATCH, 128, classes),
    }
    with_observation = {name: limits.together(step, observation) for name, observation in observations.items()}
    alone = {f"observation alone, {name}": observation for name, observation in observations.items()}
    return {"fixed rate": step, "fixed rate, denormal numbers kept": step} | with_observation | alone
