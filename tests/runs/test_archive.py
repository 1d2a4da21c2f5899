import errno
import json
import os
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uncertlr.config import preset
from uncertlr.errors import RunError, StaleResults
from uncertlr.runs import archive
from uncertlr.runs.archive import load_study, publish, published_ids, results_folder, stale_results, thin
from uncertlr.runs.files import read_json, write_json
from uncertlr.runs.index import list_runs
from uncertlr.runs.paths import RunPaths, paths_of
from uncertlr.runs.store import read_run, read_trace, whole_trace
from uncertlr.training import run as run_module
from uncertlr.training.finished import find
from uncertlr.training.run import run

CONFIG = preset("digits", "quick", epochs=2, rule="threshold", threshold=0.9, progress="quiet")


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """Trained once, then copied: no test is about the training."""
    return run(CONFIG.replace(root=str(tmp_path_factory.mktemp("once"))))


@pytest.fixture
def trained(once):
    shutil.copytree(once.directory, paths_of(CONFIG).directory)
    return read_run(paths_of(CONFIG))


@pytest.fixture
def elsewhere(tmp_path):
    return CONFIG.replace(root=str(tmp_path / "elsewhere"))


def test_a_published_run_is_found_without_data_or_training(trained, elsewhere, monkeypatch):
    publish([trained], "study", with_predictions=[CONFIG.run_id])
    monkeypatch.setattr(run_module, "load_config_data", lambda config: pytest.fail("asked for data"))
    restored = read_run(run(elsewhere))
    assert restored.paths == paths_of(elsewhere)
    assert restored.config.identity == CONFIG.identity
    assert restored.summary == trained.summary
    pd.testing.assert_frame_equal(restored.metrics, trained.metrics)
    pd.testing.assert_frame_equal(restored.predictions, trained.predictions)
    assert restored.record["published"] == "study"
    assert "owner" not in restored.record


def test_a_process_that_reads_a_published_run_is_not_disturbed_by_one_that_unpacks_it(trained, elsewhere, monkeypatch):
    publish([trained], "study")
    before = find(elsewhere)
    before.paths.summary.unlink()  # as the other process saw it, which began to unpack at the same time
    before.paths.trace(2).write_bytes(b"of a run that was not finished")
    seen, save = [], archive.save_arrays

    def note(path, arrays):
        seen.append(before.trace["factor"].tolist())
        save(path, arrays)

    monkeypatch.setattr(archive, "save_arrays", note)
    after = find(elsewhere)
    assert len(seen) == 2
    assert all(each == after.trace["factor"].tolist() for each in seen)


def test_a_published_file_is_decoded_once_for_all_its_runs(trained, elsewhere, monkeypatch):
    other = read_run(run(CONFIG.replace(seed=1)))
    publish([trained, other], "study")
    whole, read = [], pq.read_table

    def note(path, columns):
        whole.extend([path] if "trace" in columns else [])
        return read(path, columns=columns)

    monkeypatch.setattr(pq, "read_table", note)
    assert find(elsewhere).summary == trained.summary
    assert find(elsewhere.replace(seed=1)).summary == other.summary
    assert whole == [results_folder() / "study.parquet"]


def test_the_factor_is_kept_lossless_and_the_trace_to_six_digits(trained, elsewhere, monkeypatch):
    monkeypatch.setattr(archive, "TRACE_POINTS", 7)
    publish([trained], "study")
    restored = find(elsewhere)
    with np.load(restored.paths.factor) as arrays:
        np.testing.assert_array_equal(arrays["factor"], trained.trace["factor"])
    thinned = restored.trace
    steps = thinned["step"]
    assert len(steps) == 7
    assert (steps.min(), steps.max()) == (0, trained.summary["steps"] - 1)
    for name, values in thinned.items():
        np.testing.assert_allclose(values, trained.trace[name][steps], rtol=1e-5)
    assert {name: values.tolist() for name, values in thinned.items()} == thin(read_trace(trained.paths), 7)
    assert restored.predictions is None


@pytest.mark.parametrize("odd", [0.1, 1e300, 5e-324, np.inf])
@pytest.mark.parametrize("order", [1, -1])
def test_what_single_precision_cannot_hold_stays_double(trained, elsewhere, monkeypatch, odd, order):
    other = read_run(run(CONFIG.replace(seed=1)))
    strange = {name: np.full(len(trained.trace), odd) for name in ("signal", "loss")}

    def read(paths):
        return read_trace(paths) | (strange if paths == trained.paths else {})

    with monkeypatch.context() as during:
        during.setattr(archive, "read_trace", read)
        publish([trained, other][::order], "study")
    restored = find(elsewhere)
    with np.load(restored.paths.factor) as arrays:
        assert set(arrays["signal"].tolist()) == {odd}
    assert set(restored.trace["loss"].tolist()) == {float(f"{odd:.6g}")}
    with np.load(find(elsewhere.replace(seed=1)).paths.factor) as arrays:
        np.testing.assert_array_equal(arrays["signal"], other.trace["signal"])


