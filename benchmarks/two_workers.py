"""Throughput of a sweep on two one-thread workers over one: the target is 1.85.

python benchmarks/two_workers.py --output results/two_workers.json

Needs two idle cores. Both clusters stand all the while and idle when it is not their turn; each round gives both the same
number of new runs a worker, one after the other, in an order that alternates. The ratio of a round compares like with like;
the median over rounds counts.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from distributed import LocalCluster

from uncertlr.config import preset
from uncertlr.runs import provenance
from uncertlr.sweep import Job, run_sweep

TARGET = 1.85


def cluster(workers: int) -> LocalCluster:
    """Workers of one thread each, as a sweep starts them."""
    here = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    return LocalCluster(n_workers=workers, threads_per_worker=1, memory_limit=0, **here)


def runs_per_second(address: str, jobs: list[Job]) -> float:
    """From the first submission to the last result."""
    started = time.perf_counter()
    outcomes = run_sweep(jobs, scheduler=address)
    seconds = time.perf_counter() - started
    if failed := [outcome.error for outcome in outcomes if outcome.error]:
        raise RuntimeError(failed[0])
    return len(outcomes) / seconds


def measure(rounds: int, runs: int, epochs: int, root: Path) -> list[dict[str, float]]:
    """Runs a second on one worker and on two, and their ratio, in each round."""
    seeds = iter(range(10**6))
    config = preset("digits", "standard", rule="threshold", epochs=epochs, root=str(root), progress="quiet", device="cpu")

    def new_jobs(count: int) -> list[Job]:
        return [Job("threshold", config.replace(seed=next(seeds))) for _ in range(count)]

    rows = []
    with ExitStack() as stack:
        addresses = {workers: stack.enter_context(cluster(workers)).scheduler_address for workers in (1, 2)}
        for workers, address in addresses.items():
            runs_per_second(address, new_jobs(2 * workers))  # every worker imports the library
        for turn in range(rounds):
            order = (1, 2) if turn % 2 == 0 else (2, 1)
            found = {workers: runs_per_second(addresses[workers], new_jobs(runs * workers)) for workers in order}
            rows.append({"one": found[1], "two": found[2], "ratio": found[2] / found[1]})
            print(
                f"round {turn + 1}: {found[1]:.3f} and {found[2]:.3f} runs per second, {rows[-1]['ratio']:.3f}", flush=True
            )
    return rows


def main() -> None:
    """Measure, print, and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=6, help="runs a worker and round")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as root:
        rows = measure(options.rounds, options.runs, options.epochs, Path(root))
    ratio = statistics.median(row["ratio"] for row in rows)
    print(f"two workers over one: {ratio:.3f}, the median of {len(rows)} rounds; the target is {TARGET}")
    if options.output:
        about = {
            "runs_a_round": options.runs,
            "epochs": options.epochs,
            "load_before": load,
            "target": TARGET,
            "ratio": ratio,
        }
        content = {"environment": provenance.environment("cpu"), **about, "rounds": rows}
        options.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
