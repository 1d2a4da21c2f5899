"""The guides take every number from what was measured."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.tables import shared_gpu
from uncertlr.book.claims import numbers_in
from uncertlr.runs.archive import load_study
from uncertlr.runs.index import list_runs

PROJECT = Path(__file__).resolve().parents[2]
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in (PROJECT / "book").glob("*.md")}


@pytest.fixture
def scaling(monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "book" / "_ext")
    import scaling

    return scaling


def test_pages_and_numbers_name_each_other(scaling):
    used = {page: set(re.findall(r'\{\{ scaling\["(\w+)"\] \}\}', text)) for page, text in PAGES.items()}
    known = scaling.numbers(PROJECT / "results")
    assert set().union(*used.values()) == set(known)
    assert {page for page, names in used.items() if names} == {"publish", "scaling", "sweeps"}
    assert all(known.values())


@pytest.mark.usefixtures("published")
def test_the_gain_of_sharing_a_gpu_is_the_one_that_the_benchmarks_claim():
    """How many ran at a time, and how much faster they were together: numbers whose claims are checked on that page."""
    gpu = load_study("gpu")
    shared = shared_gpu(list_runs(status="published"), gpu["environment"]["processor"])
    gain = shared.steps / shared.seconds * gpu["steps"]["report's rule, recorded"]["ms"] / 1_000
    stated = [set(numbers_in(line)) for line in PAGES["scaling"].splitlines() if "GPU" in line]
    assert any({f"{shared.at_once:.0f}", f"{gain:.1f}"} <= numbers for numbers in stated)


def test_numbers_follow_from_the_measurement(scaling, tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "LIMIT_BYTES", 30_000_000)
    row = {"seconds": 2.0, "cpu_seconds": 3.6, "files": 20, "bytes": 500_000}
    measured = {
        "environment": {"processor": "a processor", "cores": 2},
        **{"rounds": 3, "epochs": 5, "load": 1.0, "published_bytes": 5_000, "peak_memory_bytes": 600_000_000},
        **{"per_run": row, "per_epoch": {"files": 1, "bytes": 3_000}, "worker_start": row},
        "cifar10": {"epochs": 2, "files": 12, "bytes": 4_000_000, "published_bytes": 30_000, "weights_bytes": 1_900_000},
    }
    (tmp_path / "overhead.json").write_text(json.dumps(measured))
    rounds = {"ratio": 1.9, "runs_a_round": 4, "rounds": [{"ratio": 2.0}, {"ratio": 1.8}]}
    (tmp_path / "two_workers.json").write_text(json.dumps(rounds))
    book = {"environment": {"cores": 4}, "rows": [{"wall": {"value": 150.0}}]}
    (tmp_path / "costs.json").write_text(json.dumps({"groups": {"book": book}}))
    found = scaling.numbers(tmp_path)
    assert found["all_core_hours"] == "10.0"
    assert (found["all_files"], found["all_gigabytes"], found["all_published_megabytes"]) == ("200,000", "5.0", "50")
    assert found["cifar10_weights_megabytes"] == "1.9"
    assert (found["all_cifar10_files"], found["all_cifar10_gigabytes"]) == ("120,000", "40")
    assert found["all_cifar10_published_megabytes"] == "300"
    assert found["all_epoch_files_50"] == "650,000"
    assert (found["limit_megabytes"], found["published_runs"]) == ("30", "6,000")
    assert (found["two_workers"], found["two_workers_low"], found["two_workers_high"]) == ("1.90", "1.80", "2.00")
    assert (found["book_minutes"], found["book_cores"]) == ("2.5", "4")
