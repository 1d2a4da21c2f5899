"""The numbers of the guides, from what `benchmarks/overhead.py`, `two_workers.py` and `make bench` have stored."""

import json
from pathlib import Path

from uncertlr.runs.archive import LIMIT_BYTES

FILE = "overhead.json"
TWO_WORKERS = "two_workers.json"
COSTS = "costs.json"
RUNS = 10_000
MEGABYTE = 10**6


def numbers(results: Path) -> dict[str, str]:
    """Every number by the name under which a page uses it, written out."""
    found = json.loads((results / FILE).read_text(encoding="utf-8"))
    two_workers = json.loads((results / TWO_WORKERS).read_text(encoding="utf-8"))
    costs = json.loads((results / COSTS).read_text(encoding="utf-8"))["groups"]["book"]
    ratios = [each["ratio"] for each in two_workers["rounds"]]
    per_run, per_epoch, images = found["per_run"], found["per_epoch"], found["cifar10"]
    core_hours = RUNS * per_run["cpu_seconds"] / 3600
    return {
        "runs": f"{RUNS:,}",
        "rounds": f"{found['rounds']}",
        "epochs": f"{found['epochs']}",
        "load": f"{found['load']:.0f}",
        "processor": found["environment"]["processor"],
        "cores": f"{found['environment']['cores']}",
        "cpu_seconds": f"{per_run['cpu_seconds']:.2g}",
        "memory_megabytes": f"{found['peak_memory_bytes'] / MEGABYTE:.0f}",
        "start_cpu_seconds": f"{found['worker_start']['cpu_seconds']:.2g}",
        "all_core_hours": f"{core_hours:.1f}",
        "all_files": f"{RUNS * per_run['files']:,.0f}",
        "all_gigabytes": f"{RUNS * per_run['bytes'] / 10**9:.1f}",
        "all_published_megabytes": f"{RUNS * found['published_bytes'] / MEGABYTE:.0f}",
        "cifar10_epochs": f"{images['epochs']}",
        "cifar10_weights_megabytes": f"{images['weights_bytes'] / MEGABYTE:.1f}",
        "all_cifar10_files": f"{RUNS * images['files']:,}",
        "all_cifar10_gigabytes": f"{RUNS * images['bytes'] / 10**9:.0f}",
        "all_cifar10_published_megabytes": f"{RUNS * images['published_bytes'] / MEGABYTE:.0f}",
        "limit_megabytes": f"{LIMIT_BYTES / MEGABYTE:.0f}",
        "published_runs": f"{round(LIMIT_BYTES / found['published_bytes'], -2):,.0f}",
        "all_epoch_files_50": f"{RUNS * (per_run['files'] + (50 - found['epochs']) * per_epoch['files']):,.0f}",
        "two_workers": f"{two_workers['ratio']:.2f}",
        "two_workers_low": f"{min(ratios):.2f}",
        "two_workers_high": f"{max(ratios):.2f}",
        "book_minutes": f"{costs['rows'][0]['wall']['value'] / 60:.1f}",
        "book_cores": f"{costs['environment']['cores']}",
    }
