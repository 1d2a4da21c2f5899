"""Finished runs with planted results, published like real ones: what the evidence must tell apart."""

import copy
import json

import numpy as np

from uncertlr.config import preset
from uncertlr.experiments import run
from uncertlr.files import save_arrays, write_json
from uncertlr.published import publish
from uncertlr.runs import RunPaths, load_run

TEMPLATE = {"epochs": 2, "train_examples": 300, "progress": "quiet"}


def plant(jobs, accuracy, folder, name="planted", factors=None, seconds=None):
    """Publish a planted run for each job.

    Args:
        jobs: of a sweep.
        accuracy: final accuracy of an arm and a seed; None for a run that is missing.
        folder: where the planted runs are built.
        name: of the published file.
        factors: of an arm and a seed, one a step; 1 at every step by default.
        seconds: of training, of an arm.
    """
    template = load_run(run(preset("digits", "quick", **TEMPLATE, root=str(folder / "template"))))
    runs = []
    for job in jobs:
        value = accuracy(job.arm, job.config.seed)
        if value is not None:
            steps = factors(job.arm, job.config.seed) if factors else np.ones(10)
            runs.append(
                _plant(
                    template, job.config, value, folder / "planted", np.asarray(steps), (seconds or {}).get(job.arm, 10.0)
                )
            )
    return publish(runs, name)


def _plant(template, config, accuracy, root, factor, seconds):
    paths = RunPaths(root, config.run_id)
    paths.directory.mkdir(parents=True, exist_ok=True)
    write_json(paths.config, config.model_dump() | {"root": ""})
    write_json(paths.record, template.record | {"run_id": config.run_id})
    rows = []
    for epoch in range(1, config.epochs + 1):
        row = template.metrics.query("split == 'val'").iloc[0].dropna().to_dict()
        share = epoch / config.epochs
        row |= {"epoch": epoch, "accuracy": accuracy * share**0.2, "loss": 2 - share, "elapsed": seconds * share}
        rows.append(row)
    paths.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rate = config.learning_rate * factor
    signal = np.full(len(factor), 0.5)
    save_arrays(paths.trace(1), {"step": np.arange(len(factor)), "learning_rate": rate, "factor": factor, "signal": signal})
    summary = copy.deepcopy(template.summary) | {"run_id": config.run_id, "seconds": seconds, "warnings": []}
    summary["seconds_per_epoch"] = seconds / config.epochs
    for split in ("val", "test", "test_best"):
        summary[split]["accuracy"] = accuracy
    rails = {"above_threshold": 0.5, "at_floor": float(np.mean(factor <= 0.01)), "at_ceiling": float(np.mean(factor >= 10))}
    summary["rate"] = {"final": rate[-1], "minimum": rate.min(), "maximum": rate.max(), "log_rate_sd": 0.1} | (
        rails if config.rule != "none" else {}
    )
    write_json(paths.summary, summary)
    return load_run(paths)