def test_a_trial_is_thinned_and_says_so_to_who_would_replay_it(elsewhere):
    """Its test set stays closed, so nothing replays it, and its whole trace would take most of the room."""
    trial = CONFIG.replace(evaluate_test=False)
    publish([read_run(run(trial))], "trials")
    restored = find(elsewhere.replace(evaluate_test=False))
    assert len(restored.trace["factor"]) > 1
    with pytest.raises(RunError, match=rf"{trial.run_id}"):
        whole_trace(restored)


def test_published_files_are_immutable(trained):
    publish([trained], "study")
    with pytest.raises(RunError, match=r"study\.parquet"):
        publish([trained], "study")
    assert published_ids() == {CONFIG.run_id: results_folder() / "study.parquet"}


def test_the_size_limit_names_the_sizes(trained, monkeypatch):
    monkeypatch.setattr(archive, "LIMIT_BYTES", 1_000)
    with pytest.raises(RunError, match=r"1000.*study\.parquet"):
        publish([trained], "study")
    assert not (results_folder() / "study.parquet").exists()


def test_runs_of_another_result_version_are_refused(trained, monkeypatch):
    monkeypatch.setattr(archive, "RESULT_VERSION", 99)
    with pytest.raises(RunError, match=rf"{CONFIG.run_id}.*99"):
        publish([trained], "study")


@pytest.mark.parametrize("name", ["a/b", "..", "", "study.parquet", "two words"])
def test_a_name_that_would_not_be_found_again_is_refused(trained, name):
    with pytest.raises(RunError, match=repr(name)):
        publish([trained], name)


def test_a_run_is_published_once(trained):
    with pytest.raises(RunError):
        publish([], "study")
    assert published_ids() == {}
    with pytest.raises(RunError, match=f"{CONFIG.run_id}"):
        publish([trained, trained], "study")
    with pytest.raises(RunError, match="predictions"):
        publish([trained], "study", with_predictions=["another"])
    publish([trained], "study")
    with pytest.raises(RunError, match=rf"{CONFIG.run_id}.*study\.parquet"):
        publish([trained], "again")


def test_a_folder_that_cannot_be_written_is_named(trained, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNCERTLR_RESULTS", str(tmp_path / "file" / "results"))
    with pytest.raises(RunError, match=rf"study\.parquet.*{os.strerror(errno.ENOTDIR)}"):
        publish([trained], "study")


def test_no_results_folder_is_no_error(tmp_path):
    assert not archive.restore_published(RunPaths(tmp_path, "x"))


def test_thin_keeps_a_short_trace_whole():
    trace = {"step": np.arange(5), "loss": np.linspace(0, 1, 5)}
    assert thin(trace, 400) == {"step": [0, 1, 2, 3, 4], "loss": [0.0, 0.25, 0.5, 0.75, 1.0]}


def plant(path, *, version=1, drop=()):
    """Rewrite a published file as another version of the library would have left it."""
    rows = pq.read_table(path).to_pylist()
    for row in rows:
        row["summary"] = json.dumps(json.loads(row["summary"]) | {"result_version": version})
    pq.write_table(pa.Table.from_pylist(rows).drop_columns(list(drop)), path)


@pytest.mark.parametrize(
    ("planted", "reason"),
    [
        ({"version": 99}, r" 99\b.* 1\b"),
        ({"drop": ["trace", "factor"]}, r" factor, trace\b"),
    ],
)
def test_a_stale_file_is_refused_with_one_clear_error(trained, elsewhere, planted, reason):
    path = publish([trained], "study")
    assert stale_results() == {}
    plant(path, **planted)
    for ask in (run, find):
        with pytest.raises(StaleResults, match=rf"study\.parquet.*{reason}"):
            ask(elsewhere)
    assert list(stale_results()) == ["study.parquet"]
    row = list_runs(elsewhere.root and paths_of(elsewhere).root).iloc[0]
    assert (row["run_id"], row["status"], row["source"]) == (CONFIG.run_id, "stale", "study")


def test_a_file_that_is_no_parquet_is_stale_and_hides_no_other(trained, elsewhere):
    publish([trained], "study")
    (results_folder() / "broken.parquet").write_bytes(b"no such thing")
    assert find(elsewhere).config.run_id == CONFIG.run_id
    assert list(stale_results()) == ["broken.parquet"]


def test_a_local_run_of_another_result_version_is_refused(trained):
    write_json(trained.paths.summary, read_json(trained.paths.summary) | {"result_version": 0})
    with pytest.raises(StaleResults, match=r"\b0\b"):
        run(CONFIG) and find(CONFIG)


def test_a_study_is_read_if_this_version_made_it():
    results_folder().mkdir(parents=True)
    write_json(results_folder() / "costs.json", {"result_version": 1, "rows": [2]})
    assert load_study("costs")["rows"] == [2]
    with pytest.raises(RunError, match=r"cost\.json .*costs"):
        load_study("cost")
    write_json(results_folder() / "costs.json", {"result_version": 2})
    with pytest.raises(StaleResults, match=r"costs\.json.* 2\b"):
        load_study("costs")
    assert list(stale_results()) == ["costs.json"]


def test_what_is_published_here_is_not_stale(monkeypatch):
    monkeypatch.delenv("UNCERTLR_RESULTS")
    assert len(list(results_folder().glob("*.parquet"))) > 3
    assert stale_results() == {}
