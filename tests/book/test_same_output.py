"""A notebook that is run twice with the same parameters shows the same, apart from times.

Three notebooks are run; ``UNCERTLR_NOTEBOOKS=all``, or some names, runs others.
"""

import os
import re

import nbformat
import pytest

from uncertlr.book.build import NOTEBOOKS
from uncertlr.runs.paths import project_folder
from uncertlr.sweep.notebook import execute_notebook

ASKED = os.environ.get("UNCERTLR_NOTEBOOKS", "quickstart calibration feedback")
NAMES = sorted(NOTEBOOKS) if ASKED == "all" else ASKED.split()
TIMED = re.compile(r"process_time|perf_counter")
PROGRESS = re.compile(r"^(training|loaded|loading|epoch|note:|testing|validating) .*\n?", re.MULTILINE)
"""What a run says while it is carried out or found."""


def shown(path):
    """What each cell shows, with its code; the cells that measure times are left out."""
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and not TIMED.search(cell.source):
            printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
            displayed = [dict(output.data) for output in cell.outputs if "data" in output]
            found.append((cell.source, PROGRESS.sub("", printed), displayed))
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Jupyter's own
@pytest.mark.parametrize("name", NAMES)
def test_a_second_run_shows_the_same(name, tmp_path, monkeypatch):
    monkeypatch.delenv("UNCERTLR_RESULTS")  # the pages show what is published
    source, first, second = project_folder() / "notebooks" / f"{name}.ipynb", tmp_path / "1.ipynb", tmp_path / "2.ipynb"
    for target in (first, second):
        execute_notebook(source, target, {}, save_every_cell=False)
    assert shown(second) == shown(first)
    assert any(displayed for _, _, displayed in shown(first))
