import os
from pathlib import Path

import hypothesis
import matplotlib as mpl
import pytest
import torch

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.load_profile("repeatable")
mpl.use("agg")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def folders(tmp_path, tmp_path_factory, monkeypatch):
    """Runs, results and the cache of a test are its own, except that decoded real data is shared by a session."""
    monkeypatch.setenv("UNCERTLR_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("UNCERTLR_RESULTS", str(tmp_path / "results"))
    if "UNCERTLR_CACHE" not in os.environ:
        monkeypatch.setenv("UNCERTLR_CACHE", str(tmp_path_factory.getbasetemp().parent / "uncertlr-cache"))


@pytest.fixture
def real_data():
    """The folder of the real data sets; skips where there is none."""
    folder = os.environ.get("UNCERTLR_DATA", "")
    if not folder or not (Path(folder) / "cifar10").is_dir() or not (Path(folder) / "imdb").is_dir():
        pytest.skip("needs the real data sets: set UNCERTLR_DATA to a folder that holds cifar10/ and imdb/")
    return Path(folder)
