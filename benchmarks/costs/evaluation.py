"""Evaluation of 10,000 pictures with T = 100 samples over a deterministic evaluation of the same."""

import dataclasses
from typing import Any

import torch

from benchmarks.costs import limits, subjects
from benchmarks.costs.clock import Effort, describe, in_turn, ratio_row
from uncertlr.data import DataSet, Split, eval_batches
from uncertlr.estimators import Deterministic, MCDropout, Prediction
from uncertlr.training.loop import evaluate
from uncertlr.training.step import Experiment

EXAMPLES, SAMPLES = 10_000, 100


def measure(effort: Effort) -> dict[str, Any]:
    """One row."""
    subjects.settle()
    stream = torch.Generator().manual_seed(0)
    inputs = torch.randint(256, (EXAMPLES, 3, 32, 32), generator=stream, dtype=torch.uint8)
    split = Split(inputs, torch.randint(10, (EXAMPLES,), generator=stream))
    data = dataclasses.replace(subjects.random_data("cifar10"), test=split)
    subject = subjects.experiment("cifar10", data)
    subject = dataclasses.replace(subject, evaluator=MCDropout(SAMPLES, shared_masks=True))
    tasks = {
        f"T = {SAMPLES}": lambda: evaluate(subject, split, 1, "test"),
        "deterministic": lambda: deterministic(subject, data, split),
    }
    laps = in_turn(tasks, effort.rounds(9), warm_up=1)
    name = f"evaluation of {EXAMPLES:,} pictures with T = {SAMPLES} over a deterministic one"
    one = limits.cnn_pass(EXAMPLES)
    samples = limits.limit(2 * SAMPLES * EXAMPLES * 128 * 10, 4 * SAMPLES * EXAMPLES * 10)
    known = {"deterministic": one, f"T = {SAMPLES}": limits.together(one, samples)}
    return {
        "rows": [ratio_row(name, laps, f"T = {SAMPLES}", "deterministic", at_most=1.15)],
        "times": {task: describe(each, known[task]) for task, each in laps.items()},
    }


def deterministic(subject: Experiment, data: DataSet, split: Split) -> Prediction:
    """The network's own softmax of a whole split."""
    parts = [Deterministic().estimate(subject.model, batch.inputs) for batch in eval_batches(data, split, 256)]
    return Prediction.join(parts, torch.arange(len(split)))
