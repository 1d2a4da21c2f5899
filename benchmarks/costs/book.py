"""The whole book: from nothing, again with nothing changed, and again with one page changed.

It is built in a copy of the checkout's own files, which begins with no executed notebook, no run and no cached data.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.costs.clock import Effort, lap, seconds_row
from uncertlr.runs.paths import project_folder

BUILD = ("-m", "uncertlr", "book", "build")
"""What ``make book`` runs, after the path of Python."""

CHANGED = "book/gotchas.md"
"""The page that gets another line."""


def measure(effort: Effort) -> dict[str, Any]:
    """Three rows; each is measured once, whatever the effort."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=project_folder(), capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project_folder() / name, copy / name)
        places = {"PYTHONPATH": str(copy), "UNCERTLR_CACHE": f"{folder}/cache", "UNCERTLR_RUNS": f"{folder}/runs"}

        def build() -> None:
            subprocess.run([sys.executable, *BUILD], cwd=copy, env=os.environ | places, check=True)

        rows = [seconds_row("make book, everything installed, nothing cached", [lap(build)], at_most=180)]
        rows.append(seconds_row("make book again, nothing changed", [lap(build)], at_most=None))
        with (copy / CHANGED).open("a", encoding="utf-8") as page:
            page.write("\nOne more line.\n")
        rows.append(seconds_row("make book again, one page changed", [lap(build)], at_most=None))
    return {"rows": rows, "times": {}}
