"""Signals, a full disk, damage, divergence, a second process and a forbidden folder, each done to a real process."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.faults.children import Child, assert_every_file_is_whole, assert_same_results, tiny
from uncertlr.runs.files import read_json
from uncertlr.runs.paths import paths_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the faults are done as Linux allows")]


@pytest.fixture
def config(tmp_path):
    return tiny(tmp_path / "runs")


@pytest.fixture
def child(config, tmp_path):
    """Starts a process that carries out the run."""
    return lambda changed=config, **fault: Child(changed, tmp_path / "log", **fault)


def wait_for(condition, child):
    """Until it holds, while the child lives."""
    while not condition():
        assert child.process.is_alive(), child.said
        time.sleep(0.005)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_asked_end_is_clean_and_the_run_goes_on(config, child, references, number, code):
    paths, running = paths_of(config), child()
    wait_for(lambda: (paths.checkpoints / "epoch-0001.json").is_file(), running)
    running.signal(number)
    assert running.end() == code
    assert re.fullmatch("uncertlr: .+\n", running.said)
    assert read_json(paths.record)["status"] == "INTERRUPTED"
    assert_every_file_is_whole(paths)
    assert child().end() == 0
    assert_same_results(paths, references())
    assert len(read_json(paths.record)["resumed"]) == 1


@pytest.fixture
def small_disk(tmp_path):
    """A file system in memory, and a function that makes it larger."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    yield disk, lambda: subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_reported_and_once_mended_the_run_goes_on(small_disk, child, references):
    disk, enlarge = small_disk
    config = tiny(disk)
    paths, stopped = paths_of(config), child(config)
    assert stopped.end() == 2, stopped.said
    assert os.strerror(errno.ENOSPC) in stopped.said
    assert stopped.said.count("\n") == 1
    assert not paths.complete
    enlarge()
    assert_every_file_is_whole(paths)
    assert child(config).end() == 0
    assert_same_results(paths, references())


def test_a_file_that_may_not_grow_is_reported_and_the_run_goes_on(config, child, references):
    stopped = child(file_limit=8_000)
    assert stopped.end() == 2, stopped.said
    assert os.strerror(errno.EFBIG) in stopped.said
    paths = paths_of(config)
    assert read_json(paths.record)["status"] == "FAILED"
    assert_every_file_is_whole(paths)
    assert child().end() == 0
    assert_same_results(paths, references())


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(config, child, references, tmp_path):
    paths = paths_of(config)
    assert child(die=("trace-0003.npz", 1, "before")).end() == -signal.SIGKILL
    shutil.copytree(paths.root, tmp_path / "copy")
    newest = paths.checkpoints / "epoch-0002.pt"
    whole = newest.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damaged in (whole[: len(whole) // 2], flipped):
        shutil.rmtree(paths.root)
        shutil.copytree(tmp_path / "copy", paths.root)
        newest.write_bytes(damaged)
        running = child()
        assert running.end() == 0, running.said
        assert re.search(rf"{config.run_id} .*\b1\b.*epoch-0002\.pt", running.said)
        assert_same_results(paths, references())


def test_a_loss_that_is_not_finite_fails_with_the_step_and_the_checkpoint(config, child, references):
    paths, diverged = paths_of(config), child(nan_at=2 * 4 + 2)
    assert diverged.end() == 2
    assert re.search(r"\b3\b.*\b1\b.*learning rate.*\b2\b", diverged.said)
    record = read_json(paths.record)
    assert record["status"] == "FAILED"
    assert record["error"] in f"RunError: {diverged.said.removeprefix('uncertlr: ')}"
    assert (paths.checkpoints / "epoch-0002.json").is_file()
    assert child().end() == 0
    assert_same_results(paths, references())


def test_a_second_process_on_one_run_is_refused_with_the_firsts_name(config, tmp_path, references):
    paths, first = paths_of(config), Child(config, tmp_path / "first")
    wait_for(lambda: paths.record.is_file(), first)
    first.signal(signal.SIGSTOP)
    second = Child(config, tmp_path / "second")
    assert second.end() == 2
    assert re.search(rf"{config.run_id} .*\b{first.process.pid}\b", second.said)
    first.signal(signal.SIGCONT)
    assert first.end() == 0
    assert_same_results(paths, references())


def test_a_root_that_may_not_be_written_is_named(tmp_path):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o555)
        refused = Child(tiny(root), tmp_path / "log", nobody=os.geteuid() == 0)
        assert refused.end() == 2, refused.said
        assert all(part in refused.said for part in (str(root), os.strerror(errno.EACCES)))
        assert list(root.iterdir()) == []
        root.chmod(0o755)
