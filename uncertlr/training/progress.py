"""What a run tells while it is carried out. Whoever wants to know gives a `Callback`; bars are drawn elsewhere."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from uncertlr.config import RunConfig
from uncertlr.runs.files import Arrays
from uncertlr.runs.naming import differing, listed
from uncertlr.runs.paths import RunPaths
from uncertlr.runs.progress import Progress, progress_line, write_progress
from uncertlr.runs.schema import Row

INTERVAL = 0.5
"""Seconds between two reports of steps: reading the loss waits for the device."""


class Callback:
    """Is told what a run does; a method that is not overridden does nothing.

    What a method raises ends the run as an interrupt would: the last checkpoint is kept.
    """

    def loaded(self, config: RunConfig, paths: RunPaths) -> None:
        """The run was finished before; nothing else follows."""

    def begin(self, config: RunConfig, paths: RunPaths, resumed: int) -> None:
        """Training begins; `resumed` epochs were done before."""

    def progress(self, progress: Progress) -> None:
        """The run does something else, or half a second has passed."""

    def epoch(self, train: Row, val: Row, trace: Arrays) -> None:
        """An epoch has ended: its rows of metrics, and what was observed at each of its steps."""

    def end(self, error: BaseException | None) -> None:
        """The run has ended, by an error or an interrupt if there is one."""


class Reporter:
    """Tells callbacks what one run does, and how long it will take.

    Args:
        config: the run.
        callbacks: whom to tell.
        interval: seconds between two reports of steps.
    """

    def __init__(self, config: RunConfig, callbacks: Sequence[Callback] = (), interval: float | None = None) -> None:
        self.config, self.callbacks = config, tuple(callbacks)
        self.interval = INTERVAL if interval is None else interval
        self.state = Progress(config.run_id, epochs=config.epochs)
        self.began = time.perf_counter()
        self.told = -math.inf
        self.training_began, self.steps_before = 0.0, 0
        self.seconds_per_example, self.examples_to_evaluate, self.trained = 0.0, 0, False

    @property
    def where(self) -> str:
        """How far the run has come, to be said when it is interrupted."""
        return f"at epoch {self.state.epoch} of {self.state.epochs}" if self.state.epoch else f"while {self.state.phase}"

    def loaded(self, paths: RunPaths) -> None:
        """The run was finished before."""
        for callback in self.callbacks:
            callback.loaded(self.config, paths)

    def begin(self, paths: RunPaths, resumed: int, steps: int, examples_to_evaluate: int) -> None:
        """Training begins.

        Args:
            paths: where the run lies.
            resumed: epochs that were done before.
            steps: of an epoch.
            examples_to_evaluate: after the last epoch.
        """
        self.training_began, self.steps_before = time.perf_counter(), resumed * steps
        self.examples_to_evaluate = examples_to_evaluate
        self.state = replace(self.state, epoch=resumed, steps=steps)
        for callback in self.callbacks:
            callback.begin(self.config, paths, resumed)

    def enter(self, epoch: int) -> None:
        """An epoch begins."""
        self.state = replace(self.state, epoch=epoch)

    def phase(self, phase: str, steps: int = 0, step: int = 0) -> None:
        """The run does something else than train; told at once when it begins, then now and then."""
        if phase != self.state.phase and self.trained:
            self.examples_to_evaluate -= self.state.steps if self.state.phase != "validating" else 0
        if phase != self.state.phase or self._due():
            self._tell(
                phase=phase,
                steps=steps,
                step=step,
                left=self._finishing(step) if self.trained else self._left(self.state.epoch, 0, 0),
            )

    def step(self, epoch: int, step: int, steps: int, loss: Tensor) -> None:
        """A step of training is done, the one after `step` others of its epoch; `loss` is 0-dim, on any device."""
        if self.callbacks and self._due():
            left = self._left(epoch - 1, step + 1, steps)
            self._tell(phase="training", epoch=epoch, step=step + 1, steps=steps, loss=float(loss), left=left)

    def epoch(self, train: Row, val: Row, trace: Arrays, examples: int) -> None:
        """An epoch has ended; validation had so many examples."""
        self.seconds_per_example, self.trained = val["seconds"] / examples, val["epoch"] == self.config.epochs
        self.state = replace(self.state, epoch=val["epoch"], loss=train["loss"])
        for callback in self.callbacks:
            callback.epoch(train, val, trace)

    def end(self, error: BaseException | None = None) -> None:
        """The run has ended."""
        for callback in self.callbacks:
            callback.end(error)

    def _due(self) -> bool:
        return time.perf_counter() - self.told >= self.interval

    def _tell(self, **changes: Any) -> None:
        self.told = time.perf_counter()
        self.state = replace(self.state, **changes, seconds=self.told - self.began)
        for callback in self.callbacks:
            callback.progress(self.state)

    def _left(self, epochs: int, step: int, steps: int) -> float | None:
        """Seconds until the end, after so many epochs and steps of the next one; None before the first step."""
        steps = steps or self.state.steps
        done = epochs * steps + step - self.steps_before
        if done <= 0 or not self.training_began:
            return None
        per_step = (time.perf_counter() - self.training_began) / done
        return per_step * (self.config.epochs * steps - epochs * steps - step) + self._finishing(0)

    def _finishing(self, done: int) -> float:
        """Seconds of the evaluation after the last epoch, when so many examples of its present part are done."""
        return self.seconds_per_example * (self.examples_to_evaluate - done)


class ProgressFile(Callback):
    """Keeps where a run is in its folder while it is trained, for those who watch from another process."""

    def __init__(self) -> None:
        self.path: Path | None = None

    def begin(self, config: RunConfig, paths: RunPaths, resumed: int) -> None:
        """Remember the folder."""
        self.path = paths.progress

    def progress(self, progress: Progress) -> None:
        """Write it."""
        if self.path is not None:
            write_progress(self.path, progress)

    def end(self, error: BaseException | None) -> None:
        """Leave nothing behind."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def run_line(config: RunConfig) -> str:
    """A run's name, and the settings in which it differs from the usual run on its data.

    >>> run_line(RunConfig(dataset="cifar10", augment=True, rule="threshold", threshold=0.9))
    'cifar10-threshold-s0-75e6d0b1da16 (threshold=0.9)'
    """
    settings = listed(differing(config))
    return f"{config.run_id} ({settings})" if settings else config.run_id


