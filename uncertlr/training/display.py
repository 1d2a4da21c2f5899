"""What shows a run while it is carried out: lines of text, or a bar in a terminal or in a notebook that shows widgets."""

import importlib.util
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from uncertlr.config import RunConfig
from uncertlr.runs.files import Arrays
from uncertlr.runs.naming import differing, listed
from uncertlr.runs.paths import RunPaths
from uncertlr.runs.progress import Progress, clock, progress_line
from uncertlr.runs.schema import Row
from uncertlr.training.progress import Callback


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
    """Seconds after which a phase other than training gets a line."""

    LONGEST_PAUSE = 30.0
    """Seconds between two lines after which another says that the run still goes on."""

    def __init__(self, write: Callable[[str], None] = lambda line: print(line, flush=True)) -> None:
        self.write = write
        self.phase, self.since, self.last = "", time.perf_counter(), time.perf_counter()

    def loaded(self, config: RunConfig, paths: RunPaths) -> None:
        """A line."""
        self.write(f"loaded {run_line(config)}")

    def begin(self, config: RunConfig, paths: RunPaths, resumed: int) -> None:
        """A line that says what is trained, and from where it goes on."""
        self.epochs = config.epochs
        self._line(begin_line(config, resumed))

    def progress(self, progress: Progress) -> None:
        """A line if it takes long."""
        now = time.perf_counter()
        if progress.phase != self.phase:
            self.phase, self.since = progress.phase, now
        slow = progress.phase != "training" and self.last <= self.since and now - self.since > self.PATIENCE
        if slow or now - self.last > self.LONGEST_PAUSE:
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
        self.write(line)


class Bar(Callback):
    """Method, epoch, step, loss and time left, drawn by tqdm.

    Args:
        notebook: draw a widget in place of characters.
    """

    def __init__(self, notebook: bool = False) -> None:
        self.notebook = notebook
        self.bar: Any = None
        self.begun = False

    def loaded(self, config: RunConfig, paths: RunPaths) -> None:
        """A line, no bar."""
        self._write(f"loaded {run_line(config)}")

    def begin(self, config: RunConfig, paths: RunPaths, resumed: int) -> None:
        """A line that says what is trained, and from where it goes on."""
        self.begun = True
        self._write(begin_line(config, resumed))

    def progress(self, progress: Progress) -> None:
        """Where the run is."""
        if self.bar is None:
            self.bar = self._new(progress)
        if progress.phase == "training":
            self._set_total(progress.epochs * progress.steps)
            self.bar.n = (progress.epoch - 1) * progress.steps + progress.step
        self._draw(progress_line(progress))

    def epoch(self, train: Row, val: Row, trace: Arrays) -> None:
        """Its scores."""
        if self.bar is not None:
            self._draw(f"epoch {val['epoch']}, val loss {val['loss']:.3f}, accuracy {val['accuracy']:.3f}")

    def end(self, error: BaseException | None) -> None:
        """The bar stays, full unless something stopped it; where that was before training, it is gone."""
        if self.bar is not None:
            self.bar.leave = self.begun
            self.bar.n = self.bar.total if error is None else self.bar.n
            elapsed = clock(self.bar.format_dict["elapsed"])
            self._draw(f"done in {elapsed}" if error is None else f"stopped after {elapsed}")
            self.bar.close()

    def _new(self, progress: Progress) -> Any:
        options: Any = {"total": 1, "desc": progress.title}
        if not self.notebook:
            width = shutil.get_terminal_size().columns - 1
            # without a number of rows tqdm draws nothing in a terminal of unknown size
            return tqdm(**options, ncols=width, nrows=20, bar_format="{desc} |{bar:12}|")
        from tqdm.notebook import tqdm as widget

        return widget(**options)

    def _set_total(self, total: int) -> None:
        self.bar.total = total
        if self.notebook:
            _, drawn, _ = self.bar.container.children
            drawn.max = total

    def _draw(self, text: str) -> None:
        escaped = text.replace("{", "{{").replace("}", "}}")
        if self.notebook:
            self.bar.bar_format = f"{{desc}} {{bar}} {escaped}"
        else:
            self.bar.ncols = shutil.get_terminal_size().columns - 1
            self.bar.bar_format = f"{{desc}} |{{bar:12}}| {escaped}"
        self.bar.refresh()

    def _write(self, line: str) -> None:
        if self.bar is not None and not self.notebook:
            self.bar.clear()  # the line goes above the bar
        print(line, file=sys.stdout if self.notebook else sys.stderr, flush=True)


def _kernel() -> Any:
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None)


def in_notebook() -> bool:
    """Whether this code runs in a notebook's kernel."""
    return _kernel() is not None


def is_watched() -> bool:
    """Whether this code was started from a cell of a front end; papermill's cells carry no id."""
    return in_notebook() and ("google.colab" in sys.modules or "cellId" in _kernel().get_parent("shell").get("metadata", {}))


def shows_widgets() -> bool:
    """Whether this code was started from a cell of a front end that shows widgets."""
    return is_watched() and importlib.util.find_spec("ipywidgets") is not None


def bar() -> Bar | None:
    """A bar where one can be drawn."""
    if shows_widgets():
        return Bar(notebook=True)
    return Bar() if sys.stderr.isatty() else None


def display_of(config: RunConfig) -> list[Callback]:
    """The callback that ``config.progress`` asks for: ``auto`` is a bar where one can be drawn, else text."""
    if config.progress == "quiet":
        return []
    drawn = bar() if config.progress in ("auto", "bar") else None
    return [drawn or Text()]
