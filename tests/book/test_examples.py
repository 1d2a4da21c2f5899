"""Examples of what a network is unsure of, from a run's data and from results/ alone."""

import re

import numpy as np
import pandas as pd
import pytest

from uncertlr.book import examples
from uncertlr.book.examples import (
    COUNT,
    GROUPS,
    choose,
    examples_of,
    examples_table,
    shorten,
    store_examples,
    titled_pictures,
)
from uncertlr.cli import main
from uncertlr.config import preset
from uncertlr.errors import RunError
from uncertlr.runs.archive import publish, results_folder
from uncertlr.runs.store import read_run
from uncertlr.training.build import load_config_data
from uncertlr.training.run import run

SMALL = {"epochs": 1, "train_examples": 200, "channels": [2, 4], "hidden_size": 8, "progress": "quiet"}


@pytest.fixture(params=["digits", "toy_reviews"])
def trained(request):
    return read_run(run(preset(request.param, **SMALL)))


def test_choose_ranks_by_entropy():
    table = pd.DataFrame({"label": [0, 1, 1, 0], "predicted": [0, 0, 1, 1], "predictive_entropy": [0.1, 0.2, 0.3, 0.4]})
    assert choose(table, 2) == {"least sure": [3, 2], "most sure": [0, 1], "sure and wrong": [1, 3]}
    assert choose(table.iloc[[0]], 2) == {"least sure": [0], "most sure": [0], "sure and wrong": []}


def test_a_runs_own_examples_are_those_of_its_test_set(trained):
    found = examples_of(trained)
    assert [example.group for example in found] == [group for group in GROUPS for _ in range(COUNT)]
    rows = trained.predictions.query("split == 'test'").reset_index(drop=True)
    assert found[0].predictive_entropy == pytest.approx(rows["predictive_entropy"].max(), abs=1e-4)
    assert found[COUNT].predictive_entropy == pytest.approx(rows["predictive_entropy"].min(), abs=1e-4)
    data = load_config_data(trained.config)
    for example in found:
        assert example.label == data.class_names[data.test.targets[example.index]]
        assert (example.label != example.predicted) or example.group != "sure and wrong"
        inputs = data.test.inputs[example.index]
        if data.kind == "image":
            np.testing.assert_array_equal(example.content, inputs)
        else:
            assert example.content == shorten(data.decode(inputs).split())


def test_the_table_of_examples_has_their_numbers_and_no_content(trained):
    found = examples_of(trained)
    table = examples_table(found)
    assert table.columns.tolist() == ["group", "index", "label", "predicted", "confidence", "predictive_entropy"]
    assert table["index"].tolist() == [each.index for each in found]
    assert examples_table([]).columns.tolist() == table.columns.tolist()


def test_titles_of_pictures_name_the_answer_and_the_label(trained):
    found = examples_of(trained)
    groups = titled_pictures(found)
    if isinstance(found[0].content, str):
        assert groups == {}
        return
    assert {name: len(pictures) for name, pictures in groups.items()} == dict.fromkeys(GROUPS, COUNT)
    (picture, title), first = groups[GROUPS[0]][0], found[0]
    np.testing.assert_array_equal(picture, first.content)
    answer, confidence, label = title.splitlines()
    assert answer == first.predicted
    assert re.findall(r"\d+", confidence) == [f"{100 * first.confidence:.0f}"]
    assert label.endswith(first.label)


def test_stored_examples_need_no_data(trained, monkeypatch):
    before = examples_of(trained)
    path = store_examples(trained)
    assert path.parent == results_folder()
    monkeypatch.setattr(examples, "load_config_data", lambda config: pytest.fail("asked for data"))
    for stored, own in zip(examples_of(trained), before, strict=True):
        np.testing.assert_array_equal(stored.content, own.content)
        assert (stored.group, stored.index, stored.confidence) == (own.group, own.index, own.confidence)


def test_a_published_run_without_predictions_has_none(tmp_path, capsys):
    trained = read_run(run(preset("digits", **SMALL)))
    publish([trained], "study")
    elsewhere = read_run(run(preset("digits", **SMALL, root=str(tmp_path / "elsewhere"))))
    assert examples_of(elsewhere) == []
    with pytest.raises(RunError, match=rf"{elsewhere.config.run_id}.*--predictions"):
        store_examples(elsewhere)
    assert main(["results", "examples", trained.config.run_id]) == 0
    assert examples_of(elsewhere) != []


def test_other_data_are_refused():
    trained = read_run(run(preset("digits", **SMALL)))
    trained.record["data"] = "0" * 64
    with pytest.raises(RunError, match="000000000000"):
        examples_of(trained)


def test_shorten_keeps_both_ends():
    words = [str(number) for number in range(40)]
    assert shorten(words).split() == [*words[:16], "…", *words[-16:]]
