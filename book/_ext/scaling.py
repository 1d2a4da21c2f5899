"""The numbers of the page on scaling out, from what `benchmarks/overhead.py` and `two_workers.py` have stored."""

import json
from pathlib import Path

from uncertlr.runs.archive import LIMIT_BYTES

FILE = "overhead.json"
TWO_WORKERS = "two_workers.json"
RUNS = 10_000
MEGABYTE = 10**6


def numbers(results: Path) -> dict[str, str]:
    """Every number by the name under which the page uses it, written out."""
    found = json.loads((results / FILE).read_text(encoding="utf-8"))
    two_workers = json.loads((results / TWO_WORKERS).read_text(encoding="utf-8"))
    per_run, per_epoch = found["per_run"], found["per_epoch"]
    core_hours = RUNS * per_run["cpu_seconds"] / 3600
    return {
        "runs": f"{RUNS:,}",
        "rounds": f"{found['rounds']}",
        "epochs": f"{found['epochs']}",
        "load": f"{found['load']:.0f}",
        "processor": found["environment"]["processor"],
        "cores": f"{found['environment']['cores']}",
        "cpu_seconds": f"{per_run['cpu_seconds']:.2g}",
        "files": f"{per_run['files']:.0f}",
        "epoch_files": f"{per_epoch['files']:.0f}",
        "kilobytes": f"{per_run['bytes'] / 1000:.0f}",
        "epoch_kilobytes": f"{per_epoch['bytes'] / 1000:.1f}",
        "published_kilobytes": f"{found['published_bytes'] / 1000:.1f}",
        "memory_megabytes": f"{found['peak_memory_bytes'] / MEGABYTE:.0f}",
        "start_cpu_seconds": f"{found['worker_start']['cpu_seconds']:.2g}",
        "all_core_hours": f"{core_hours:.1f}",
        "all_seconds_on_100": f"{36 * core_hours:.0f}",
        "all_files": f"{RUNS * per_run['files']:,.0f}",
        "all_gigabytes": f"{RUNS * per_run['bytes'] / 10**9:.1f}",
        "all_published_megabytes": f"{RUNS * found['published_bytes'] / MEGABYTE:.0f}",
        "limit_megabytes": f"{LIMIT_BYTES / MEGABYTE:.0f}",
        "published_runs": f"{LIMIT_BYTES / found['published_bytes']:,.0f}",
        "all_epoch_files_50": f"{RUNS * (per_run['files'] + (50 - found['epochs']) * per_epoch['files']):,.0f}",
        "two_workers": f"{two_workers['ratio']:.2f}",
        "two_workers_rounds": f"{len(two_workers['rounds'])}",
    }
