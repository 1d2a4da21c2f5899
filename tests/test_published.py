import numpy as np
import pandas as pd
import pytest

from uncertlr import experiments, published
from uncertlr.config import preset
from uncertlr.errors import RunError
from uncertlr.experiments import find, run
from uncertlr.published import publish, published_ids, results_folder, thin
from uncertlr.runs import RunPaths, load_run, paths_of

CONFIG = preset("digits", "quick", epochs=2, rule="threshold", threshold=0.9, progress="quiet")


@pytest.fixture
def trained():
    return load_run(run(CONFIG))


@pytest.fixture
def elsewhere(tmp_path):
    return CONFIG.replace(root=str(tmp_path / "elsewhere"))


def test_a_published_run_is_found_without_data_or_training(trained, elsewhere, monkeypatch):
    publish([trained], "study", with_predictions=[CONFIG.run_id])
    monkeypatch.setattr(experiments, "load_config_data", lambda config: pytest.fail("asked for data"))
    restored = load_run(run(elsewhere))
    assert restored.paths == paths_of(elsewhere)
    assert restored.config.identity == CONFIG.identity
    assert restored.summary == trained.summary
    pd.testing.assert_frame_equal(restored.metrics, trained.metrics)
    pd.testing.assert_frame_equal(restored.predictions, trained.predictions)
    assert restored.record["published"] == "study"
    assert "owner" not in restored.record


def test_the_factor_is_kept_lossless_and_the_trace_to_six_digits(trained, elsewhere, monkeypatch):
    monkeypatch.setattr(published, "TRACE_POINTS", 7)
    publish([trained], "study")
    restored = find(elsewhere)
    with np.load(restored.paths.factor) as arrays:
        np.testing.assert_array_equal(arrays["factor"], trained.trace["factor"])
    thinned = restored.trace
    steps = thinned["step"]
    assert len(steps) == 7
    assert (steps[0], steps[-1]) == (0, trained.summary["steps"] - 1)
    for name, values in thinned.items():
        np.testing.assert_allclose(values, trained.trace[name][steps], rtol=1e-5)
    assert restored.predictions is None


def test_published_files_are_immutable(trained):
    publish([trained], "study")
    with pytest.raises(RunError, match=r"study\.parquet exists"):
        publish([trained], "study")
    assert published_ids() == {CONFIG.run_id: results_folder() / "study.parquet"}


def test_the_size_limit_names_the_sizes(trained, monkeypatch):
    monkeypatch.setattr(published, "LIMIT_BYTES", 1_000)
    with pytest.raises(RunError, match=r"more than 1000: \{'study\.parquet': \d+\}"):
        publish([trained], "study")
    assert not (results_folder() / "study.parquet").exists()


def test_runs_of_another_result_version_are_refused(trained, monkeypatch):
    monkeypatch.setattr(published, "RESULT_VERSION", 99)
    with pytest.raises(RunError, match="another result version"):
        publish([trained], "study")


@pytest.mark.parametrize("name", ["a/b", "..", "", "study.parquet", "two words"])
def test_a_name_that_would_not_be_found_again_is_refused(trained, name):
    with pytest.raises(RunError, match="cannot name a file of .*without an ending"):
        publish([trained], name)


def test_a_run_is_published_once(trained):
    with pytest.raises(RunError, match="no run to publish"):
        publish([], "study")
    with pytest.raises(RunError, match=f"{CONFIG.run_id} is named twice"):
        publish([trained, trained], "study")
    with pytest.raises(RunError, match="predictions of another cannot go along"):
        publish([trained], "study", with_predictions=["another"])
    publish([trained], "study")
    with pytest.raises(RunError, match=r"is published already, in .*study\.parquet; leave it out"):
        publish([trained], "again")


def test_a_folder_that_cannot_be_written_is_named(trained, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNCERTLR_RESULTS", str(tmp_path / "file" / "results"))
    with pytest.raises(RunError, match=r"cannot write .*study\.parquet: Not a directory"):
        publish([trained], "study")


def test_no_results_folder_is_no_error(tmp_path):
    assert not published.restore_published(RunPaths(tmp_path, "x"))


def test_thin_keeps_a_short_trace_whole():
    trace = {"step": np.arange(5), "loss": np.linspace(0, 1, 5)}
    assert thin(trace, 400) == {"step": [0, 1, 2, 3, 4], "loss": [0.0, 0.25, 0.5, 0.75, 1.0]}
