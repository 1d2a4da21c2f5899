"""How long one waits for the command line's help, and for the library's import beyond torch's."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.costs.clock import Effort, in_turn, seconds_row

IMPORTS = ("uncertlr", "uncertlr.schedulers", "uncertlr.training")
CODE = """
import torch, time
before = time.process_time(), time.perf_counter()
import {module}
print(time.process_time() - before[0], time.perf_counter() - before[1])
"""


def measure(effort: Effort) -> dict[str, Any]:
    """Rows of seconds on the wall; an import is timed inside a fresh process that has imported torch already."""
    command = Path(sys.executable).with_name("uncertlr")
    if not command.is_file():
        raise FileNotFoundError(f"the command uncertlr is not beside {sys.executable}: install the project first")
    rounds = effort.rounds(9)
    laps = in_turn({"help": lambda: subprocess.run([command, "--help"], check=True, capture_output=True)}, rounds, warm_up=1)
    rows = [seconds_row("uncertlr --help", laps["help"], at_most=0.5)]
    for module in IMPORTS:
        target = 0.1 if module == "uncertlr" else None
        inside = [_seconds_inside(CODE.format(module=module)) for _ in range(rounds)]
        rows.append(seconds_row(f"import {module}, beyond the import of torch", inside, at_most=target))
    return {"rows": rows, "times": {}}


def _seconds_inside(code: str) -> tuple[float, float]:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    processor, wall = map(float, done.stdout.split())
    return processor, wall
