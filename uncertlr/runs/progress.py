"""Where a run is while it is trained: kept in its folder, for those who watch from another process."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from uncertlr.runs.files import write_json
from uncertlr.runs.paths import RunPaths


@dataclass(frozen=True)
class Progress:
    """Where a run is.

    Attributes:
        run_id: the run.
        phase: what it does, such as ``"training"``, ``"decoding"`` or ``"testing the last epoch"``.
        epoch: the epoch that is trained or was trained last, from 1; 0 before the first.
        epochs: of the run.
        step: steps of this epoch that are done; outside training what the phase has done of its `steps`: images, examples.
        steps: of this epoch, or of the phase.
        loss: of the training step; None before the first.
        seconds: since the run began or was resumed.
        left: estimated seconds until its end; None before there is anything to go by.
        title: data set, rule and seed, as a display shows them.
    """

    run_id: str
    phase: str = "starting"
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    seconds: float = 0.0
    left: float | None = None
    title: str = ""

    @property
    def share(self) -> float:
        """How much of the training is done, 0 to 1."""
        if self.phase != "training":
            return self.epoch / self.epochs if self.epochs else 0.0
        return (self.epoch - 1 + self.step / self.steps) / self.epochs


def write_progress(path: Path, progress: Progress) -> None:
    """Write where a run is; a loss that is not finite is left out."""
    finite = progress.loss is not None and math.isfinite(progress.loss)
    write_json(path, asdict(progress) | {"loss": progress.loss if finite else None}, durable=False)


def read_progress(runs: Iterable[RunPaths]) -> dict[str, Progress]:
    """Where those of some runs are that are being trained, or were when their process was killed, by run."""
    found = {}
    for paths in runs:
        try:
            found[paths.run_id] = Progress(**json.loads(paths.progress.read_bytes()))
        except (OSError, ValueError, TypeError):  # not running, or its folder is just being removed
            continue
    return found


def progress_line(progress: Progress) -> str:
    """One line that says where a run is.

    >>> progress_line(Progress("digits-none-s0-0", "training", 2, 5, 7, 21, 0.5, 10.0, 75.0))
    'epoch 2/5, step 7/21, loss 0.500, 01:15 left'
    >>> progress_line(Progress("digits-none-s0-0", "validating", 2, 5, 0, 144))
    'epoch 2/5, validating, 0/144'
    >>> progress_line(Progress("imdb-none-s0-0", "testing the last epoch", 2, 2, 512, 25000))
    'testing the last epoch, 512/25,000'
    """
    parts = []
    if progress.phase in ("training", "validating") and progress.epochs:
        parts.append(f"epoch {progress.epoch}/{progress.epochs}")
    if progress.phase == "training":
        parts.append(f"step {progress.step:,}/{progress.steps:,}")
    else:
        parts.append(progress.phase)
        if progress.steps:
            parts.append(f"{progress.step:,}/{progress.steps:,}")
    if progress.phase == "training" and progress.loss is not None:
        parts.append(f"loss {progress.loss:.3f}")
    if progress.left is not None:
        parts.append(f"{clock(progress.left)} left")
    return ", ".join(parts)


def clock(seconds: float) -> str:
    """A time as minutes and seconds, or hours, minutes and seconds.

    >>> clock(75.4), clock(7261)
    ('01:15', '2:01:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
