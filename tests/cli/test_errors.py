"""Whatever goes wrong, the command line ends with one line on stderr and exit code 1 or 2; --debug adds the traceback."""

import os
import subprocess
import sys

import datasets
import numpy as np
import pytest
from PIL import Image

from uncertlr.cli import main

datasets.disable_progress_bars()
SMALL = ["--epochs", "1", "--progress", "quiet"]


def write_texts(folder, form="parquet"):
    rows = datasets.Dataset.from_dict(
        {"text": ["good film", "bad film"] * 20, "label": [1, 0] * 20},
        features=datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}),
    )
    folder.mkdir(parents=True, exist_ok=True)
    if form == "parquet":
        rows.to_parquet(folder / "train.parquet")
    elif form == "csv":
        rows.to_csv(folder / "train.csv")
    elif form == "json":
        rows.to_json(folder / "train.jsonl")
    else:
        datasets.DatasetDict({"train": rows}).save_to_disk(str(folder))
    return folder


def write_pictures(folder, size):
    pictures = [Image.fromarray(np.full((size, size), 100 * (index % 2), np.uint8)) for index in range(40)]
    features = datasets.Features({"img": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
    folder.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict({"img": pictures, "label": [0, 1] * 20}, features=features).to_parquet(
        folder / "train.parquet"
    )
    return folder


@pytest.fixture
def one_line(capsys):
    """Run a command that must fail: its one line."""

    def run(*arguments, codes=(2,)):
        assert main([str(each) for each in arguments]) in codes
        error = capsys.readouterr().err
        assert error.startswith("uncertlr: ")
        assert error.count("\n") == 1, error
        assert "Traceback" not in error
        return error

    return run


@pytest.mark.parametrize("size", [1, 2, 3])
def test_pictures_that_are_too_small_for_the_network(tmp_path, one_line, size):
    assert f"{size} x {size}" in one_line("run", write_pictures(tmp_path / "tiny", size), *SMALL)


@pytest.mark.parametrize("device", ["mps", "meta", "cuda:99", "banana", "xpu", "cpu:0:0", "", "privateuseone"])
def test_a_device_that_cannot_train_here(one_line, device):
    assert "device" in one_line("run", "toy_reviews", *SMALL, "--device", device)


@pytest.mark.parametrize(("form", "word"), [("csv", "csv"), ("json", "json"), ("disk", "load_from_disk")])
def test_other_forms_of_data(tmp_path, one_line, form, word):
    assert word in one_line("run", write_texts(tmp_path / "set", form), *SMALL)


@pytest.mark.parametrize("name", ["set/train.parquet", "set/gone.parquet", "set/README.md"])
def test_a_path_to_a_file(tmp_path, one_line, monkeypatch, name):
    write_texts(tmp_path / "set")
    (tmp_path / "set" / "README.md").write_text("no card")
    monkeypatch.chdir(tmp_path)
    assert "folder" in one_line("run", name, *SMALL)
    assert "folder" in one_line("run", tmp_path / name, *SMALL)


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff", b"line\nbreak", b"tab\tname", "птицы".encode(), b"bell\x07"])
def test_folders_of_any_bytes_are_trained_on(tmp_path, capsys, name):
    folder = tmp_path / os.fsdecode(name)
    assert main(["run", str(write_texts(folder)), *SMALL]) == 0
    assert main(["runs"]) == 0
    assert main(["runs", "--csv", str(tmp_path / "runs.csv")]) == 0
    capsys.readouterr()


def test_linked_folders_are_trained_on(tmp_path, capsys):
    write_texts(tmp_path / "real" / "data")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "data").symlink_to(tmp_path / "real" / "data")
    (tmp_path / "whole").symlink_to(tmp_path / "real")
    for name in ("set", "whole"):
        assert main(["run", str(tmp_path / name), *SMALL]) == 0
    capsys.readouterr()


@pytest.mark.parametrize("name", ["set", "./set", "sub/../set"])
def test_a_finished_run_is_found_without_its_data_by_any_path(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    write_texts(tmp_path / "set")
    assert main(["run", str(tmp_path / "set"), *SMALL]) == 0
    trained = capsys.readouterr().out
    (tmp_path / "set").rename(tmp_path / "elsewhere")
    for path in (name, str(tmp_path / "set")):
        assert main(["run", path, *SMALL]) == 0
        assert capsys.readouterr().out == trained


def test_a_warning_is_one_line(tmp_path):
    folder = write_texts(tmp_path / "set")
    (folder / "more.csv").write_text("text,label\n")
    command = [sys.executable, "-m", "uncertlr", "run", str(folder), *SMALL]  # pytest itself takes warnings
    error = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stderr
    assert error.startswith("uncertlr: ")
    assert error.count("\n") == 1
    assert "more.csv" in error


@pytest.mark.parametrize("root", ["--root=~/runs", "--device=cpu"])
def test_the_home_folder_in_yaml_and_flags(tmp_path, monkeypatch, capsys, root):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("UNCERTLR_RUNS", "~/runs")
    monkeypatch.chdir(tmp_path)
    write_texts(tmp_path / "set")
    (tmp_path / "grid.yaml").write_text("experiment: ~/set\nbase: {epochs: 1}\narms: {constant: {}}\n")
    assert main(["sweep", "grid.yaml", "--dry-run", root]) == 0
    assert main(["run", "~/set", *SMALL, root]) == 0
    assert not (tmp_path / "~").exists()
    assert (tmp_path / "runs").is_dir()
    capsys.readouterr()


@pytest.mark.parametrize(
    "arguments",
    [
        ["sweep", "grid.yaml", "--workers", "many"],
        ["sweep"],
        ["nonsense"],
        [],
        ["sweep", "no-such-file.yaml"],
        ["sweep", "."],
        ["evidence", "no-such-file.yaml"],
        ["book", "build", "--profile", "none"],
        ["run", "digits", "--seed"],
        ["run", "digits", "--root", "/dev/null"],
        ["run", ""],
        ["run", "\0"],
        ["evaluate", "no-such-run"],
        ["runs", "--csv", "/no/such/folder/file.csv"],
        ["record", "no-such-run", "--output", "/no/such/folder/file.json"],
        ["notebook", "quickstart", "--output", "/no/such/folder/file.ipynb"],
    ],
)
def test_bad_usage(one_line, arguments):
    one_line(*arguments, codes=(1, 2))


@pytest.mark.parametrize(
    "error", [RuntimeError("a\nb"), KeyError("x"), MemoryError(), RecursionError("deep"), OSError(28, "full")]
)
def test_what_nobody_foresaw_is_one_line_too_and_a_traceback_with_debug(one_line, monkeypatch, capsys, error):
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr("uncertlr.runs.index.run_rows", fail)
    assert "--debug" in one_line("runs", codes=(1,))
    assert main(["runs", "--debug"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_debug_shows_the_traceback_of_what_a_user_can_mend_too(capsys):
    assert main(["run", "digitz", "--debug"]) == 2
    error = capsys.readouterr().err
    assert "Traceback (most recent call last)" in error
    assert "'digitz'" in error.splitlines()[-1]
