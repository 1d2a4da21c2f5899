"""What a run leaves on disk: where it lies, who holds it, and how it is read back."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np

from uncertlr.config import EXECUTION_FIELDS, RESULT_VERSION, RunConfig
from uncertlr.errors import ConfigError, RunError, StaleResults
from uncertlr.files import Arrays, load_arrays, read_json, remove_unfinished
from uncertlr.records import Record, Summary, checked

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RunPaths:
    """Where everything of one run lies.

    Attributes:
        root: folder of all runs.
        run_id: the run's name, `RunConfig.run_id`.
    """

    root: Path
    run_id: str

    def __post_init__(self) -> None:
        """Refuse a name that could lead out of the root."""
        if not re.fullmatch(r"\w[\w.-]*", self.run_id):
            raise RunError(f"{self.run_id!r} is no name of a run: letters, digits, dots, dashes and underscores make one")

    @property
    def directory(self) -> Path:
        """The run's own folder."""
        return self.root / self.run_id

    @property
    def lock(self) -> Path:
        """Locked by the process that trains; freed by the system when that process dies."""
        return self.directory / "lock"

    @property
    def config(self) -> Path:
        """The RunConfig, written once."""
        return self.directory / "config.json"

    @property
    def record(self) -> Path:
        """Status, owner, times, versions, data fingerprint, error."""
        return self.directory / "run.json"

    @property
    def metrics(self) -> Path:
        """One JSON object an epoch and split."""
        return self.directory / "metrics.jsonl"

    @property
    def predictions(self) -> Path:
        """One row an example of validation and test."""
        return self.directory / "predictions.parquet"

    @property
    def tokenizer(self) -> Path:
        """The vocabulary a text run read with."""
        return self.directory / "tokenizer.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of the two latest generations and of the final and the best weights."""
        return self.directory / "checkpoints"

    @property
    def summary(self) -> Path:
        """Final numbers, written last: its presence means that the run is complete."""
        return self.directory / "summary.json"

    @property
    def factor(self) -> Path:
        """The rule's factor at every step, of a published run; others have it in their traces."""
        return self.directory / "factor.npz"

    def trace(self, epoch: int) -> Path:
        """The readings of every step of an epoch, counted from 1."""
        return self.directory / f"trace-{epoch:04d}.npz"

    def weights(self, which: str) -> Path:
        """The model's weights after the last epoch (``"last"``) or the best on validation (``"best"``)."""
        return self.checkpoints / f"{which}.pt"

    @property
    def complete(self) -> bool:
        """Whether the run has finished."""
        return self.summary.is_file()


def default_root() -> Path:
    """``UNCERTLR_RUNS``, else runs/ in the project's checkout, else runs/ in the working directory."""
    return Path(os.environ.get("UNCERTLR_RUNS") or project_folder() / "runs")


def project_folder() -> Path:
    """The checkout that this package lies in, or the working directory where it was installed without one."""
    checkout = Path(__file__).resolve().parents[1]
    return checkout if (checkout / "_config.yml").is_file() else Path.cwd()


def paths_of(config: RunConfig) -> RunPaths:
    """Where a configuration's run lies, whether it exists or not."""
    return RunPaths(Path(config.root) if config.root else default_root(), config.run_id)


@contextmanager
def claimed(paths: RunPaths, *, wait: bool = False) -> Iterator[None]:
    """Hold a run's folder: nobody else trains in it meanwhile. A dead owner's claim is void.

    Args:
        paths: the run.
        wait: for a live process that holds it, until that has ended.

    Raises:
        RunError: another live process holds it, the folder cannot be written, or its files lie elsewhere.
    """
    try:
        paths.checkpoints.mkdir(parents=True, exist_ok=True)
        refuse_links(paths)
        lock = filelock.FileLock(paths.lock, timeout=-1 if wait else 0)
        lock.acquire(poll_interval=0.5)
    except filelock.Timeout:
        owner = read_json(paths.record).get("owner", {}) if paths.record.is_file() else {}
        raise RunError(
            f"run {paths.run_id} is being trained by process {owner.get('pid', '?')} on {owner.get('host', '?')}; "
            "wait for it, or stop it: its last checkpoint is kept"
        ) from None
    except OSError as error:
        raise RunError(f"cannot write to {paths.directory}: {error.strerror}; choose another root") from error
    try:
        remove_unfinished(paths.directory, paths.checkpoints)
        yield
    finally:
        lock.release()


def refuse_links(paths: RunPaths) -> None:
    """See that all of a run lies in its own folder.

    Raises:
        RunError: the folder, or something in it, is a link.
    """
    for path in (paths.directory, *paths.directory.rglob("*")):
        if path.is_symlink():
            raise RunError(f"{path} is a link to {path.readlink()}; a run's files lie in its own folder: copy them there")


@dataclass(frozen=True)
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

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """A row an epoch and split; read once, since a finished run does not change."""
        return read_metrics(self.paths)

    @cached_property
    def validation(self) -> "pd.DataFrame":
        """A row an epoch: scores on validation, and the seconds of training that it took to get there."""
        return self.metrics[self.metrics["split"] == "val"]

    @property
    def trace(self) -> Arrays:
        """The readings of every step, all epochs joined; thinned in a published run."""
        return read_trace(self.paths)

    @property
    def predictions(self) -> "pd.DataFrame | None":
        """A row an example of validation and test; None in a published run that carries none."""
        return read_predictions(self.paths) if self.paths.predictions.is_file() else None


def load_run(paths: RunPaths) -> Run:
    """Read a complete run, trusting nothing that its folder holds.

    Raises:
        RunError: it is not complete or damaged, or its files lie elsewhere.
        StaleResults: another version of the library made it.
    """
    if not paths.complete:
        raise RunError(f"run {paths.run_id} is not complete in {paths.root}; run(config) trains or resumes it")
    refuse_links(paths)
    summary = checked(paths.summary, read_json(paths.summary), Summary)
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
    return checked(paths.record, read_json(paths.record), Record)


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
    """A row an epoch and split.

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
    """A row an example of validation and test.

    Raises:
        RunError: the file is damaged.
    """
    import pandas as pd

    try:
        return pd.read_parquet(paths.predictions)
    except (ValueError, OSError) as error:  # pyarrow's errors are either
        raise RunError(f"{paths.predictions} is damaged ({error}); remove the run's folder and run again") from error


def read_trace(paths: RunPaths) -> Arrays:
    """The readings of every step, all epochs joined.

    Raises:
        RunError: a file is damaged, or there is none.
    """
    epochs = [load_arrays(path) for path in sorted(paths.directory.glob("trace-*.npz"))]
    if not epochs:
        raise RunError(f"{paths.directory} holds no trace; remove the run's folder and run again")
    return {name: np.concatenate([epoch[name] for epoch in epochs]) for name in epochs[0]}
