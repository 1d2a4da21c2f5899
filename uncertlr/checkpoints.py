"""What a run writes while it trains, and how it finds its way back to the last good epoch."""

import hashlib
import json
from pathlib import Path
from typing import Any

from uncertlr.files import load_state, read_json, save_state, write_atomically, write_json
from uncertlr.runs import RunPaths

GENERATIONS = 2


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


def _generation(paths: RunPaths, epoch: int) -> tuple[Path, Path]:
    name = f"epoch-{epoch:04d}"
    return paths.checkpoints / f"{name}.pt", paths.checkpoints / f"{name}.json"


def _epoch_of(row: str) -> float:
    try:
        return float(json.loads(row)["epoch"])
    except (ValueError, KeyError):
        return float("inf")  # a line cut short by a crash
