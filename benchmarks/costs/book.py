"""The whole book from nothing: a copy of the checkout's own files, no executed notebook, no run, no cached data."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.costs.clock import Effort, lap, seconds_row
from uncertlr.runs.paths import project_folder


def measure(effort: Effort) -> dict[str, Any]:
    """One row; it is built once, whatever the effort."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=project_folder(), capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project_folder() / name, copy / name)
        places = {"PYTHONPATH": str(copy), "UNCERTLR_CACHE": f"{folder}/cache", "UNCERTLR_RUNS": f"{folder}/runs"}
        command = [sys.executable, "-m", "uncertlr", "book"]
        taken = lap(lambda: subprocess.run(command, cwd=copy, env=os.environ | places, check=True))
    return {"rows": [seconds_row("make book, everything installed, nothing cached", [taken], at_most=180)], "times": {}}
