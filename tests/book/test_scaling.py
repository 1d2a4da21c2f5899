"""The page on scaling out takes every number from what was measured."""

import json
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "book" / "scaling.md").read_text(encoding="utf-8")


@pytest.fixture
def scaling(monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "book" / "_ext")
    import scaling

    return scaling


def test_the_page_and_the_numbers_name_each_other(scaling):
    used = set(re.findall(r'\{\{ scaling\["(\w+)"\] \}\}', PAGE))
    known = scaling.numbers(PROJECT / "results")
    assert used <= set(known)
    assert all(known.values())


def test_numbers_follow_from_the_measurement(scaling, tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "LIMIT_BYTES", 30_000_000)
    row = {"seconds": 2.0, "cpu_seconds": 3.6, "files": 20, "bytes": 500_000}
    measured = {
        "environment": {"processor": "a processor", "cores": 2},
        **{"rounds": 3, "epochs": 5, "load": 1.0, "published_bytes": 5_000, "peak_memory_bytes": 600_000_000},
        **{"per_run": row, "per_epoch": {"files": 1, "bytes": 3_000}, "worker_start": row},
    }
    (tmp_path / "overhead.json").write_text(json.dumps(measured))
    (tmp_path / "two_workers.json").write_text(json.dumps({"ratio": 1.9, "rounds": [{}, {}]}))
    found = scaling.numbers(tmp_path)
    assert (found["all_core_hours"], found["all_seconds_on_100"]) == ("10.0", "360")
    assert (found["all_files"], found["all_gigabytes"], found["all_published_megabytes"]) == ("200,000", "5.0", "50")
    assert found["all_epoch_files_50"] == "650,000"
    assert (found["limit_megabytes"], found["published_runs"]) == ("30", "6,000")
    assert (found["two_workers"], found["two_workers_rounds"]) == ("1.90", "2")
