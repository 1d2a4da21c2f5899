"""What a run writes while it trains, and how it finds its way back to the last good epoch."""

import json
import os
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from uncertlr.errors import RunError
from uncertlr.runs.files import load_arrays, load_state, read_json, save_state, sha256, write_atomically, write_json
from uncertlr.runs.paths import RunPaths

GENERATIONS = 2


def append_metrics(paths: RunPaths, rows: list[dict[str, Any]]) -> None:
    """Add an epoch's rows."""
    with paths.metrics.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))
        file.flush()
        os.fsync(file.fileno())  # a checkpoint, which comes after, must not outlive its rows


def rewind(paths: RunPaths, epoch: int) -> None:
    """Forget what was written after an epoch's end: metrics, traces and checkpoints that the run will write again."""
    rows = _lines(paths)
    kept = [row for row in rows if _epoch_of(row) <= epoch]
    write_atomically(paths.metrics, "".join(row + "\n" for row in kept).encode())
    for trace in paths.directory.glob("trace-*.npz"):
        if int(trace.stem.removeprefix("trace-")) > epoch:
            trace.unlink()
    for file in paths.checkpoints.glob("epoch-*"):
        if int(file.stem.removeprefix("epoch-")) > epoch:
            file.unlink()


def save_checkpoint(paths: RunPaths, epoch: int, state: dict[str, Any]) -> None:
    """Write an epoch's checkpoint, then its checksum, then drop the generation that is no longer needed."""
    file, checksum = _generation(paths, epoch)
    digest = save_state(file, state)
    write_json(checksum, {"epoch": epoch, "sha256": digest})
    for old in _generation(paths, epoch - GENERATIONS):
        old.unlink(missing_ok=True)


def load_checkpoint(paths: RunPaths) -> dict[str, Any] | None:
    """The newest checkpoint that is whole, with the metrics and traces up to it, or None.

    What is damaged is passed over, and a warning says so.
    """
    problems, state = [], None
    for checksum in sorted(paths.checkpoints.glob("epoch-*.json"), reverse=True):
        problem = _damage(paths, checksum)
        if not problem:
            state = load_state(checksum.with_suffix(".pt"))
            break
        problems.append(problem)
    if problems:
        since = f"after epoch {state['epoch']}" if state else "from the start"
        said = ", ".join(dict.fromkeys(problems))
        warnings.warn(f"run {paths.run_id} goes on {since}: damaged or lost {said}", UserWarning, stacklevel=2)
    return state


def _damage(paths: RunPaths, checksum: Path) -> str:
    """The file that keeps a generation from being used; empty if there is none."""
    file = checksum.with_suffix(".pt")
    try:
        if not file.is_file() or sha256(file) != read_json(checksum).get("sha256"):
            return file.name
    except RunError:
        return checksum.name
    epochs = range(1, int(file.stem.removeprefix("epoch-")) + 1)
    for epoch in epochs:
        try:
            load_arrays(paths.trace(epoch))
        except (RunError, FileNotFoundError):
            return paths.trace(epoch).name
    rows = _lines(paths)
    return "" if Counter(map(_epoch_of, rows)) >= Counter(dict.fromkeys(epochs, 2)) else paths.metrics.name


def drop_checkpoints(paths: RunPaths) -> None:
    """Remove the generations of a run that is complete; its weights stay."""
    for file in paths.checkpoints.glob("epoch-*"):
        file.unlink()


def _lines(paths: RunPaths) -> list[str]:
    """What the metrics file holds, even if it is damaged."""
    return paths.metrics.read_text(encoding="utf-8", errors="replace").splitlines() if paths.metrics.is_file() else []


def _generation(paths: RunPaths, epoch: int) -> tuple[Path, Path]:
    name = f"epoch-{epoch:04d}"
    return paths.checkpoints / f"{name}.pt", paths.checkpoints / f"{name}.json"


def _epoch_of(row: str) -> float:
    try:
        return float(json.loads(row)["epoch"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # a line cut short by a crash
