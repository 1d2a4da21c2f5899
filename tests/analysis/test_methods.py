"""A method has one name: that of the study which plans it, else one made of its rule."""

import pandas as pd
import pytest

from uncertlr.analysis.methods import method_column, method_name, method_names
from uncertlr.config import preset
from uncertlr.runs.index import list_runs
from uncertlr.runs.paths import project_folder
from uncertlr.runs.store import read_run
from uncertlr.sweep import read_sweep
from uncertlr.training.run import run


@pytest.mark.parametrize("sweep", ["cifar10-standard", "imdb-standard", "cifar10-regulating"])
def test_a_studys_runs_have_the_names_of_its_arms(sweep):
    jobs = read_sweep(project_folder() / "sweeps" / f"{sweep}.yaml")
    assert {job.arm: method_name(job.config) for job in jobs} == {job.arm: job.arm for job in jobs}


def test_another_seed_has_the_same_name_and_another_rate_its_own():
    assert method_name(preset("cifar10", "standard", learning_rate=3e-4, seed=99)) == "constant_low"
    assert method_name(preset("digits", "quick", learning_rate=2e-4)) == "constant 2e-4"


def test_the_column_of_a_table_of_runs():
    finished = read_run(run(preset("digits", "quick", rule="threshold", epochs=1, train_examples=200, progress="quiet")))
    table = list_runs().set_index("run_id")
    assert method_column(table)[finished.config.run_id] == "report"
    assert method_column(pd.DataFrame({"run_id": ["damaged"], "dataset": [float("nan")]})).tolist() == [""]


def test_rows_that_share_a_seed_keep_their_names():
    """Equal but for the seed is one method; a replay's sources go with its seed, so its seed counts."""
    study = read_sweep(project_folder() / "sweeps" / "cifar10-standard.yaml")
    jobs = [job for job in study if job.config.seed in (3, 4)]
    rows = [
        {name: " ".join(map(str, value)) if isinstance(value, list | tuple) else value for name, value in job.config}
        for job in jobs
    ]
    assert len({job.arm for job in jobs}) > 5
    assert method_names(rows) == [job.arm for job in jobs]
