"""What a run leaves on disk: where it lies, who holds it, and how it is read back."""

import html
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uncertlr.config import EXECUTION_FIELDS, RESULT_VERSION, RunConfig, shown_name
from uncertlr.errors import ConfigError, RunError, StaleResults
from uncertlr.runs.files import Arrays, load_arrays, read_json
from uncertlr.runs.naming import arm_name, differing, listed
from uncertlr.runs.paths import RunPaths, refuse_links
from uncertlr.runs.schema import Record, Summary, validated

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Run:
    """A run read back from disk.

    Attributes:
        paths: where it lies.
        config: what it is.
        record: how it was carried out: times, versions, hardware, data fingerprint.
        summary: final numbers.
    """

    paths: RunPaths
    config: RunConfig
    record: dict[str, Any]
    summary: dict[str, Any]

    @property
    def _split(self) -> str:
        """Whose scores are shown first: a run that was tuned on validation has none on the test set."""
        return "test" if self.summary["test"] else "val"

    def __repr__(self) -> str:
        """Two lines; the record and the summary alone are thousands of characters."""
        epochs = f"{self.config.epochs} epoch{'' if self.config.epochs == 1 else 's'}"
        about = f"{arm_name(self.config)} on {Path(self.config.dataset).name}, {epochs}, seed {self.config.seed}"
        score = f"{self._split} accuracy {self.summary[self._split]['accuracy']:.4f}"
        return f"Run {self.config.run_id}: {about}, {score}\n  in {self.paths.directory}"

    def _repr_html_(self) -> str:
        """A short table, where it is the last value of a notebook's cell."""
        split = self._split
        scores = {f"{split} {name}": f"{self.summary[split][name]:.4f}" for name in ("accuracy", "loss", "ece")}
        settings = listed(differing(self.config)) or "nothing"
        about = {"run": self.config.run_id, "rule": shown_name(self.config.rule), "seed": str(self.config.seed)}
        rows = {**about, "differs from the usual run in": settings, **scores}
        cells = "".join(f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>" for name, value in rows.items())
        return f"<table>{cells}</table>"

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """A row per epoch and split; read once, since a finished run does not change."""
        return read_metrics(self.paths)

    @cached_property
    def validation(self) -> "pd.DataFrame":
        """A row per epoch: scores on validation, and the seconds of training that it took to get there."""
        return self.metrics[self.metrics["split"] == "val"]

    @property
    def trace(self) -> "pd.DataFrame":
        """A row per step of all epochs, thinned in a published run: what was observed, the factor and the learning rate."""
        import pandas as pd

        return pd.DataFrame(read_trace(self.paths))

    @property
    def predictions(self) -> "pd.DataFrame | None":
        """A row per example of validation and test; None in a published run that carries none."""
        return read_predictions(self.paths) if self.paths.predictions.is_file() else None


def read_run(paths: RunPaths) -> Run:
    """Read a complete run, trusting nothing that its folder holds.

    Raises:
        RunError: it is not complete or damaged, or its files lie elsewhere.
        StaleResults: another version of the library made it.
    """
    if not paths.complete:
        raise RunError(f"run {paths.run_id} is not complete in {paths.root}; run(config) trains or resumes it")
    refuse_links(paths)
    summary = validated(paths.summary, read_json(paths.summary), Summary)
    record, config = read_record(paths), read_config(paths)
    if summary["result_version"] != RESULT_VERSION:
        raise StaleResults(
            f"{paths.directory} holds results of version {summary['result_version']}, but this library makes version "
            f"{RESULT_VERSION}; remove the folder and run it again"
        )
    if not config.run_id == summary["run_id"] == paths.run_id:
        raise RunError(
            f"{paths.directory} holds the results of {summary['run_id']} and the configuration of {config.run_id}: "
            "the folder was renamed, or its files were changed; run the configuration again"
        )
    return Run(paths, config, record, summary)


def read_record(paths: RunPaths) -> dict[str, Any]:
    """How a run was, or is being, carried out.

    Raises:
        RunError: the file is damaged, or its entries are of other types.
    """
    return validated(paths.record, read_json(paths.record), Record)


def read_config(paths: RunPaths) -> RunConfig:
    """What a run is.

    Raises:
        RunError: the file is damaged, or another version of uncertlr wrote it.
    """
    fields = read_json(paths.config)
    try:
        config = RunConfig(**fields)
    except ConfigError as error:
        raise RunError(f"{paths.config} was written by another version of uncertlr, or changed: {error}") from error
    if given := sorted(EXECUTION_FIELDS & set(fields)):
        raise RunError(f"{paths.config} was changed: {given[0]}={fields[given[0]]!r} is no part of what a run is; remove it")
    return config


def read_metrics(paths: RunPaths) -> "pd.DataFrame":
    """A row per epoch and split.

    Raises:
        RunError: the file is damaged.
    """
    import pandas as pd

    try:
        rows = [json.loads(line) for line in paths.metrics.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise RunError(f"{paths.metrics} is damaged ({error}); remove the run's folder and run again") from error
    return pd.DataFrame(rows)


def read_predictions(paths: RunPaths) -> "pd.DataFrame":
    """A row per example of validation and test.

    Raises:
        RunError: the file is damaged.
    """
    import pandas as pd

    try:
        return pd.read_parquet(paths.predictions)
    except (ValueError, OSError) as error:  # pyarrow's errors are either
        raise RunError(f"{paths.predictions} is damaged ({error}); remove the run's folder and run again") from error


def read_trace(paths: RunPaths) -> Arrays:
    """What was observed at every step, all epochs joined.

    Raises:
        RunError: a file is damaged, or there is none.
    """
    epochs = [load_arrays(path) for path in sorted(paths.directory.glob("trace-*.npz"))]
    if not epochs:
        raise RunError(f"{paths.directory} holds no trace; remove the run's folder and run again")
    return {name: np.concatenate([epoch[name] for epoch in epochs]) for name in epochs[0]}


def whole_trace(run: Run) -> Arrays:
    """Factor and signal of every step, unthinned, also of a published run.

    Raises:
        RunError: it is published as a trial, whose trace is thinned.
    """
    if not run.paths.factor.is_file():
        return read_trace(run.paths)
    whole = load_arrays(run.paths.factor)
    if "factor" not in whole:
        raise RunError(
            f"run {run.config.run_id} is published as a trial, without its whole trace; train it under another root to "
            "replay it"
        )
    return whole
