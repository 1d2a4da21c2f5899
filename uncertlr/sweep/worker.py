"""One run of a sweep, on a worker."""

import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from uncertlr.config import RunConfig
from uncertlr.errors import UncertlrError
from uncertlr.runs.paths import paths_of
from uncertlr.runs.progress import Progress, write_progress
from uncertlr.sweep.notebook import execute_notebook, executed_notebook
from uncertlr.training.run import run
from uncertlr.training.tensorboard import TensorBoard

_one_at_a_time = threading.Lock()  # runs of one process would share torch's random stream and settings


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
        run_id: the run.
        seconds: what it took.
        error: why it failed; empty if it did not.
    """

    run_id: str
    seconds: float
    error: str = ""


def carry_out(config: RunConfig, notebook: Path | None, tensorboard: Path | None = None) -> Outcome:
    """One run, on a worker; what goes wrong is returned, not raised, so that the others go on.

    Another process may be at the same run, such as a worker whose sweep was killed: it is waited for.
    """
    started, error = time.perf_counter(), ""
    try:
        with _one_at_a_time:
            run(config, wait=True, callbacks=[TensorBoard(tensorboard)] if tensorboard else [])
            if notebook:
                _execute(config, notebook, started)
    except UncertlrError as problem:
        error = str(problem)
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    return Outcome(config.run_id, time.perf_counter() - started, error)


def _execute(config: RunConfig, notebook: Path, started: float) -> None:
    """Execute a notebook beside its run, whose progress says so meanwhile."""
    from jupyter_core.utils import ensure_event_loop

    path = paths_of(config).progress
    write_progress(path, Progress(config.run_id, "executing the notebook", seconds=time.perf_counter() - started))
    try:
        with closing(ensure_event_loop()):  # papermill leaves the loop of a worker's thread open
            execute_notebook(notebook, executed_notebook(config), config.model_dump())
    finally:
        path.unlink(missing_ok=True)