def begin_line(config: RunConfig, resumed: int) -> str:
    """What is trained, and from where."""
    where = f", continues after epoch {resumed} of {config.epochs}" if resumed else ""
    return f"training {run_line(config)}{where}"


class Text(Callback):
    """A printed line for each epoch, and for anything else that takes long."""

    PATIENCE = 2.0
    """Seconds after which a phase other than training is told."""

    SILENCE = 30.0
    """Seconds after which a line says that the run still goes on."""

    def __init__(self, tell: Callable[[str], None] = lambda line: print(line, flush=True)) -> None:
        self.tell = tell
        self.phase, self.since, self.last = "", time.perf_counter(), time.perf_counter()

    def loaded(self, config: RunConfig, paths: RunPaths) -> None:
        """Say so."""
        self.tell(f"loaded {run_line(config)}")

    def begin(self, config: RunConfig, paths: RunPaths, resumed: int) -> None:
        """Say what is trained, and from where it goes on."""
        self.epochs = config.epochs
        self._line(begin_line(config, resumed))

    def progress(self, progress: Progress) -> None:
        """A line if it takes long."""
        now = time.perf_counter()
        if progress.phase != self.phase:
            self.phase, self.since = progress.phase, now
        slow = progress.phase != "training" and self.last <= self.since and now - self.since > self.PATIENCE
        if slow or now - self.last > self.SILENCE:
            self._line(progress_line(progress))

    def epoch(self, train: Row, val: Row, trace: Arrays) -> None:
        """Its scores."""
        width = len(str(self.epochs))
        self._line(
            f"epoch {val['epoch']:{width}d}/{self.epochs}  loss {train['loss']:.4f}  val loss {val['loss']:.4f}  "
            f"val accuracy {val['accuracy']:.4f}  rate {train['learning_rate']:.2e}  {train['seconds']:.1f} s"
        )

    def _line(self, line: str) -> None:
        self.last = time.perf_counter()
        self.tell(line)


Display = Callable[[], Callback | None]
"""Makes the callback that draws a run; None where it cannot draw, as a bar outside a terminal and a notebook."""

_displays: dict[str, Display] = {}


def register_display(style: str, display: Display) -> None:
    """Let ``progress=style`` of a configuration draw in this way; the packages above this one draw."""
    _displays[style] = display


def display_of(config: RunConfig) -> list[Callback]:
    """The callback that ``config.progress`` asks for: ``auto`` is a bar where one can be drawn, else text."""
    if config.progress == "quiet":
        return []
    drawn = _displays["bar"]() if config.progress in ("auto", "bar") and "bar" in _displays else None
    return [drawn or Text()]
