"""Skips that hide a test which this machine could run are failures in CI."""

import subprocess
import sys

import pytest

from uncertlr.runs.paths import project_folder

TESTS = """
import pytest
@pytest.mark.{marker}
def test_that_skips(): pytest.skip("no reason")
"""


@pytest.mark.parametrize(
    ("marker", "there", "outcome"),
    [
        ("data", True, "1 failed"),
        ("data", False, "1 skipped"),
        ("browser", True, "1 failed"),
        ("browser", False, "1 skipped"),
    ],
)
def test_a_skip_fails_where_what_it_needs_is_there(marker, there, outcome, tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS.format(marker=marker))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  data\n  browser\n")
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755 if there else 0o644)
    environment = {"PATH": str(tmp_path), "PYTHONPATH": str(project_folder()), "UNCERTLR_DATA": "data" if there else ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.needs", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert outcome in done.stdout, done.stdout + done.stderr
