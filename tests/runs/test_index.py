"""The table of runs: local and published, in every state that a folder can be left in."""

import json
import os
import socket
import subprocess
import sys

import pandas as pd
import pytest

from uncertlr.config import RunConfig, preset
from uncertlr.runs.archive import publish
from uncertlr.runs.files import read_json, write_json
from uncertlr.runs.index import STATUSES, list_runs, median_seconds
from uncertlr.runs.paths import paths_of
from uncertlr.runs.states import run_states
from uncertlr.runs.store import read_run
from uncertlr.training.run import run

CONFIG = preset("digits", "quick", epochs=1, channels=[4, 8], hidden_size=16, train_examples=200, progress="quiet")


@pytest.fixture
def finished():
    return read_run(run(CONFIG))


def leave(config, **record):
    """A folder as a run that did not finish leaves it."""
    paths = paths_of(config)
    paths.directory.mkdir(parents=True)
    write_json(paths.config, config.model_dump(include={"dataset", "seed", "rule", "epochs"}))
    data = {"data": "0" * 64, "examples": {"train": 1}, "class_names": ["0", "1"]}
    write_json(paths.record, {"owner": {"host": socket.gethostname(), "pid": os.getpid()}, **data, **record})


def dead_pid():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_finished_run_is_a_row_with_its_configuration_scores_and_time(finished):
    table = list_runs()
    row = table.iloc[0]
    assert len(table) == 1
    assert row["run_id"] == CONFIG.run_id
    assert row["status"] == "completed"
    assert {name for name in RunConfig.model_fields if name not in table} == {"device", "threads", "root", "progress"}
    assert row["channels"] == "4 8"
    assert row["test_accuracy"] == finished.summary["test"]["accuracy"]
    assert row["val_mc_ece"] == finished.summary["val"]["mc_ece"]
    assert row["seconds"] == finished.summary["seconds"]
    assert row["final_rate"] == 1e-3
    assert row["differs"] == "train_examples=200 channels=4,8 hidden_size=16 epochs=1"


def test_a_published_run_is_listed_once_whether_unpacked_or_not(finished, tmp_path):
    publish([finished], "study")
    for root in (finished.paths.root, tmp_path / "elsewhere"):
        table = list_runs(root)
        assert table[["run_id", "status", "source"]].to_numpy().tolist() == [[CONFIG.run_id, "published", "study"]]
        assert table["test_loss"].item() == finished.summary["test"]["loss"]


def test_states_of_unfinished_runs_are_distinguished():
    elsewhere = {"host": "another-machine", "pid": 1}
    leave(CONFIG, status="RUNNING")
    leave(CONFIG.replace(seed=1), status="RUNNING", owner={"host": socket.gethostname(), "pid": dead_pid()})
    leave(CONFIG.replace(seed=2), status="RUNNING", owner=elsewhere)
    leave(CONFIG.replace(seed=3), status="FAILED", error="RunError: diverged")
    leave(CONFIG.replace(seed=4), status="INTERRUPTED", error="KeyboardInterrupt: ")
    leave(CONFIG.replace(seed=5), status="RUNNING")
    paths_of(CONFIG.replace(seed=5)).config.write_text("{")
    table = list_runs().set_index("run_id")
    statuses = [table.loc[CONFIG.replace(seed=seed).run_id, "status"] for seed in range(6)]
    assert statuses == ["running", "interrupted", "running", "failed", "interrupted", "damaged"]
    assert set(statuses) < set(STATUSES)
    assert table.loc[CONFIG.replace(seed=3).run_id, "error"] == "RunError: diverged"
    assert "is damaged" in table.loc[CONFIG.replace(seed=5).run_id, "error"]
    assert run_states([CONFIG, CONFIG.replace(seed=9)]) == ["partial", "missing"]


def test_filters_and_order():
    configs = [CONFIG.replace(seed=1), CONFIG.replace(rule="threshold"), CONFIG, CONFIG.replace(dataset="cifar10")]
    for config in configs:
        leave(config, status="FAILED")
    assert list_runs()["run_id"].tolist() == [configs[index].run_id for index in (3, 2, 0, 1)]
    assert list_runs(dataset="digits")["run_id"].tolist() == [configs[index].run_id for index in (2, 0, 1)]
    assert list_runs(dataset="digits", rule="threshold")["run_id"].tolist() == [configs[1].run_id]
    assert list_runs(status="completed").empty


def test_states_of_finished_runs(finished):
    other = CONFIG.replace(seed=1)
    assert run_states([CONFIG, other]) == ["done", "missing"]
    publish([finished], "study")
    assert run_states([CONFIG, other]) == ["published", "missing"]


def test_time_is_estimated_from_runs_of_the_same_size_only():
    seconds = {0: 10.0, 1: 30.0, 2: 20.0}
    fields = {"dataset", "train_examples", "epochs", "model", "estimator"}
    alike = {"status": "completed", **CONFIG.model_dump(include=fields)}
    rows = [{**alike, "seconds": value} for value in seconds.values()]
    others = ({"status": "failed"}, {"epochs": 2}, {"estimator": "variational"}, {"model": "mlp"})
    rows += [{**alike, **other, "seconds": 1e9} for other in others]
    table = pd.DataFrame(rows)
    assert median_seconds(table, CONFIG) == 20.0
    assert median_seconds(table, CONFIG.replace(train_examples=300)) is None
    assert median_seconds(table, CONFIG.replace(estimator="deterministic")) is None


def test_an_empty_folder_is_an_empty_table_with_all_columns(tmp_path):
    table = list_runs(tmp_path / "nowhere")
    assert table.empty
    assert {"run_id", "status", "test_accuracy", "seconds"} <= set(table)


def test_a_run_with_fields_of_another_version_is_named_not_fatal(finished):
    config = read_json(finished.paths.config)
    finished.paths.config.write_text(json.dumps({**config, "forgotten_field": 1}))
    row = list_runs().iloc[0]
    assert row["status"] == "damaged"
    assert "forgotten_field" in row["error"]
