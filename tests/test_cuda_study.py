"""The script for a GPU, on the CPU with a tiny study: slices end in time, go on, publish, and find their end."""

import time

import pytest

from benchmarks import cuda_study
from benchmarks.cuda_study import SEEDS, STUDIES, Slice, main
from uncertlr.errors import RunError
from uncertlr.runs.archive import published_ids, results_folder
from uncertlr.runs.paths import project_folder
from uncertlr.sweep import read_sweep
from uncertlr.sweep.file import read_grid

TRIALS = """
experiment: digits
profile: quick
seeds: [7]
base: {epochs: EPOCHS, train_examples: 200, channels: [4, 8], hidden_size: 16, num_samples: 4, evaluate_test: false}
trials: 2
arms:
  constant: {learning_rate: {low: 1e-4, high: 1e-2, log: true}}
  inverse: {rule: proportional, learning_rate: {low: 1e-4, high: 1e-2, log: true}, exponent: {low: -2, high: 0}}
  inverse_yoked: {replay_of: inverse}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Writes a study and carries a slice of it out, with two fresh seeds."""
    monkeypatch.setattr(cuda_study, "SEEDS", (1031, 1032))

    def carry_out(minutes, epochs=1, text=TRIALS):
        path = tmp_path / "tiny-trials.yaml"
        path.write_text(text.replace("EPOCHS", str(epochs)), encoding="utf-8")
        how = ["--device", "cpu", "--runs-per-gpu", "2", "--minutes", str(minutes), "--root", str(tmp_path / "runs")]
        return main([str(path), "--output", str(tmp_path / "out"), *how])

    return carry_out


@pytest.mark.slow
def test_a_study_is_tried_chosen_run_on_fresh_seeds_and_published(study, tmp_path):
    assert study(minutes=5) == 0
    tuned = read_sweep(tmp_path / "out" / "tiny-tuned.yaml")
    assert {job.config.seed for job in tuned} == {1031, 1032}
    trials = read_sweep(tmp_path / "tiny-trials.yaml")
    assert len(trials) == 4
    assert {job.run_id for job in (*trials, *tuned)} == set(published_ids())
    files = {path.name for path in (tmp_path / "out").glob("*.parquet")}
    assert files == {path.name for path in results_folder().glob("*.parquet")}
    assert len(files) == 2
    assert study(minutes=0) == 75  # the time is over before anything could be looked at
    assert study(minutes=5) == 0
    assert files == {path.name for path in (tmp_path / "out").glob("*.parquet")}


@pytest.mark.slow
def test_a_slice_ends_in_time_and_the_next_goes_on(study, tmp_path):
    for minutes in (0.25, 1):  # a busy machine has trained nothing after the first
        began = time.monotonic()
        assert study(minutes, epochs=20_000) == 75
        assert time.monotonic() - began < 60 * minutes + cuda_study.GRACE_SECONDS
        if checkpoints := list((tmp_path / "runs").glob("*/metrics.jsonl")):
            break
    assert checkpoints  # something was begun, and is kept


@pytest.mark.slow
def test_a_sweep_that_cannot_begin_stops_the_script(study):
    with pytest.raises(RunError, match="tiny-trials"):
        study(minutes=5, text=TRIALS.replace("num_samples: 4", "signal: loss"))


@pytest.mark.parametrize("name", STUDIES)
def test_the_books_studies_run_on_seeds_that_no_other_sweep_has(name):
    path = project_folder() / "sweeps" / f"{name}.yaml"
    assert read_grid(path).trials == 12
    others = [each for each in path.parent.glob("*.yaml") if not each.stem.endswith("-tuned")]
    assert not set(SEEDS) & {job.config.seed for each in others for job in read_sweep(each)}


def test_time_that_is_over_starts_nothing(tmp_path):
    over = Slice(tmp_path, "", "cpu", 1, time.monotonic() - 1)
    assert not over.carry_out(tmp_path / "no-such-file.yaml")
