"""What a run costs besides its training: seconds, files and bytes, measured on the embedded digits.

python benchmarks/overhead.py --output results/overhead.json
python benchmarks/overhead.py --output results/overhead.json --disk    # only the files of a run on CIFAR-10, anew

The overhead of a run is what it takes beyond its passes over training and validation data. Runs of two lengths take turns,
which shows what an epoch leaves on disk. CPU seconds hardly depend on what else the machine does; elapsed seconds do, so the
load is stored with them.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from uncertlr.config import RunConfig, preset
from uncertlr.runs import provenance
from uncertlr.runs.archive import publish
from uncertlr.runs.store import Run, read_run
from uncertlr.training import loop
from uncertlr.training.run import run

EPOCHS = (5, 10)


def cpu_seconds() -> float:
    """Of this process and of those that it has started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Passes:
    """Counts the seconds of every pass over the data that `fit` makes."""

    def __init__(self) -> None:
        self.seconds = self.cpu_seconds = 0.0
        for name in ("train_epoch", "evaluate"):
            setattr(loop, name, self.timed(getattr(loop, name)))

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time added up."""

        def work(*arguments: Any) -> Any:
            elapsed, cpu = time.perf_counter(), cpu_seconds()
            try:
                return function(*arguments)
            finally:
                self.seconds += time.perf_counter() - elapsed
                self.cpu_seconds += cpu_seconds() - cpu

        return work


def measure(config: RunConfig, passes: Passes) -> tuple[dict[str, float], Run]:
    """Carry a run out and count."""
    passes.seconds = passes.cpu_seconds = 0.0
    elapsed, cpu = time.perf_counter(), cpu_seconds()
    paths = run(config)
    elapsed, cpu = time.perf_counter() - elapsed, cpu_seconds() - cpu
    files = [path.stat().st_size for path in paths.directory.rglob("*") if path.is_file()]
    times = {"seconds": elapsed - passes.seconds, "cpu_seconds": cpu - passes.cpu_seconds, "whole_cpu_seconds": cpu}
    return {**times, "files": len(files), "bytes": sum(files)}, read_run(paths)


def disk(root: Path) -> dict[str, object]:
    """Files and bytes of a short run on CIFAR-10, whose network is far larger than that of the digits."""
    os.environ["UNCERTLR_RESULTS"] = str(root / "results")
    config = preset("cifar10", "quick", root=str(root / "runs"), progress="quiet", device="cpu")
    paths = run(config)
    files = [path.stat().st_size for path in paths.directory.rglob("*") if path.is_file()]
    published = publish([read_run(paths)], "images").stat().st_size
    sizes = {"files": len(files), "bytes": sum(files), "published_bytes": published}
    return {"epochs": config.epochs, **sizes, "weights_bytes": paths.weights("last").stat().st_size}


def start_worker() -> dict[str, float]:
    """What a process pays once, before its first run: Python and the library's imports."""
    elapsed, cpu = time.perf_counter(), cpu_seconds()
    subprocess.run([sys.executable, "-c", "import uncertlr.sweep"], check=True)
    return {"seconds": time.perf_counter() - elapsed, "cpu_seconds": cpu_seconds() - cpu}


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of every quantity."""
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def overhead(rounds: int, root: Path) -> dict[str, object]:
    """Medians of the shorter runs, what an epoch adds to the files, and what is paid once."""
    os.environ["UNCERTLR_RESULTS"] = str(root / "results")
    config = preset("digits", "quick", rule="threshold", root=str(root / "runs"), progress="quiet", device="cpu")
    passes = Passes()
    measure(config.replace(epochs=1), passes)  # what is imported only when it is needed
    rows: dict[int, list[dict[str, float]]] = {epochs: [] for epochs in EPOCHS}
    runs = []
    for seed in range(rounds):
        for epochs in EPOCHS:
            row, finished = measure(config.replace(epochs=epochs, seed=seed), passes)
            rows[epochs].append(row)
            runs += [finished] if epochs == EPOCHS[0] else []
    short, long = (medians(rows[epochs]) for epochs in EPOCHS)
    per_epoch = {name: (long[name] - short[name]) / (EPOCHS[1] - EPOCHS[0]) for name in ("files", "bytes")}
    return {
        "per_run": short,
        "per_epoch": per_epoch,
        "published_bytes": publish(runs, "measured").stat().st_size / len(runs),
        "peak_memory_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "worker_start": medians([start_worker() for _ in range(3)]),
    }


def main() -> None:
    """Measure, print, and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--disk", action="store_true", help="measure only the disk of a run on CIFAR-10")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        measured: dict[str, object] = {} if options.disk else overhead(options.rounds, Path(root))
        found = measured | {"cifar10": disk(Path(root))}
    about = {"epochs": EPOCHS[0], "rounds": options.rounds, "load": os.getloadavg()[0]}
    before = {"environment": provenance.environment("cpu"), **about}
    if options.disk and options.output:
        before = json.loads(options.output.read_text(encoding="utf-8"))
    print(json.dumps(found, indent=1))
    if options.output:
        options.output.write_text(json.dumps(before | found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
