"""Where a run lies on disk, and which process holds it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from uncertlr.config import RunConfig
from uncertlr.errors import RunError
from uncertlr.runs.files import read_json, remove_unfinished


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
            name = self.run_id.rstrip("/").rpartition("/")[2]
            mend = f"; of a path take the last part, {name}, and the folder before it as root" if "/" in self.run_id else ""
            raise RunError(
                f"{self.run_id!r} is no name of a run: letters, digits, dots, dashes and underscores make one{mend}"
            )

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
    def progress(self) -> Path:
        """Where the run is, while it is trained; no part of what it leaves."""
        return self.directory / "progress.json"

    @property
    def metrics(self) -> Path:
        """One JSON object per epoch and split."""
        return self.directory / "metrics.jsonl"

    @property
    def predictions(self) -> Path:
        """One row per example of validation and test."""
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
        """What was observed at every step of an epoch, counted from 1."""
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
    return Path(os.environ.get("UNCERTLR_RUNS") or project_folder() / "runs").expanduser()


def project_folder() -> Path:
    """The checkout that this package lies in, or the working directory where it was installed without one."""
    checkout = Path(__file__).resolve().parents[2]
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
