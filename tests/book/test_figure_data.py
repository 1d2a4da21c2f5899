"""The line beside a figure: its runs, and its numbers behind a link that asks nobody for anything."""

import base64
import io
import re

import pandas as pd
import pytest

from uncertlr.book.figure_data import (
    bands_table,
    bins_table,
    course_table,
    curves_table,
    epochs_over_seeds,
    figure_data,
    reliability_table,
    series_table,
    steps_over_seeds,
    traces_table,
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


def test_the_link_saves_the_table_and_names_the_runs(arms):
    table = curves_table(arms)
    line = figure_data("curves", table, [*arms.values(), arms["fixed"]])
    name, read = saved(line)
    assert name == "curves.csv"
    pd.testing.assert_frame_equal(read, table, rtol=1e-5, check_dtype=False)
    assert re.findall(r'<code class="run">(.*?)</code>', line._repr_html_()) == [arm.config.run_id for arm in arms.values()]
    assert not re.search(r'(src|href)="(?!data:)', line._repr_html_())


def test_curves_hold_every_epoch_and_split_of_every_arm(arms):
    table = curves_table(arms)
    assert table.groupby(["arm", "split"], sort=False).size().to_dict() == {
        (arm, split): 2 for arm in arms for split in ("train", "val")
    }
    assert set(table["run_id"]) == {arm.config.run_id for arm in arms.values()}
    assert not [column for column in table if column.startswith("bin_")]


def test_traces_are_thinned_only_where_they_are_long(arms, monkeypatch):
    whole = traces_table(arms)
    assert len(whole) == sum(len(arm.trace["step"]) for arm in arms.values())
    monkeypatch.setattr("uncertlr.book.figure_data.TRACE_POINTS", 3)
    thinned = traces_table(arms)
    last = arms["rule"].summary["steps"] - 1
    assert thinned.loc[thinned["arm"] == "rule", "step"].tolist() == [0, round(last / 2), last]


def test_bins_add_up_to_the_examples(arms):
    table = reliability_table(arms)
    assert table.groupby("arm")["counts"].sum().to_dict() == {
        name: arm.record["examples"]["test"] for name, arm in arms.items()
    }
    assert (table["upper"] - table["lower"]).round(9).nunique() == 1
    empty = bins_table({"bin_counts": [0, 2], "bin_confidence": [None, 0.8], "bin_accuracy": [None, 1.0]})
    assert empty["confidence"].isna().tolist() == [True, False]


def test_the_course_of_calibration_has_the_bins_of_every_epoch(arms):
    table = course_table(arms)
    sizes = table.groupby(["arm", "epoch"])["counts"].sum()
    assert sizes.index.tolist() == [(name, epoch) for name in arms for epoch in (1, 2)]
    assert set(sizes) == {arms["fixed"].record["examples"]["val"]}


def test_many_runs_are_folded_and_none_is_not_mentioned():
    table = series_table({}, "x", "y")
    assert list(table) == ["series", "x", "y"]
    assert "Run" not in figure_data("sums", table)._repr_html_()
    folded = figure_data("sums", table, [f"run-{index}" for index in range(9)])._repr_html_()
    assert "<summary>9 runs</summary>" in folded


def test_names_are_escaped():
    line = figure_data('a"b', pd.DataFrame({"x": [1]}), ["<b>"])._repr_html_()
    assert "<b>" not in line
    assert 'a"b' not in line


def test_seeds_lie_side_by_side(arms):
    seeds = {"both": list(arms.values()), "none": []}
    (epochs, losses), (steps, rates) = (
        epochs_over_seeds(seeds, "loss")["both"],
        steps_over_seeds(seeds, "learning_rate")["both"],
    )
    assert (epochs, losses.shape) == ([1, 2], (2, 2))
    assert rates.shape == (2, len(steps))
    blocks, means = steps_over_seeds(seeds, "learning_rate", block=3)["both"]
    assert blocks == pytest.approx([1.0 + 3 * index for index in range(len(steps) // 3)])
    assert means[:, 0] == pytest.approx(rates[:, :3].mean(axis=1))
    table = bands_table({"both": (steps, rates)}, "step", "rate")
    assert (table["low"] <= table["rate"]).all()
    assert set(table["seeds"]) == {2}
