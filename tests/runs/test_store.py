import contextlib
import json
import multiprocessing
import os
import pickle
import re
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from uncertlr.config import EXECUTION_FIELDS, RESULT_VERSION, preset
from uncertlr.errors import RunError
from uncertlr.runs import files
from uncertlr.runs.paths import RunPaths, claimed, paths_of, project_folder
from uncertlr.runs.store import read_metrics, read_predictions, read_run, read_trace
from uncertlr.training import checkpoint


@pytest.fixture
def paths(tmp_path):
    paths = RunPaths(tmp_path, "some-run")
    paths.checkpoints.mkdir(parents=True)
    return paths


def state(epoch):
    return {"epoch": epoch, "model": {"w": torch.full((3,), float(epoch))}}


def leave_epoch(paths, epoch):
    """What a run writes at an epoch's end."""
    checkpoint.append_metrics(paths, [{"epoch": epoch, "split": "train"}, {"epoch": epoch, "split": "val"}])
    files.save_arrays(paths.trace(epoch), {"loss": np.zeros(2)})
    checkpoint.save_checkpoint(paths, epoch, state(epoch))


def flip(path):
    """One bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(paths, monkeypatch):
    files.write_atomically(paths.summary, b"old")
    monkeypatch.setattr(os, "replace", lambda *arguments: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(paths.summary, b"new")
    assert paths.summary.read_bytes() == b"old"
    assert [path.name for path in paths.directory.iterdir() if path.is_file()] == ["summary.json"]


def test_two_generations_are_kept(paths):
    for epoch in range(1, 6):
        leave_epoch(paths, epoch)
    assert sorted(path.name for path in paths.checkpoints.glob("*.pt")) == ["epoch-0004.pt", "epoch-0005.pt"]
    assert checkpoint.load_checkpoint(paths)["epoch"] == 5


@pytest.mark.parametrize("damage", [truncate, flip])
@pytest.mark.parametrize("name", ["checkpoints/epoch-0002.pt", "checkpoints/epoch-0002.json", "trace-0002.npz"])
def test_what_is_damaged_gives_way_to_the_epoch_before_and_is_named(paths, damage, name):
    for epoch in (1, 2):
        leave_epoch(paths, epoch)
    damage(paths.directory / name)
    named = name.rpartition("/")[2].replace(".json", "(.json|.pt)")  # a flipped bit may leave good JSON of another checksum
    with pytest.warns(UserWarning, match=rf"some-run .*\b1\b.*{named}"):
        assert checkpoint.load_checkpoint(paths)["epoch"] == 1


def test_a_crash_between_a_checkpoint_and_its_checksum_is_no_damage(paths):
    for epoch in (1, 2):
        leave_epoch(paths, epoch)
    (paths.checkpoints / "epoch-0002.json").unlink()
    assert checkpoint.load_checkpoint(paths)["epoch"] == 1


def test_where_nothing_is_whole_the_run_starts_again(paths):
    for epoch in (1, 2, 3):
        leave_epoch(paths, epoch)
    paths.metrics.write_text(paths.metrics.read_text().replace('"epoch": 1', '"epoch": }'))
    with pytest.warns(UserWarning, match=r"some-run .*metrics\.jsonl$"):
        assert checkpoint.load_checkpoint(paths) is None
    checkpoint.rewind(paths, 0)
    assert list(paths.checkpoints.iterdir()) == []
    assert paths.metrics.read_bytes() == b""


def test_no_checkpoint(paths):
    assert checkpoint.load_checkpoint(paths) is None


class Hostile:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, proof):
        self.proof = str(proof)

    def __reduce__(self):
        return open, (self.proof, "w")


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"model": value}])
def test_nothing_is_unpickled_from_a_run(paths, tmp_path, write, wrap):
    write(wrap(Hostile(tmp_path / "proof")), paths.weights("last"))
    with pytest.raises(RunError, match=r"last\.pt"):
        files.load_state(paths.weights("last"))
    assert not (tmp_path / "proof").exists()


def test_no_array_is_unpickled_from_a_run(paths, tmp_path):
    with paths.trace(1).open("wb") as file:
        np.savez(file, loss=np.array([Hostile(tmp_path / "proof")], dtype=object))
    with pytest.raises(RunError, match=r"trace-0001\.npz"):
        read_trace(paths)
    with paths.trace(1).open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(RunError, match=r"trace-0001\.npz"):
        read_trace(paths)
    assert not (tmp_path / "proof").exists()


def test_whatever_bit_of_a_file_is_flipped_it_is_read_or_refused(paths):
    files.save_state(paths.weights("last"), state(1))
    files.save_arrays(paths.trace(1), {"loss": np.linspace(0, 1, 9)})
    stream = np.random.default_rng(0)
    for path, read in ((paths.weights("last"), files.load_state), (paths.trace(1), files.load_arrays)):
        whole = path.read_bytes()
        for position in stream.integers(0, 8 * len(whole), 200).tolist():
            content = bytearray(whole)
            content[position // 8] ^= 1 << position % 8
            path.write_bytes(content)
            with contextlib.suppress(RunError):
                assert isinstance(read(path), dict)


def test_a_state_is_a_dictionary(paths):
    torch.save([1, 2], paths.weights("last"))
    with pytest.raises(RunError, match=r"last\.pt .*list"):
        files.load_state(paths.weights("last"))


def test_rewind_forgets_later_epochs_and_a_line_cut_short(paths):
    for epoch in (1, 2, 3):
        leave_epoch(paths, epoch)
    with paths.metrics.open("a") as file:
        file.write('{"epoch": 4, "spl')
    checkpoint.rewind(paths, 2)
    assert [json.loads(line)["epoch"] for line in paths.metrics.read_text().splitlines()] == [1, 1, 2, 2]
    assert sorted(path.name for path in paths.directory.glob("trace-*")) == ["trace-0001.npz", "trace-0002.npz"]
    assert checkpoint.load_checkpoint(paths)["epoch"] == 2


def _hold(paths, ready, release):
    with claimed(paths):
        files.write_json(paths.record, {"owner": {"host": "here", "pid": os.getpid()}})
        ready.set()
        release.wait(30)


def test_a_live_owner_is_named_and_a_dead_one_is_replaced(paths):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    child = context.Process(target=_hold, args=(paths, ready, release))
    child.start()
    assert ready.wait(60)
    with pytest.raises(RunError, match=rf"\b{child.pid}\b.*\bhere\b"), claimed(paths):
        pass
    child.kill()
    child.join()
    with claimed(paths):
        pass


def test_a_waiting_process_takes_over_when_the_owner_ends(paths):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    child = context.Process(target=_hold, args=(paths, ready, release))
    child.start()
    assert ready.wait(60)
    threading.Timer(0.2, release.set).start()
    with claimed(paths, wait=True):
        assert release.is_set()
    child.join()


def test_what_a_killed_process_was_writing_is_swept_away(paths):
    for folder in (paths.directory, paths.checkpoints):
        (folder / f".summary.json.{'0a' * 16}").write_text("half")
    with claimed(paths):
        assert {path.name for path in paths.directory.rglob("*")} == {"checkpoints", "lock"}


def test_a_root_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RunError, match="root"),
        claimed(RunPaths(tmp_path / "file", "x")),
    ):
        pass


@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_a_damaged_json_file_is_named(paths, content):
    paths.summary.write_text(content)
    with pytest.raises(RunError, match=r"summary\.json"):
        read_run(paths)


def test_an_incomplete_run_is_not_read(paths):
    with pytest.raises(RunError, match=paths.run_id):
        read_run(paths)


def test_where_a_run_lies(tmp_path, monkeypatch):
    config = preset("digits")
    monkeypatch.setenv("UNCERTLR_RUNS", str(tmp_path / "env"))
    assert paths_of(config).directory == tmp_path / "env" / config.run_id
    assert paths_of(config.replace(root=str(tmp_path / "own"))).root == tmp_path / "own"
    monkeypatch.delenv("UNCERTLR_RUNS")
    assert paths_of(config).root == project_folder() / "runs"


@pytest.fixture
def whole(tmp_path):
    """A finished run as it lies on disk, without the training."""
    config = preset("digits")
    paths = RunPaths(tmp_path, config.run_id)
    paths.checkpoints.mkdir(parents=True)
    row = {"accuracy": 0.5}
    files.write_json(paths.config, config.model_dump(exclude=set(EXECUTION_FIELDS)))
    files.write_json(
        paths.record,
        {"status": "COMPLETED", "owner": {"host": "here", "pid": 1}, "data": "0" * 64}
        | {"examples": {"train": 1}, "class_names": ["0", "1"]},
    )
    files.write_json(
        paths.summary,
        {"run_id": config.run_id, "result_version": RESULT_VERSION, "epochs": 1, "steps": 1, "best_epoch": 1}
        | {"seconds": 1.0, "seconds_per_epoch": 1.0, "convergence": {"min_val_loss": 0.1}, "rate": {"final": 1e-3}}
        | {"val": row, "test": row, "test_best": None, "intervals": {"accuracy": [0.4, 0.6]}},
    )
    return paths


def change(path, **entries):
    files.write_json(path, {**files.read_json(path), **entries})


def test_a_whole_run_is_read(whole):
    assert read_run(whole).summary["steps"] == 1


@pytest.mark.parametrize(
    ("file", "entries", "words"),
    [
        ("record", {"status": "DONE"}, "run.json.* status='DONE'.*'RUNNING'"),
        ("record", {"owner": {"host": "here", "pid": "1; rm"}}, "run.json.* owner.pid='1; rm'"),
        ("record", {"class_names": "01"}, "run.json.* class_names='01'"),
        ("record", {"data": None}, "run.json.* data=None"),
        ("summary", {"steps": 1.5}, "summary.json.* steps=1.5"),
        ("summary", {"rate": {"final": "high"}}, "summary.json.* rate.final='high'"),
        ("summary", {"val": None}, "summary.json.* val=None"),
        ("summary", {"result_version": 99}, r" 99\b.* 1\b"),
        ("summary", {"run_id": "other"}, " other .*digits-none-s0"),
        ("config", {"seed": 1}, "digits-none-s1"),
        ("config", {"unheard_of": 1}, "config.json.*'unheard_of'"),
        ("config", {"epochs": -1}, "config.json.* epochs=-1"),
        ("config", {"root": "/etc"}, "config.json.* root='/etc'"),
    ],
)
def test_a_run_of_another_schema_or_with_wrong_types_is_refused_by_name(whole, file, entries, words):
    change(getattr(whole, file), **entries)
    with pytest.raises(RunError, match=words) as caught:
        read_run(whole)
    assert str(whole.directory) in str(caught.value)


def test_a_missing_entry_is_named(whole):
    files.write_json(whole.summary, {"run_id": whole.run_id})
    with pytest.raises(RunError, match=r"summary\.json.*result_version"):
        read_run(whole)


def test_a_renamed_folder_is_refused(whole):
    whole.directory.rename(whole.root / "renamed")
    with pytest.raises(RunError, match="renamed .*digits-none-s0"):
        read_run(RunPaths(whole.root, "renamed"))


@pytest.mark.parametrize("name", ["metrics.jsonl", "checkpoints/last.pt", "checkpoints/elsewhere"])
def test_links_are_refused(whole, tmp_path, name):
    (whole.directory / name).symlink_to(tmp_path / "outside")
    for use in (read_run, lambda paths: claimed(paths).__enter__()):
        with pytest.raises(RunError, match=f"{name} .*outside"):
            use(whole)


@pytest.mark.parametrize("name", ["../outside", "/etc", "a/b", "..", "", ".hidden", "a\n", "a\0"])
def test_names_that_could_lead_out_of_the_root_are_refused(tmp_path, name):
    with pytest.raises(RunError, match=re.escape(repr(name))):
        RunPaths(tmp_path, name)


def test_for_a_path_in_place_of_a_name_the_name_is_given(tmp_path):
    with pytest.raises(RunError, match=r"\Wdigits-none-s0-0\W.*root"):
        RunPaths(tmp_path, "../runs/digits-none-s0-0/")


@pytest.mark.parametrize(
    ("name", "read"),
    [("metrics", read_metrics), ("predictions", read_predictions), ("trace-0001.npz", read_trace)],
)
def test_a_damaged_table_is_named(paths, name, read):
    path = getattr(paths, name, paths.directory / name)
    path.write_bytes(b"PAR1{half")
    with pytest.raises(RunError, match=path.name):
        read(paths)


def test_no_trace_is_an_error_with_the_folder(paths):
    with pytest.raises(RunError, match=str(paths.directory)):
        read_trace(paths)


def test_a_run_shows_itself_as_a_short_table(like):
    shown = re.findall(r"<td>(.*?)</td>", like._repr_html_())
    assert shown[0] == like.config.run_id
    assert any("train_examples=300" in value for value in shown)
    assert f"{like.summary['test']['accuracy']:.4f}" in shown
    assert len(shown) < 10


def test_a_printed_run_says_in_two_lines_what_it_is_and_where(like):
    lines = repr(like).splitlines()
    assert str(like) == repr(like)
    assert len(lines) == 2
    assert like.config.run_id in lines[0]
    assert f"{like.summary['test']['accuracy']:.4f}" in lines[0]
    assert str(like.paths.directory) in lines[1]
    tuned = replace(like, summary=like.summary | {"test": {}})
    assert f"{like.summary['val']['accuracy']:.4f}" in repr(tuned)
