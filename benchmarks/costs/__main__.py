"""Measure what things cost, print the table, and write it where the chapter "What it costs" reads it.

python -m benchmarks.costs                       # everything, some ten minutes on a quiet machine
python -m benchmarks.costs step signal           # these groups anew; the file's others stay
python -m benchmarks.costs epoch trainers --whole   # whole epochs, once, into a file of their own; half an hour

Every group runs in a process of its own. Those that need other libraries run in the environment that
``python -m benchmarks.costs.peers`` makes.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from benchmarks.costs.clock import Effort
from benchmarks.costs.peers import interpreter, versions
from benchmarks.tables import FILE, FILE_OF_WHOLE_EPOCHS, GROUPS, costs_table, read_costs
from uncertlr.runs import provenance
from uncertlr.runs.archive import results_folder
from uncertlr.runs.files import write_json

WITH_PEERS = ("signal", "trainers", "bootstrap")


def main() -> None:
    """Measure the groups that were asked for, one after the other."""
    parser = argparse.ArgumentParser("benchmarks.costs", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)}; all, if none is named")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of rounds (%(default)s)")
    parser.add_argument("--whole", action="store_true", help="whole epochs in place of parts of them")
    parser.add_argument(
        "--output", type=Path, help=f"({results_folder() / FILE}; of whole epochs {FILE_OF_WHOLE_EPOCHS} beside it)"
    )
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)  # one group, in this process, into this file
    options = parser.parse_args()
    if unknown := sorted(set(options.groups) - set(GROUPS)):
        parser.error(f"unknown group {unknown[0]!r}; choose among {', '.join(GROUPS)}")
    if options.share <= 0:
        parser.error(f"--share {options.share}: must be more than 0")
    output = options.output or results_folder() / (FILE_OF_WHOLE_EPOCHS if options.whole else FILE)
    if options.here:
        write_json(options.here, measure_group(options.groups[0], Effort(options.share, options.whole)))
        return
    found: dict[str, Any] = read_costs(output) if output.is_file() else {"groups": {}}
    checkout = provenance.environment("cpu")["git"]  # before the figures change it
    for name in options.groups or GROUPS:
        print(f"measuring {name}", flush=True)
        found["groups"][name] = _in_own_process(name, options)
        found["groups"][name]["environment"]["git"] = checkout
        found["groups"] = {each: found["groups"][each] for each in GROUPS if each in found["groups"]}
        write_json(output, found)
    print(costs_table(found).to_string(index=False))


def measure_group(name: str, effort: Effort) -> dict[str, Any]:
    """A group's rows, times and circumstances; where it fails, the error in their place."""
    began, load = provenance.now(), os.getloadavg()
    try:
        content = importlib.import_module(f"benchmarks.costs.{name}").measure(effort)
    except Exception as error:  # the other groups' figures must not be lost
        traceback.print_exc()
        content = {"rows": [], "times": {}, "error": f"{type(error).__name__}: {error}"}
    return {
        "began": began,
        "ended": provenance.now(),
        "load_average": {"start": list(load), "end": list(os.getloadavg())},
        "effort": {"share": effort.share, "whole": effort.whole},
        "environment": provenance.environment("cpu"),
        "peers": versions(),
        **content,
    }


def _in_own_process(name: str, options: argparse.Namespace) -> dict[str, Any]:
    python = interpreter() if name in WITH_PEERS else Path(sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "group.json"
        command = [str(python), "-m", "benchmarks.costs", name, "--share", str(options.share), "--here", str(file)]
        variables = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"} if name != "book" else None
        subprocess.run([*command, *(["--whole"] if options.whole else [])], env=variables, check=True)
        return json.loads(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
