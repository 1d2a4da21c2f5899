"""A finished run's learning rates as a schedule file, so that another training can follow them without any feedback."""

import importlib.metadata
import json
from pathlib import Path

from uncertlr.errors import ConfigError
from uncertlr.runs.files import write_atomically
from uncertlr.runs.store import Run, whole_trace
from uncertlr.schedulers import SCHEDULES
from uncertlr.schedulers.recorded import FORMAT


def multipliers(run: Run) -> list[float]:
    """What the run's initial rate was multiplied by at each step: its schedule times its rule's factor.

    Args:
        run: finished, with the whole trace of its factors; a published trial has none.
    """
    factors = whole_trace(run)["factor"].tolist()
    schedule = SCHEDULES[run.config.schedule](len(factors))
    return [schedule(step) * factor for step, factor in enumerate(factors)]


def save_schedule(run: Run, path: Path) -> None:
    """Write a run's learning rates as a file for `uncertlr.schedulers.load_schedule`.

    Args:
        run: finished, with the whole trace of its factors; a published trial has none.
        path: a new JSON file.

    Raises:
        ConfigError: the file exists, or cannot be written.
        RunError: the run has no whole trace.
    """
    if path.exists():
        raise ConfigError(f"{path} exists; choose another file, so that nothing is overwritten")
    curve = multipliers(run)
    source = {
        "run_id": run.config.run_id,
        "steps": len(curve),
        "initial_learning_rate": run.config.learning_rate,
        "config": run.config.identity,
        "data": run.record["data"],
        "uncertlr": importlib.metadata.version("uncertlr"),
    }
    try:
        write_atomically(path, (json.dumps({**FORMAT, "source": source, "multipliers": curve}) + "\n").encode())
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from None
