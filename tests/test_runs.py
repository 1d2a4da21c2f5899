import json
import multiprocessing
import os

import numpy as np
import pytest
import torch

from uncertlr import checkpoints, files, runs
from uncertlr.config import preset
from uncertlr.errors import RunError
from uncertlr.runs import RunPaths


@pytest.fixture
def paths(tmp_path):
    paths = RunPaths(tmp_path, "some-run")
    paths.checkpoints.mkdir(parents=True)
    return paths


def state(epoch):
    return {"epoch": epoch, "model": {"w": torch.full((3,), float(epoch))}}


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(paths, monkeypatch):
    files.write_atomically(paths.summary, b"old")
    monkeypatch.setattr(os, "replace", lambda *arguments: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(paths.summary, b"new")
    assert paths.summary.read_bytes() == b"old"
    assert [path.name for path in paths.directory.iterdir() if path.is_file()] == ["summary.json"]


def test_two_generations_are_kept(paths):
    for epoch in range(1, 6):
        checkpoints.save_checkpoint(paths, epoch, state(epoch))
    assert sorted(path.name for path in paths.checkpoints.glob("*.pt")) == ["epoch-0004.pt", "epoch-0005.pt"]
    assert checkpoints.load_checkpoint(paths)["epoch"] == 5


@pytest.mark.parametrize("damage", ["truncate", "flip", "no checksum"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(paths, damage):
    for epoch in (1, 2):
        checkpoints.save_checkpoint(paths, epoch, state(epoch))
    newest = paths.checkpoints / "epoch-0002.pt"
    content = bytearray(newest.read_bytes())
    if damage == "truncate":
        newest.write_bytes(content[:-20])
    elif damage == "flip":
        content[len(content) // 2] ^= 1
        newest.write_bytes(content)
    else:
        (paths.checkpoints / "epoch-0002.json").unlink()
    assert checkpoints.load_checkpoint(paths)["epoch"] == 1


def test_no_checkpoint(paths):
    assert checkpoints.load_checkpoint(paths) is None


def test_nothing_is_unpickled_from_a_run(paths):
    torch.save({"evil": os.system}, paths.weights("last"))
    with pytest.raises(Exception, match="weights_only|Weights only"):
        files.load_state(paths.weights("last"))


def test_rewind_forgets_later_epochs_and_a_line_cut_short(paths):
    for epoch in (1, 2, 3):
        checkpoints.append_metrics(paths, [{"epoch": epoch, "split": "train"}, {"epoch": epoch, "split": "val"}])
        files.save_arrays(paths.trace(epoch), {"loss": np.zeros(2)})
        checkpoints.save_checkpoint(paths, epoch, state(epoch))
    with paths.metrics.open("a") as file:
        file.write('{"epoch": 4, "spl')
    checkpoints.rewind(paths, 2)
    assert [json.loads(line)["epoch"] for line in paths.metrics.read_text().splitlines()] == [1, 1, 2, 2]
    assert sorted(path.name for path in paths.directory.glob("trace-*")) == ["trace-0001.npz", "trace-0002.npz"]
    assert checkpoints.load_checkpoint(paths)["epoch"] == 2


def _hold(paths, ready, release):
    with runs.claimed(paths):
        files.write_json(paths.record, {"owner": {"host": "here", "pid": os.getpid()}})
        ready.set()
        release.wait(30)


def test_a_live_owner_is_named_and_a_dead_one_is_replaced(paths):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    child = context.Process(target=_hold, args=(paths, ready, release))
    child.start()
    assert ready.wait(60)
    with pytest.raises(RunError, match=f"being trained by process {child.pid} on here"), runs.claimed(paths):
        pass
    child.kill()
    child.join()
    with runs.claimed(paths):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="cannot write to .*choose another root"), runs.claimed(RunPaths(tmp_path, "x")):
        pass


def test_a_root_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RunError, match="cannot write to .*choose another root"),
        runs.claimed(RunPaths(tmp_path / "file", "x")),
    ):
        pass


@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_a_damaged_json_file_is_named(paths, content):
    paths.summary.write_text(content)
    paths.config.write_text("{}")
    paths.record.write_text("{}")
    with pytest.raises(RunError, match=r"summary\.json is damaged"):
        runs.load_run(paths)


def test_an_incomplete_run_is_not_read(paths):
    with pytest.raises(RunError, match="not complete"):
        runs.load_run(paths)


def test_where_a_run_lies(tmp_path, monkeypatch):
    config = preset("digits")
    monkeypatch.setenv("UNCERTLR_RUNS", str(tmp_path / "env"))
    assert runs.paths_of(config).directory == tmp_path / "env" / config.run_id
    assert runs.paths_of(config.replace(root=str(tmp_path / "own"))).root == tmp_path / "own"
    monkeypatch.delenv("UNCERTLR_RUNS")
    assert runs.paths_of(config).root == runs.project_folder() / "runs"
