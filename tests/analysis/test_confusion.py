"""Confusion matrices and the entropies of their cells."""

import numpy as np
import pandas as pd
import pytest

from uncertlr.analysis.confusion import tabulate
from uncertlr.book import examples
from uncertlr.book.examples import confusion_of, store_examples
from uncertlr.config import preset
from uncertlr.runs.files import read_json, write_json
from uncertlr.runs.store import read_run
from uncertlr.training.run import run

NAMES = ("cat", "dog", "hen")


@pytest.fixture
def confusion():
    """Of three cats one is a dog to the network, both dogs are dogs; no hen."""
    rows = pd.DataFrame({"label": [0, 0, 0, 1, 1], "predicted": [0, 0, 1, 1, 1]})
    return tabulate(rows.assign(predictive_entropy=np.log(3) * np.array([0.2, 0.4, 0.8, 0.1, 0.3])), NAMES)


def test_cells_are_counted_and_their_entropies_averaged(confusion):
    assert confusion.classes == NAMES
    np.testing.assert_array_equal(confusion.counts, [[2, 1, 0], [0, 2, 0], [0, 0, 0]])
    none = np.nan
    np.testing.assert_allclose(confusion.entropy, [[0.3, 0.8, none], [none, 0.2, none], [none, none, none]])
    np.testing.assert_allclose(confusion.shares, [[2 / 3, 1 / 3, 0], [0, 1, 0], [none, none, none]])


def test_errors_and_entropy_by_class(confusion):
    table = confusion.by_class
    assert table.index.tolist() == list(NAMES)
    np.testing.assert_allclose(table, [[3, 1 / 3, 1.4 / 3], [2, 0, 0.2], [0, np.nan, np.nan]])


def test_a_run_has_the_confusions_of_its_test_set_and_stored_ones_need_no_data(monkeypatch):
    trained = read_run(run(preset("digits", "quick", epochs=1, train_examples=200, progress="quiet")))
    own = confusion_of(trained)
    assert own.classes == tuple(str(digit) for digit in range(10))
    assert own.counts.sum() == trained.record["examples"]["test"]
    assert np.trace(own.counts) / own.counts.sum() == pytest.approx(trained.summary["test"]["mc_accuracy"])
    assert np.nansum(own.entropy * own.counts) / own.counts.sum() * np.log(10) == pytest.approx(
        trained.predictions.query("split == 'test'")["predictive_entropy"].mean(), rel=1e-5
    )
    path = store_examples(trained)
    monkeypatch.setattr(examples, "load_config_data", lambda config: pytest.fail("asked for data"))
    stored = confusion_of(trained)
    assert stored.classes == own.classes
    np.testing.assert_array_equal(stored.counts, own.counts)
    np.testing.assert_allclose(stored.entropy, own.entropy, atol=5e-5)
    write_json(path, {name: value for name, value in read_json(path).items() if name != "confusion"})
    np.testing.assert_array_equal(confusion_of(trained).entropy, own.entropy)
    trained.paths.predictions.unlink()
    assert confusion_of(trained) is None


def test_a_run_that_is_not_tested_has_the_confusions_of_its_validation_set():
    trained = read_run(run(preset("digits", "quick", epochs=1, train_examples=200, evaluate_test=False, progress="quiet")))
    assert confusion_of(trained).counts.sum() == trained.record["examples"]["val"]
