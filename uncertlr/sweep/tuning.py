"""The choice among an arm's trials, and the sweep that runs what was chosen on fresh seeds."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd
import yaml

from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError, RunError
from uncertlr.runs.paths import paths_of
from uncertlr.runs.store import read_record
from uncertlr.sweep.file import read_grid
from uncertlr.sweep.grid import Job, read_sweep
from uncertlr.sweep.trials import trials_of
from uncertlr.training.finished import find


def trials_table(sweep: Path, root: str = "", partial: bool = False) -> pd.DataFrame:
    """Every trial of a sweep's arms: what was tried, and how the last weights did on validation.

    Args:
        sweep: YAML file whose arms name ranges.
        root: folder of the runs; empty for the usual one.
        partial: show what there is while trials are missing, in place of refusing.

    Returns:
        One row per trial, in the file's order. Columns ``arm``, ``trial`` (from 1), ``settings`` (a dict of what the ranges
        gave), ``seeds`` (finished), ``done`` (whether each of its runs is finished or diverged), ``accuracy`` and ``loss``
        (means over the seeds; NaN where a run diverged or is missing), ``chosen``.

    Raises:
        ConfigError: no arm names a range, or a trial looks at the test set.
        RunError: a trial has not been carried out, and `partial` is false.
    """
    grid, jobs = read_grid(sweep), read_sweep(sweep, root)
    tried = {name: arm.ranges for name, arm in grid.arms.items() if arm.ranges}
    if not tried:
        raise ConfigError(f"{sweep}: no arm names a range, so there is nothing to choose")
    if any(job.config.evaluate_test for job in jobs):
        raise ConfigError(f"{sweep}: a trial must not look at the test set; put evaluate_test: false under 'base'")
    runs_of = {name: [job for job in jobs if job.arm == name] for name in {job.arm for job in jobs}}
    rows = []
    for arm, ranges in tried.items():
        for number, (name, settings) in enumerate(trials_of(arm, ranges, grid.trials).items(), 1):
            rows.append({"arm": arm, "trial": number, "settings": settings, **_scores(sweep, runs_of[name], partial)})
    table = pd.DataFrame(rows)
    best = table.index.isin(_best(trials) for _, trials in table.groupby("arm", sort=False))
    table["chosen"] = best & (table["accuracy"].notna() | (not partial))
    return table


def tuned_sweep(sweep: Path, seeds: Sequence[int], root: str = "") -> str:
    """The text of a sweep file: each arm with the settings that did best on validation, on seeds that no trial has seen.

    Args:
        sweep: the trials' YAML file.
        seeds: on which to run what was chosen; of none, the ten that follow the trials'.
        root: folder of the runs; empty for the usual one.

    Raises:
        ConfigError: a seed is a trial's; or as `trials_table`.
        RunError: as `trials_table`; or every trial of an arm diverged.
    """
    grid, table = read_grid(sweep), trials_table(sweep, root)
    seeds = seeds or range(max(grid.seeds) + 1, max(grid.seeds) + 11)
    if seen := sorted(set(seeds) & set(grid.seeds)):
        raise ConfigError(f"seed {seen[0]} is one of the trials' ({sweep}); what was chosen must be judged on others")
    chosen = table[table["chosen"]].set_index("arm")
    arms: dict[str, dict[str, Any]] = {}
    for name, arm in grid.arms.items():
        if name in chosen.index and pd.isna(chosen.loc[name, "accuracy"]):
            raise RunError(f"every trial of arm {name!r} diverged, so none can be chosen; lower its ranges")
        arms[name] = {**arm.written(), **(chosen.loc[name, "settings"] if name in chosen.index else {})}
    base = {field: value for field, value in grid.base.items() if field != "evaluate_test"}
    kept = {"experiment": grid.experiment, "profile": grid.profile, "chosen_on_validation": True}
    kept |= grid.model_dump(include={"protocol_fixed", "baselines"}, exclude_defaults=True)
    kept |= {"seeds": list(seeds), "base": base}
    header = f"# Of each arm the best of {grid.trials} trials on validation, written by: uncertlr tune {sweep}\n"
    return header + yaml.safe_dump({**kept, "arms": arms}, sort_keys=False, default_flow_style=None, width=120)


def _scores(sweep: Path, jobs: Sequence[Job], partial: bool) -> dict[str, float]:
    finished = [find(job.config) for job in jobs]
    missing = [job for job, run in zip(jobs, finished, strict=True) if run is None and not _diverged(job.config)]
    if missing and not partial:
        root = missing[0].config.root
        command = shlex.join(["uncertlr", "sweep", str(sweep), *(["--root", root] if root else [])])
        raise RunError(f"{missing[0].arm}, seed {missing[0].config.seed}, is not finished; run: {command}")
    scores = [run.summary["val"] for run in finished if run]
    if len(scores) < len(jobs):
        return {"seeds": len(scores), "done": not missing, "accuracy": float("nan"), "loss": float("nan")}
    return {"seeds": len(jobs), "done": True, **{name: mean(each[name] for each in scores) for name in ("accuracy", "loss")}}


def _diverged(config: RunConfig) -> bool:
    paths = paths_of(config)
    return paths.record.is_file() and read_record(paths)["status"] == "FAILED"


def _best(trials: pd.DataFrame) -> Any:
    """Highest accuracy; of equals the lowest loss, then the first."""
    return trials.sort_values(["accuracy", "loss"], ascending=[False, True], kind="stable").index[0]
