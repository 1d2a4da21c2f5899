"""Processor seconds from the first cell of each notebook to its first result: what a reader waits for, imports above all.

    python -m benchmarks.first_result [--repeats 5] [NAME ...]

Each notebook is run in new processes until it prints or shows something. Processor time is measured, so that what else the
machine does counts little; the median and the range of the repeats are printed, and what ``import torch`` takes alone.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence

from uncertlr.book.build import NOTEBOOKS
from uncertlr.runs.paths import project_folder

TARGET = 3.0
"""Seconds."""

UP_TO_FIRST_RESULT = """
import json, os, sys, time
from IPython.core.interactiveshell import InteractiveShell


class FirstResult:
    encoding = "utf-8"

    def write(self, text):
        if text.strip():
            os.write(3, str(time.process_time() - began).encode())
            os._exit(0)

    def flush(self):
        pass


shell, cells = InteractiveShell.instance(), json.loads(sys.stdin.read())
os.dup2(1, 3)
sys.stdout = FirstResult()
began = time.process_time()
for cell in cells:
    shell.run_cell(cell, store_history=True).raise_error()
"""


def first_result(cells: Sequence[str]) -> float:
    """Processor seconds of the cells up to the first that shows something, in a new process."""
    command = [sys.executable, "-c", UP_TO_FIRST_RESULT]
    done = subprocess.run(command, input=json.dumps(cells), capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def code_cells(name: str) -> list[str]:
    """The code of a notebook."""
    notebook = json.loads((project_folder() / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each notebook."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="notebooks; all if none is named")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    measured = {"import torch": ["import torch", "print('done')"]}
    measured |= {name: code_cells(name) for name in options.names or sorted(NOTEBOOKS)}
    for name, cells in measured.items():
        seconds = [first_result(cells) for _ in range(options.repeats)]
        median = statistics.median(seconds)
        missed = "" if median <= TARGET else f"  above {TARGET:g} s"
        print(f"{name:20} {median:5.2f} s ({min(seconds):.2f} to {max(seconds):.2f}){missed}", flush=True)


if __name__ == "__main__":
    main()
