import errno
import subprocess
import sys

import filelock
import numpy as np
import pytest

import uncertlr.data.cache
from uncertlr.data.cache import cache_folder, cached
from uncertlr.errors import DataError


def numbers():
    return {"numbers": np.arange(5)}


def must_not_run():
    raise AssertionError("the stored arrays were not used")


@pytest.fixture(autouse=True)
def _own(own_cache):
    pass


def test_made_once_then_read(own_cache):
    cached("key", numbers)
    assert cached("key", must_not_run)["numbers"].tolist() == [0, 1, 2, 3, 4]
    assert {path.name for path in own_cache.iterdir()} == {"key.npz", "key.lock"}


@pytest.mark.parametrize("keep", [0, 40, -30])
def test_a_damaged_file_is_made_again(own_cache, keep):
    cached("key", numbers)
    content = (own_cache / "key.npz").read_bytes()
    (own_cache / "key.npz").write_bytes(content[:keep])
    assert cached("key", numbers)["numbers"].tolist() == [0, 1, 2, 3, 4]
    assert (own_cache / "key.npz").read_bytes() == content


def test_reading_waits_for_nobody(own_cache):
    cached("key", numbers)
    with filelock.FileLock(own_cache / "key.lock"):
        assert len(cached("key", must_not_run)["numbers"]) == 5


def test_a_failure_leaves_nothing_behind(own_cache):
    with pytest.raises(ZeroDivisionError):
        cached("key", lambda: {"numbers": np.array(1 // 0)})
    assert [path.name for path in own_cache.iterdir()] == ["key.lock"]
    assert len(cached("key", numbers)["numbers"]) == 5


@pytest.mark.parametrize("below", ["", "folder"])
def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch, below):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("UNCERTLR_CACHE", str(tmp_path / "file" / below))
    with pytest.raises(DataError, match=r"file.*UNCERTLR_CACHE"):
        cached("key", numbers)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_folder_that_cannot_be_written(own_cache, monkeypatch, code):
    def refuse(*_args, **_kwargs):
        raise OSError(code, "refused")

    monkeypatch.setattr(np, "savez", refuse)
    with pytest.raises(DataError, match=r"refused.*UNCERTLR_CACHE"):
        cached("key", numbers)
    assert [path.name for path in own_cache.iterdir()] == ["key.lock"]


def test_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("UNCERTLR_CACHE")
    assert cache_folder().name == "uncertlr"
    if sys.platform == "linux":
        assert cache_folder() == tmp_path / "uncertlr"


def test_of_two_processes_one_makes_and_both_read(own_cache):
    code = """
import runpy, sys, time, numpy as np
cached = runpy.run_path(sys.argv[1])["cached"]  # the file alone: importing the package would load torch
def make():
    print("made", flush=True)
    time.sleep(1.0)
    return {"numbers": np.arange(100_000)}
print(cached("key", make)["numbers"].sum())
"""
    command = [sys.executable, "-c", code, uncertlr.data.cache.__file__]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]
    assert sorted(outputs, key=len) == [["4999950000"], ["made", "4999950000"]]
