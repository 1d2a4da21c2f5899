"""A bar for one run: in a terminal, or in a notebook whose front end shows widgets."""

import importlib.util
import shutil
import sys
from typing import Any

from tqdm import tqdm

from uncertlr.config import RunConfig, shown_name
from uncertlr.runs.files import Arrays
from uncertlr.runs.paths import RunPaths
from uncertlr.runs.progress import Progress, clock, progress_line
from uncertlr.runs.schema import Row
from uncertlr.training.progress import Callback, begin_line, register_display, run_line


class Bar(Callback):
    """Method, epoch, step, loss and time left, drawn by tqdm.

    Args:
        notebook: draw a widget in place of characters.
    """

    def __init__(self, notebook: bool = False) -> None:
        self.notebook = notebook
        self.bar: Any = None

    def loaded(self, config: RunConfig, paths: RunPaths) -> None:
        """A line, no bar."""
        self._write(f"loaded {run_line(config)}")

    def begin(self, config: RunConfig, paths: RunPaths, resumed: int) -> None:
        """A line that says what is trained, and from where it goes on."""
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
        """The bar stays, full unless something stopped it."""
        if self.bar is not None:
            self.bar.n = self.bar.total if error is None else self.bar.n
            elapsed = clock(self.bar.format_dict["elapsed"])
            self._draw(f"done in {elapsed}" if error is None else f"stopped after {elapsed}")
            self.bar.close()

    def _new(self, progress: Progress) -> Any:
        options: Any = {"total": 1, "desc": _label(progress.run_id)}
        if not self.notebook:
            width = shutil.get_terminal_size().columns - 1
            # without a number of rows tqdm draws nothing in a terminal that does not tell its size
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
        print(line, file=sys.stdout if self.notebook else sys.stderr, flush=True)


def shows_widgets() -> bool:
    """Whether this code was started from a cell of a front end that shows widgets; papermill's cells carry no id."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None or importlib.util.find_spec("ipywidgets") is None:
        return False
    return "google.colab" in sys.modules or "cellId" in kernel.get_parent("shell").get("metadata", {})


def _label(run_id: str) -> str:
    dataset, rule, seed, _ = run_id.rsplit("-", 3)
    return f"{dataset} {shown_name(rule)} {seed}"


def bar() -> Bar | None:
    """A bar where one can be drawn."""
    if shows_widgets():
        return Bar(notebook=True)
    return Bar() if sys.stderr.isatty() else None


register_display("bar", bar)
