"""How the cost of an estimate grows with the number of samples T, the batch, and the width of the dense layer."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.costs import subjects
from benchmarks.costs.clock import CLOCKS, Effort, describe, in_turn
from uncertlr.config import preset
from uncertlr.data import Batch, train_batches
from uncertlr.estimators import AnalyticDropout, MCDropout
from uncertlr.estimators.modes import sampling_modes
from uncertlr.metrics import class_probs, predictive_entropy
from uncertlr.schedulers import read_signal
from uncertlr.training.build import build_network

SAMPLES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
BATCHES = [8, 16, 32, 64, 128, 256]
WIDTHS = [32, 64, 128, 256, 512, 1_024]
FULL_PASSES = 8
"""Timed, and scaled to T: they are equal passes."""


def measure(effort: Effort) -> dict[str, Any]:
    """Three curves of milliseconds, by task."""
    subjects.settle()
    curves = {
        "samples": _curve(effort, SAMPLES, lambda value: (value, subjects.BATCH, 128)),
        "batch": _curve(effort, BATCHES, lambda value: (subjects.SAMPLES, value, 128)),
        "width": _curve(effort, WIDTHS, lambda value: (subjects.SAMPLES, subjects.BATCH, value)),
    }
    return {"rows": [], "times": {}, "curves": curves}


def _curve(effort: Effort, values: list[int], sizes: Callable[[int], tuple[int, int, int]]) -> dict[str, Any]:
    points = [_point(effort, *sizes(value)) for value in values]
    return {"x": values, **lines_of(points, "milliseconds"), "clock": CLOCKS[0]}


def lines_of(points: list[dict[str, dict[str, Any] | None]], unit: str) -> dict[str, dict[str, list[Any]]]:
    """Points as lines: each task's medians under the unit's name, and their quartiles under ``spread``.

    Args:
        points: at each place of the horizontal axis, task to median (``seconds``) and quartiles (``spread``), in seconds;
            None where the task cannot be done.
        unit: ``milliseconds`` or ``seconds``.
    """
    scale = 1_000 if unit == "milliseconds" else 1
    medians: dict[str, list[Any]] = {name: [] for name in points[0]}
    spreads: dict[str, list[Any]] = {name: [] for name in points[0]}
    for point in points:
        for name, row in point.items():
            medians[name].append(row and scale * row["seconds"])
            spreads[name].append(row and [scale * end for end in row["spread"]])
    return {unit: medians, "spread": spreads}


def _point(effort: Effort, samples: int, batch_size: int, width: int) -> dict[str, dict[str, Any] | None]:
    data = subjects.random_data("cifar10")
    model = build_network(preset("cifar10", hidden_size=width), data).to(memory_format=torch.channels_last)
    batch = _batch(batch_size)

    def passes() -> None:
        with sampling_modes(model, sample=True):
            probs = torch.stack([class_probs(model(batch.inputs)) for _ in range(FULL_PASSES)])
        float(predictive_entropy(probs).mean())

    tasks = {"full passes": passes, **estimates_and_step(model, batch, samples)}
    laps = in_turn(tasks, effort.rounds(9), warm_up=2)
    times = samples / FULL_PASSES
    laps["full passes"] = [(times * processor, times * wall) for processor, wall in laps["full passes"]]
    return {name: describe(each)[CLOCKS[0]] for name, each in laps.items()}


def estimates_and_step(model: nn.Module, batch: Batch, samples: int) -> dict[str, Callable[[], object]]:
    """An estimate from features that are at hand, in two ways, and a training step."""
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    stream = torch.Generator().manual_seed(0)
    with torch.no_grad():
        features = model.eval().features(batch.inputs)

    def step() -> None:
        loss = nn.functional.cross_entropy(model.train()(batch.inputs), batch.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def estimate(estimator: Any) -> Callable[[], object]:
        return lambda: float(
            read_signal("predictive_entropy", estimator.estimate_from_features(model, features, generator=stream))
        )

    return {
        "masks for each example": estimate(MCDropout(samples)),
        "closed form": estimate(AnalyticDropout(subjects.SAMPLES)),
        "training step": step,
    }


def _batch(size: int) -> Batch:
    data = subjects.random_data("cifar10")
    one = next(train_batches(data, subjects.BATCH, seed=0, epoch=1, augment=False))
    repeats = -(-size // subjects.BATCH)
    inputs = one.inputs.repeat(repeats, 1, 1, 1)[:size].to(memory_format=torch.channels_last)
    return Batch(inputs, one.targets.repeat(repeats)[:size], one.indices.repeat(repeats)[:size])
