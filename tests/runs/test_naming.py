"""Names of methods."""

import pytest

from uncertlr.runs.naming import arm_name
from uncertlr.runs.paths import project_folder
from uncertlr.sweep import read_sweep


@pytest.mark.parametrize("sweep", ["cifar10-standard", "imdb-standard", "cifar10-full", "cifar10-found"])
def test_a_method_has_one_name_in_sweeps_and_legends(sweep):
    """Controls and a second constant rate are named by what they control."""
    jobs = read_sweep(project_folder() / "sweeps" / f"{sweep}.yaml")
    methods = {job.arm: arm_name(job.config) for job in jobs if not job.config.donors and job.arm != "constant_low"}
    assert methods == {arm: arm for arm in methods}
