"""The published comparisons stay what they are, number by number, whatever is rewritten underneath."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.golden.comparisons import STORED, STORED_EFFECTS, effects
from tests.golden.run_ids import STORED as STORED_RUN_IDS
from tests.golden.run_ids import hash_of_runs
from uncertlr.analysis.every_comparison import every_comparison


@pytest.fixture(scope="module")
def runs(unpacked):
    """The published ones alone, whatever this machine has trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("UNCERTLR_RESULTS", raising=False)
        patch.setenv("UNCERTLR_RUNS", str(unpacked))
        yield


@pytest.fixture(scope="module")
def tables(runs):
    return pd.read_csv(STORED), every_comparison()


@pytest.fixture(scope="module")
def tables_of_effects(runs):
    return pd.read_csv(STORED_EFFECTS), effects()


def assert_as_stored(now, stored):
    assert list(now.columns) == list(stored.columns)
    assert len(now) == len(stored)
    for name in stored:
        if pd.api.types.is_numeric_dtype(stored[name]):
            np.testing.assert_allclose(now[name].astype(float), stored[name], rtol=0, atol=1e-9, err_msg=name)
        else:
            expected = stored[name].fillna("").astype(str).tolist()
            assert now[name].fillna("").astype(str).tolist() == expected, name


def test_every_comparison_is_as_stored(tables):
    stored, now = tables
    assert_as_stored(now, stored)


def test_every_effect_of_the_code_changes_is_as_stored(tables_of_effects):
    stored, now = tables_of_effects
    assert_as_stored(now, stored)
    assert (stored["pairs"] >= 10).all()


def test_the_table_holds_judged_comparisons(tables):
    stored, _ = tables
    assert (stored["pairs"] >= 10).sum() > 50
    assert {"cifar10-standard", "cifar10-tuned", "imdb-standard"} <= set(stored["study"])


@pytest.mark.parametrize(("name", "stored"), json.loads(STORED_RUN_IDS.read_text(encoding="utf-8")).items())
def test_every_sweep_plans_the_same_runs_as_before(name, stored):
    assert hash_of_runs(name) == stored
