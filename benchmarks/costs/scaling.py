"""How times grow with what users have more of than the report: classes, stored runs, runs in a sweep."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.costs import subjects
from benchmarks.costs.clock import Effort, describe, in_turn
from benchmarks.costs.growth import estimates_and_step, lines_of
from uncertlr.config import RunConfig, preset
from uncertlr.data import Batch
from uncertlr.errors import UncertlrError
from uncertlr.models import CNN
from uncertlr.runs.index import list_runs
from uncertlr.runs.paths import RunPaths
from uncertlr.sweep import Job, run_sweep
from uncertlr.training.run import run

CLASSES = [10, 30, 100, 300, 1_000, 3_000, 10_000, 20_000]
STORED_RUNS = [100, 300, 1_000, 3_000, 10_000]
RUNS_OF_A_SWEEP = [10, 100, 1_000]
WORKERS = 2


def measure(effort: Effort) -> dict[str, Any]:
    """Three curves: milliseconds by classes (processor); seconds by stored runs, and by runs of a sweep (wall)."""
    subjects.settle()
    with tempfile.TemporaryDirectory() as folder:
        here = {"UNCERTLR_RESULTS": str(Path(folder, "none"))}  # the runs that are listed are those made here
        with patch.dict(os.environ, here):
            stored = _stored_runs(effort, Path(folder, "stored"))
            sweeps = _sweeps(Path(folder, "sweeps"))
    curves = {"classes": _classes(effort), "stored runs": stored, "runs of a sweep": sweeps}
    return {"rows": [], "times": {}, "curves": curves}


def _classes(effort: Effort) -> dict[str, Any]:
    """An estimate in the training step, and the step; None where the estimator refuses so many classes."""
    points = [_at_classes(effort, num_classes) for num_classes in CLASSES]
    return {"x": CLASSES, **lines_of(points, "milliseconds"), "clock": "processor"}


def _at_classes(effort: Effort, num_classes: int) -> dict[str, dict[str, Any] | None]:
    model = CNN(32, 3, num_classes).to(memory_format=torch.channels_last)
    inputs = torch.randn(subjects.BATCH, 3, 32, 32).to(memory_format=torch.channels_last)
    batch = Batch(inputs, torch.randint(num_classes, (subjects.BATCH,)), torch.arange(subjects.BATCH))
    tasks = estimates_and_step(model, batch, subjects.SAMPLES)
    possible = {name: task for name, task in tasks.items() if _possible(task)}
    laps = in_turn(possible, effort.rounds(5), warm_up=1)
    return {name: describe(laps[name])["processor"] if name in laps else None for name in tasks}


def _possible(task: Callable[[], object]) -> bool:
    try:
        task()
    except (ValueError, UncertlrError):
        return False
    return True


def _stored_runs(effort: Effort, root: Path) -> dict[str, Any]:
    """The table of all runs in a folder."""
    run(first := _short(root, 0))
    source = RunPaths(root, first.run_id)
    content = json.loads(source.config.read_text())
    points, made = [], 1
    for count in STORED_RUNS:
        for seed in range(made, count):
            copy = RunPaths(root, first.replace(seed=seed).run_id)
            copy.directory.mkdir()
            for path in (source.record, source.summary):
                shutil.copy(path, copy.directory / path.name)
            copy.config.write_text(json.dumps({**content, "seed": seed}))
        made = count
        laps = in_turn({"list": lambda: list_runs(root)}, effort.rounds(3), warm_up=1)["list"]
        points.append({"table of all runs": describe(laps)["wall"]})
    return {"x": STORED_RUNS, **lines_of(points, "seconds"), "clock": "wall"}


def _sweeps(root: Path) -> dict[str, Any]:
    """A sweep of short runs, once, and the same with nothing left to do."""
    seconds: dict[str, list[float]] = {"a run alone, times the number of runs": [], "sweep": [], "nothing left to do": []}
    for count in RUNS_OF_A_SWEEP:
        jobs = [Job("constant", _short(root / str(count), seed)) for seed in range(count)]
        for name in ("sweep", "nothing left to do"):
            began = time.perf_counter()
            outcomes = run_sweep(jobs, workers=WORKERS)
            seconds[name].append(time.perf_counter() - began)
            if failed := [outcome.error for outcome in outcomes if outcome.error]:
                raise RuntimeError(failed[0])
        began = time.perf_counter()
        run(_short(root / str(count), count))
        seconds["a run alone, times the number of runs"].append(count * (time.perf_counter() - began))
    return {"x": RUNS_OF_A_SWEEP, "seconds": seconds, "clock": "wall", "workers": WORKERS}


def _short(root: Path, seed: int) -> RunConfig:
    """A run of a tenth of a second."""
    size = {"epochs": 1, "train_examples": 200, "test_examples": 200}
    return preset("digits", **size, seed=seed, root=str(root), progress="quiet", device="cpu")
