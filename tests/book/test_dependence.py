"""Which parameters a figure depends on, by the cells that were run before it."""

import pytest
from matplotlib import pyplot

from uncertlr import plots
from uncertlr.book.dependence import Dependence
from uncertlr.plots import titles

DEFAULTS = {"threshold": 0.5, "epochs": 8, "overrides": {}, "root": ""}
CHANGED = DEFAULTS | {"threshold": 0.9}


def shown(*cells, parameters=CHANGED):
    found = Dependence(DEFAULTS)
    return [found.cell(cell, parameters) for cell in cells][-1]


@pytest.mark.parametrize(
    "cells",
    [
        ["plot(threshold)"],
        ["rule = Threshold(threshold)", "runs = {'rule': run(rule)}", "for each in runs.values():\n    plot(each)"],
        ["def train(epochs):\n    return threshold, epochs", "result = train(3)", "plot(result)"],
        ["rates, names = {}, []", "rates['a'], other = threshold, 1", "plot(rates)"],
        ["rates = []", "for _ in range(3):\n    rates.append(threshold)", "plot(rates)"],
        ["rates = []", "rates.append(threshold)", "plot(rates)"],
        ["network = new()", "for _ in range(3):\n    step(network, threshold)", "plot(network)"],
    ],
)
def test_a_figure_that_depends_on_a_changed_parameter_shows_it(cells):
    assert shown(*cells) == "threshold=0.9"
    assert shown(*cells, parameters=DEFAULTS) == ""


@pytest.mark.parametrize(
    "cells",
    [
        ["plot(epochs)"],
        ["x = threshold", "x = 3", "plot(x)"],
        ["import plots", "plots.rate(threshold)", "plots.rate(3)"],
        ["%matplotlib inline", "plot(3)"],
    ],
)
def test_one_that_does_not_depend_on_it_shows_nothing(cells):
    assert shown(*cells) == ""


def test_what_was_computed_with_an_old_value_is_shown_with_it():
    found = Dependence(DEFAULTS)
    found.cell("result = run(threshold)", CHANGED)
    assert found.cell("plot(result)", CHANGED | {"threshold": 0.7}) == "threshold=0.9"


def test_other_fields_are_shown_by_their_own_names_and_a_folder_is_not():
    assert shown("plot(overrides, root)", parameters=CHANGED | {"overrides": {"dropout": 0.1}, "root": "x"}) == "dropout=0.1"


@pytest.mark.parametrize("panels", [1, 2])
def test_the_title_carries_the_settings(panels, monkeypatch):
    monkeypatch.setattr(titles, "settings", "threshold=0.9")
    figure, axes = pyplot.subplots(panels, squeeze=False)
    for ax in axes[:, 0]:
        ax.set_title("what it shows")
    with monkeypatch.context() as silent:
        silent.setattr(pyplot, "show", lambda: None)
        plots.show("name")
    texts = [figure.get_suptitle(), *(ax.get_title() for ax in axes[:, 0])]
    assert sum("threshold=0.9" in text for text in texts) == 1
    assert all("what it shows" in text for text in texts[1:])
    pyplot.close(figure)
