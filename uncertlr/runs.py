"""What a run leaves on disk, and how it is claimed, written and read back."""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np

from uncertlr.config import RunConfig
from uncertlr.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

GENERATIONS = 2
Arrays = dict[str, np.ndarray]


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


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash at any moment, finds the old content or the new, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically."""
    write_atomically(path, (json.dumps(value, indent=1) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RunError: the file is not one.
    """
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}); remove the run's folder and run again") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is damaged (not an object); remove the run's folder and run again")
    return value


def append_metrics(paths: RunPaths, rows: list[dict[str, Any]]) -> None:
    """Add an epoch's rows."""
    with paths.metrics.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))


def rewind(paths: RunPaths, epoch: int) -> None:
    """Forget what was written after an epoch's end: metrics, traces and checkpoints that the run will write again."""
    rows = paths.metrics.read_text(encoding="utf-8").splitlines() if paths.metrics.is_file() else []
    kept = [row for row in rows if _epoch_of(row) <= epoch]
    write_atomically(paths.metrics, "".join(row + "\n" for row in kept).encode())
    for trace in paths.directory.glob("trace-*.npz"):
        if int(trace.stem.removeprefix("trace-")) > epoch:
            trace.unlink()
    for later in range(epoch + 1, epoch + 1 + GENERATIONS):
        for file in _generation(paths, later):
            file.unlink(missing_ok=True)


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write named arrays, atomically."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def save_state(path: Path, state: dict[str, Any]) -> str:
    """Write tensors and plain values as torch does, atomically.

    Returns:
        The SHA-256 of the file.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote; nothing but tensors and plain values is unpickled."""
    import torch

    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def save_checkpoint(paths: RunPaths, epoch: int, state: dict[str, Any]) -> None:
    """Write an epoch's checkpoint, then its checksum, then drop the generation that is no longer needed."""
    file, checksum = _generation(paths, epoch)
    digest = save_state(file, state)
    write_json(checksum, {"epoch": epoch, "sha256": digest})
    for old in _generation(paths, epoch - GENERATIONS):
        old.unlink(missing_ok=True)


def load_checkpoint(paths: RunPaths) -> dict[str, Any] | None:
    """The newest checkpoint whose checksum holds, or None."""
    for checksum in sorted(paths.checkpoints.glob("epoch-*.json"), reverse=True):
        file = checksum.with_suffix(".pt")
        if file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == read_json(checksum).get("sha256"):
            return load_state(file)
    return None


def drop_checkpoints(paths: RunPaths) -> None:
    """Remove the generations of a run that is complete; its weights stay."""
    for file in paths.checkpoints.glob("epoch-*"):
        file.unlink()


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
    """
    if not paths.complete:
        raise RunError(f"run {paths.run_id} is not complete in {paths.root}; run(config) trains or resumes it")
    config = RunConfig(**read_json(paths.config))
    return Run(paths, config, read_json(paths.record), read_json(paths.summary))


def _generation(paths: RunPaths, epoch: int) -> tuple[Path, Path]:
    name = f"epoch-{epoch:04d}"
    return paths.checkpoints / f"{name}.pt", paths.checkpoints / f"{name}.json"


def _epoch_of(row: str) -> float:
    try:
        return float(json.loads(row)["epoch"])
    except (ValueError, KeyError):
        return float("inf")  # a line cut short by a crash
