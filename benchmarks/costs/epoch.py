"""An epoch of `fit` (data, augmentation, signal, rule, records) over the bare loop: forward, backward, fused Adam on tensors
that were staged beforehand. The bare loop estimates no uncertainty and keeps no record.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.costs import limits, subjects
from benchmarks.costs.clock import Effort, describe, in_turn, ratio_row
from uncertlr.data import Batch, DataSet, steps_per_epoch, train_batches
from uncertlr.metrics import cross_entropy
from uncertlr.runs.paths import RunPaths
from uncertlr.training.loop import fit

EXAMPLES = {"cifar10": 6_400, "imdb": 1_280}
"""A part of the epoch; the whole one has 45,000 pictures or 22,500 reviews."""


def measure(effort: Effort) -> dict[str, Any]:
    """Rows and times of both networks, over a part of the epoch or the whole of it."""
    subjects.settle()
    rows, times = [], {}
    for kind, label in {"cifar10": "CNN", "imdb": "LSTM"}.items():
        data = subjects.real_data(kind, 0 if effort.whole else EXAMPLES[kind])
        rounds = 1 if effort.whole else effort.rounds(5)
        steps = steps_per_epoch(len(data.train), subjects.BATCH)
        laps = in_turn(
            {"fit": fit_once(kind, data), "bare loop": _bare(kind, data)}, rounds, warm_up=0 if effort.whole else 1
        )
        name = f"epoch of fit over the bare loop on staged tensors: {label}"
        note = f"{len(data.train):,} examples in {steps} steps" + ("" if effort.whole else ", a part of the epoch")
        rows.append(ratio_row(name, laps, "fit", "bare loop", at_most=1.10, note=note))
        limit = epoch_limit(kind, data)
        times |= {f"{label}: {task}, {steps} steps": describe(each, limit) for task, each in laps.items()}
    return {"rows": rows, "times": times}


def fit_once(kind: str, data: DataSet) -> Callable[[], object]:
    """One epoch of a new run in a folder that is removed afterwards."""

    def task() -> None:
        subject = subjects.experiment(kind, data)
        with tempfile.TemporaryDirectory() as folder:
            paths = RunPaths(Path(folder), "run")
            paths.checkpoints.mkdir(parents=True)
            fit(subject, paths)

    return task


def _bare(kind: str, data: DataSet) -> Callable[[], object]:
    staged = list(train_batches(data, subjects.BATCH, seed=0, epoch=1, augment=kind == "cifar10"))

    def task() -> None:
        subject = subjects.experiment(kind, data)
        bare_epoch(subject.model, subject.optimizer, staged)

    return task


def bare_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, batches: list[Batch]) -> None:
    """What no training can do without."""
    model.train()
    for batch in batches:
        loss = cross_entropy(model(batch.inputs), batch.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def epoch_limit(kind: str, data: DataSet) -> dict[str, float]:
    """Of an epoch's steps, for texts at the mean length of our batches, which hold texts of similar length."""
    steps = steps_per_epoch(len(data.train), subjects.BATCH)
    one = limits.cnn_step(subjects.BATCH) if kind == "cifar10" else limits.lstm_step(subjects.BATCH, _mean_length(data))
    return limits.repeated(steps, one)


def _mean_length(data: DataSet) -> int:
    batches = train_batches(data, subjects.BATCH, seed=0, epoch=1, augment=False)
    lengths = [batch.inputs.shape[1] for batch in batches]
    return round(sum(lengths) / len(lengths))
