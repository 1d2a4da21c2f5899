"""How long one waits for the command line's help, and for the library's import beyond torch's."""

import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.costs.clock import CLOCKS, Effort, in_turn, seconds_row

IMPORTS = {
    "import uncertlr": "import torch, uncertlr",
    "import uncertlr.schedulers": "import torch, uncertlr.schedulers",
    "import uncertlr.training": "import torch, uncertlr.training",
}


def measure(effort: Effort) -> dict[str, Any]:
    """Rows of seconds on the wall."""
    command = Path(sys.executable).with_name("uncertlr")
    if not command.is_file():
        raise FileNotFoundError(f"the command uncertlr is not beside {sys.executable}: install the project first")
    tasks = {"help": _process(str(command), "--help"), "torch": _process(sys.executable, "-c", "import torch")}
    tasks |= {name: _process(sys.executable, "-c", code) for name, code in IMPORTS.items()}
    laps = in_turn(tasks, effort.rounds(9), warm_up=1)
    rows = [seconds_row("uncertlr --help", laps["help"], at_most=0.5)]
    for name in IMPORTS:
        beyond = [tuple(a - b for a, b in zip(*pair, strict=True)) for pair in zip(laps[name], laps["torch"], strict=True)]
        target = 0.1 if name == "import uncertlr" else None
        rows.append(seconds_row(f"{name}, beyond the import of torch", beyond, at_most=target))
    torch_seconds = {
        clock: statistics.median(values) for clock, values in zip(CLOCKS, zip(*laps["torch"], strict=True), strict=True)
    }
    return {"rows": rows, "times": {}, "import torch": torch_seconds}


def _process(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
