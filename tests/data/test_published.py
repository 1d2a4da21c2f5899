"""The published runs' data are what the library reads today, bit for bit."""

import json

import pyarrow.parquet as pq
import pytest

from uncertlr.data import load_data
from uncertlr.runs.paths import project_folder


def published_fingerprints(name):
    found = set()
    for path in sorted((project_folder() / "results").glob("*.parquet")):
        table = pq.read_table(path, columns=["config_dataset", "record"])
        rows = zip(table["config_dataset"].to_pylist(), table["record"].to_pylist(), strict=True)
        found |= {json.loads(record)["data"] for dataset, record in rows if dataset == name}
    return found


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize("name", ["cifar10", "imdb"])
def test_the_real_sets_are_those_of_the_published_runs(name, own_cache):
    """Decoded anew, without the cache, and once more from the cache."""
    assert published_fingerprints(name) == {load_data(name).fingerprint} == {load_data(name).fingerprint}


def test_the_embedded_digits_are_those_of_the_published_runs():
    assert published_fingerprints("digits") == {load_data("digits").fingerprint}
