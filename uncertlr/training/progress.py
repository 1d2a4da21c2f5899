"""What a run reports while it is carried out, to callbacks and to a file in its folder."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uncertlr.config import RunConfig, shown_name
from uncertlr.runs.files import Arrays
from uncertlr.runs.paths import RunPaths
from uncertlr.runs.progress import Progress, write_progress
from uncertlr.runs.schema import Row

if TYPE_CHECKING:
    import torch

INTERVAL = 0.5
"""Seconds between two reports of steps: reading the loss waits for the device."""


class Callback:
    """Receives what a run does; a method that is not overridden does nothing.

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
    """Reports to callbacks what one run does, and how long it will take.

    Args:
        config: the run.
        callbacks: that receive it.
        interval: seconds between two reports of steps.
    """

    def __init__(self, config: RunConfig, callbacks: Sequence[Callback] = (), interval: float | None = None) -> None:
        self.config, self.callbacks = config, tuple(callbacks)
        self.interval = INTERVAL if interval is None else interval
        title = f"{Path(config.dataset).name} {shown_name(config.rule)} s{config.seed}"
        self.state = Progress(config.run_id, epochs=config.epochs, title=title)
        self.began = time.perf_counter()
        self.last_report = -math.inf
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
        """The run does something else than train; reported at once when it begins, then every `interval` seconds."""
        if phase != self.state.phase and self.trained:
            self.examples_to_evaluate -= self.state.steps if self.state.phase != "validating" else 0
        if phase != self.state.phase or self._due():
            self._report(
                phase=phase,
                steps=steps,
                step=step,
                left=self._finishing(step) if self.trained else self._left(self.state.epoch, 0, 0),
            )

    def step(self, epoch: int, step: int, steps: int, loss: "torch.Tensor") -> None:
        """A step of training is done, the one after `step` others of its epoch; `loss` is 0-dim, on any device."""
        if self.callbacks and self._due():
            left = self._left(epoch - 1, step + 1, steps)
            self._report(phase="training", epoch=epoch, step=step + 1, steps=steps, loss=float(loss), left=left)

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
        return time.perf_counter() - self.last_report >= self.interval

    def _report(self, **changes: Any) -> None:
        self.last_report = time.perf_counter()
        self.state = replace(self.state, **changes, seconds=self.last_report - self.began)
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
