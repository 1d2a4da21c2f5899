import pytest

from uncertlr.analysis.scores import arm_name
from uncertlr.config import preset
from uncertlr.runs.paths import project_folder
from uncertlr.runs.store import read_run
from uncertlr.sweep import read_sweep
from uncertlr.training.run import run


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("arms"))
    base = preset("toy_reviews", "quick", epochs=2, progress="quiet", root=root)
    return {name: read_run(run(base.replace(rule=rule))) for name, rule in (("fixed", "none"), ("rule", "threshold"))}


@pytest.mark.parametrize("sweep", ["cifar10-standard", "imdb-standard", "cifar10-full", "cifar10-found"])
def test_a_method_has_one_name_in_sweeps_and_legends(sweep):
    """Controls and a second constant rate are named by what they control."""
    jobs = read_sweep(project_folder() / "sweeps" / f"{sweep}.yaml")
    methods = {job.arm: arm_name(job.config) for job in jobs if not job.config.donors and job.arm != "constant_low"}
    assert methods == {arm: arm for arm in methods}
