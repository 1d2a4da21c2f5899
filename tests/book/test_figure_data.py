"""The line beside a figure: its runs, and its numbers behind a link that asks nobody for anything."""

import base64
import io
import re

import pandas as pd
import pytest

from uncertlr.book.figure_data import (
    bins_table,
    reliability_table,
)
from uncertlr.config import preset
from uncertlr.runs.store import read_run
from uncertlr.training.run import run

CONFIG = preset("digits", "quick", epochs=2, channels=[4, 8], hidden_size=16, train_examples=200, progress="quiet")


@pytest.fixture
def arms():
    return {"fixed": read_run(run(CONFIG)), "rule": read_run(run(CONFIG.replace(rule="threshold")))}


def saved(line):
    """The frame that a reader gets who follows the link."""
    name, content = re.search(r'download="([^"]+)" href="data:text/csv;base64,([^"]+)"', line._repr_html_()).groups()
    return name, pd.read_csv(io.BytesIO(base64.b64decode(content)))


def test_bins_add_up_to_the_examples(arms):
    table = reliability_table(arms)
    assert table.groupby("arm")["counts"].sum().to_dict() == {
        name: arm.record["examples"]["test"] for name, arm in arms.items()
    }
    assert (table["upper"] - table["lower"]).round(9).nunique() == 1
    empty = bins_table({"bin_counts": [0, 2], "bin_confidence": [None, 0.8], "bin_accuracy": [None, 1.0]})
    assert empty["confidence"].isna().tolist() == [True, False]
