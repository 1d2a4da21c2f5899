"""How soon a study's runs reached a target, in epochs and in seconds."""

import numpy as np

from uncertlr.analysis.study import Study
from uncertlr.metrics import Censored, time_to_target
from uncertlr.runs.store import Run


def target_accuracy(study: Study, baseline: str) -> float:
    """The median of a baseline's final validation accuracies."""
    return float(np.median([run.validation["accuracy"].iloc[-1] for run in study.arms[baseline].values()]))


def times_to_target(study: Study, arm: str, target: float, unit: str = "epoch") -> dict[int, Censored]:
    """When each finished run of an arm first reached the target on validation, in epochs or seconds."""
    return {
        seed: time_to_target(run.validation["accuracy"].tolist(), times(run, unit), target)
        for seed, run in study.arms[arm].items()
    }


def times(run: Run, unit: str) -> list[float]:
    """The end of each epoch, in epochs, or in seconds at the run's median pace: being held up makes no run late."""
    pace = seconds_per_epoch(run) if unit == "seconds" else 1
    return [epoch * pace for epoch in run.validation["epoch"].tolist()]


def seconds_per_epoch(run: Run) -> float:
    """The median seconds of training per epoch."""
    return float(run.summary["seconds_per_epoch"])
