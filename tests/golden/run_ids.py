"""The names of all runs that each sweep of the project plans, as one hash per sweep.

``python -m tests.golden.run_ids`` writes them anew, after a sweep was added or its plan was changed.
"""

import hashlib
import json
from pathlib import Path

from uncertlr.runs.paths import project_folder
from uncertlr.sweep import read_sweep

STORED = Path(__file__).with_name("run_ids.json")


def hash_of_runs(name: str) -> str:
    """Of arms and run names in their order."""
    jobs = read_sweep(project_folder() / "sweeps" / f"{name}.yaml")
    return hashlib.sha256("\n".join(f"{job.arm} {job.run_id}" for job in jobs).encode()).hexdigest()


if __name__ == "__main__":
    names = sorted(path.stem for path in (project_folder() / "sweeps").glob("*.yaml"))
    STORED.write_text(json.dumps({name: hash_of_runs(name) for name in names}, indent=2) + "\n", encoding="utf-8")
