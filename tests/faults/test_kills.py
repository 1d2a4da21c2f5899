"""SIGKILL at random moments: a dozen in the tests, hundreds with ``make torture``, which sets UNCERTLR_KILLS."""

import hashlib
import os
import random
import signal
import sys
import threading
import time

import pytest

from tests.faults.children import Child, assert_every_file_is_whole, assert_same_results, tiny
from uncertlr.runs.paths import paths_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the faults are done as Linux allows")]

KILLS = int(os.environ.get("UNCERTLR_KILLS", "12"))
HOW = ("half", "before", "after")


def fault(number, stream):
    """In turn: at any time, in any write, in a checkpoint, in the summary."""
    return (
        {},
        {"die": ("*", stream.randint(1, 14), stream.choice(HOW))},
        {"die": (stream.choice(["epoch-*.pt", "epoch-*.json", "best.pt"]), stream.randint(1, 2), stream.choice(HOW))},
        {"die": (stream.choice(["summary.json", "predictions.parquet", "last.pt"]), 1, stream.choice(HOW))},
    )[number % 4]


def attempt(config, log, seconds, how):
    """One child with one fault; where the fault names no write, the clock kills it."""
    child = Child(config, log, **how)
    timer = threading.Timer(seconds, child.process.kill)
    if not how:
        timer.start()
    code = child.end()
    timer.cancel()
    assert code in (0, -signal.SIGKILL), child.said
    return code != 0


def content(paths):
    return {
        path.relative_to(paths.root): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(paths.directory.rglob("*"))
        if path.is_file()
    }


def test_no_kill_loses_a_run_or_changes_a_bit(references, tmp_path):
    stream, kills, runs, finished = random.Random(0), 0, 0, {}
    began = time.perf_counter()
    references(0)
    span = time.perf_counter() - began
    while kills < KILLS:
        config = tiny(tmp_path / f"root-{runs // 2}", seed=runs % 2)
        paths = paths_of(config)
        while not paths.complete:
            how = fault(kills, stream) if kills < KILLS else {"die": ("nothing", 1, "half")}
            kills += attempt(config, tmp_path / "log", stream.uniform(0, span), how)
            assert_every_file_is_whole(paths)
        assert attempt(config, tmp_path / "log", 60, {"die": ("nothing", 1, "half")}) is False
        assert_same_results(paths, references(runs % 2))
        finished[paths] = content(paths)
        runs += 1
    for paths, before in finished.items():
        assert content(paths) == before
    print(f"{kills} kills survived by {runs} runs")
