"""Finished runs by their names, and the results of a whole study as one frame."""

from pathlib import Path

import pandas as pd

from uncertlr.analysis.scores import final_scores
from uncertlr.analysis.study import read_study
from uncertlr.errors import RunError
from uncertlr.runs import store
from uncertlr.runs.archive import restore_published
from uncertlr.runs.paths import RunPaths, default_root
from uncertlr.runs.schema import SCORES
from uncertlr.runs.store import Run


def load_run(run: RunPaths | str, root: str | Path = "") -> Run:
    """A finished run, of this machine or published.

    Args:
        run: its name, as ``uncertlr runs`` lists it, or where it lies, as `run` gives it.
        root: folder of the runs; empty for the usual one.

    Raises:
        RunError: there is no such run, or it is not complete.
    """
    paths = run if isinstance(run, RunPaths) else RunPaths(Path(root) if root else default_root(), run)
    if not paths.complete and not restore_published(paths) and not paths.directory.exists():
        raise RunError(f"no run {paths.run_id!r} in {paths.root} or among the published ones; `uncertlr runs` lists all")
    return store.read_run(paths)


def load_results(sweep: str, root: str = "") -> pd.DataFrame:
    """The finished runs of a study, one row for each run and epoch.

    Args:
        sweep: a study in ``sweeps/``, such as ``"cifar10-standard"``, or the path of a YAML file.
        root: folder of the runs; empty for the usual one.

    Returns:
        Columns ``method``, ``seed``, ``run_id``, ``epoch``; the validation scores of the epoch, such as ``accuracy`` and
        ``loss``; ``learning_rate`` (geometric mean over all steps of the epoch) and ``final_*``, the run's test scores.

    Raises:
        ConfigError: there is no such study.
    """
    study = read_study(sweep, root)
    parts = [_of_run(arm, run) for arm, of_seed in study.arms.items() for run in of_seed.values()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["method", "seed", "run_id", "epoch"])


def _of_run(method: str, run: Run) -> pd.DataFrame:
    rows = run.validation.dropna(axis="columns", how="all").drop(columns=["split"]).reset_index(drop=True)
    rows.insert(0, "method", method)
    rows.insert(1, "seed", run.config.seed)
    rows.insert(2, "run_id", run.config.run_id)
    scores = final_scores(run)
    training = run.metrics[run.metrics["split"] == "train"]  # of every step; a published trace has one in ten
    rows["learning_rate"] = rows["epoch"].map(training.set_index("epoch")["learning_rate"])
    return rows.assign(**{f"final_{name}": scores[name] for name in SCORES if name in scores})
