"""What a run leaves on disk: where it lies, who holds it, and how it is read back."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np

from uncertlr.config import RESULT_VERSION, RunConfig
from uncertlr.errors import RunError, StaleResults
from uncertlr.files import Arrays, read_json

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
def claimed(paths: RunPaths) -> Iterator[None]:
    """Hold a run's folder: nobody else trains in it meanwhile. A dead owner's claim is void.

    Raises:
        RunError: another live process holds it, or the folder cannot be written.
    """
    try:
        paths.checkpoints.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(paths.lock, timeout=0)
        lock.acquire()
    except filelock.Timeout:
        owner = read_json(paths.record).get("owner", {}) if paths.record.is_file() else {}
        raise RunError(
            f"run {paths.run_id} is being trained by process {owner.get('pid', '?')} on {owner.get('host', '?')}; "
            "wait for it, or stop it: its last checkpoint is kept"
        ) from None
    except OSError as error:
        raise RunError(f"cannot write to {paths.directory}: {error.strerror}; choose another root") from error
    try:
        yield
    finally:
        lock.release()


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

    @property
    def metrics(self) -> "pd.DataFrame":
        """A row an epoch and split."""
        return read_metrics(self.paths)

    @property
    def trace(self) -> Arrays:
        """The readings of every step, all epochs joined; thinned in a published run."""
        return read_trace(self.paths)

    @property
    def predictions(self) -> "pd.DataFrame | None":
        """A row an example of validation and test; None in a published run that carries none."""
        import pandas as pd

        return pd.read_parquet(self.paths.predictions) if self.paths.predictions.is_file() else None


def load_run(paths: RunPaths) -> Run:
    """Read a complete run.

    Raises:
        RunError: it is not complete, or damaged.
        StaleResults: another version of the library made it.
    """
    if not paths.complete:
        raise RunError(f"run {paths.run_id} is not complete in {paths.root}; run(config) trains or resumes it")
    summary = read_json(paths.summary)
    if (version := summary.get("result_version")) != RESULT_VERSION:
        raise StaleResults(
            f"{paths.directory} holds results of version {version}, but this library makes version {RESULT_VERSION}; "
            "remove the folder and run it again"
        )
    return Run(paths, RunConfig(**read_json(paths.config)), read_json(paths.record), summary)


def read_metrics(paths: RunPaths) -> "pd.DataFrame":
    """A row an epoch and split."""
    import pandas as pd

    return pd.DataFrame([json.loads(line) for line in paths.metrics.read_text(encoding="utf-8").splitlines()])


def read_trace(paths: RunPaths) -> Arrays:
    """The readings of every step, all epochs joined."""
    epochs = []
    for path in sorted(paths.directory.glob("trace-*.npz")):
        with np.load(path) as arrays:
            epochs.append(dict(arrays))
    return {name: np.concatenate([epoch[name] for epoch in epochs]) for name in epochs[0]}
