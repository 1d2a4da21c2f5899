"""What a figure shows can be saved: its numbers are read from what is drawn."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from uncertlr.plots import figure_table, show
from uncertlr.plots.cell_output import FigureData


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_lines_points_and_bars_of_all_panels():
    figure, (top, middle, bottom) = plt.subplots(3)
    top.plot([1, 2], [0.5, 0.25], label="a")
    top.plot([1], [3], "o", label="b")
    top.axhline(0.7)  # a line of reference has no label
    top.set_ylabel("rate")
    middle.scatter([3, 4], [5, 6], label="c")
    middle.set_title("points")
    bottom.bar([0, 1], [7, 8], label="d")
    expected = pd.DataFrame(
        [
            *[("rate", "a", 1, 0.5), ("rate", "a", 2, 0.25), ("rate", "b", 1, 3)],
            *[("points", "c", 3, 5), ("points", "c", 4, 6)],
            *[("", "d", 0, 7), ("", "d", 1, 8)],
        ],
        columns=["panel", "series", "x", "y"],
    )
    pd.testing.assert_frame_equal(figure_table(figure), expected, check_dtype=False)


def test_a_panel_without_labels_gives_all_that_it_shows():
    figure, ax = plt.subplots()
    ax.plot([0, 1], [2, 3])
    assert figure_table(figure).to_dict("list") == {"panel": ["", ""], "series": ["", ""], "x": [0, 1], "y": [2, 3]}


def test_the_outline_of_a_histogram_gives_the_height_of_each_bin():
    figure, ax = plt.subplots()
    heights, edges, _ = ax.hist([0.1, 0.2, 0.9, 2.5, 2.6, 2.7], bins=3, range=(0, 3), histtype="step", label="a")
    table = figure_table(figure)
    assert heights.tolist() == [3, 0, 3]
    assert table["x"].tolist() == ((edges[:-1] + edges[1:]) / 2).tolist()
    assert table["y"].tolist() == heights.tolist()
    assert set(table["series"]) == {"a"}


def test_no_link_without_a_number():
    figure, ax = plt.subplots()
    ax.imshow([[0, 1]])
    assert "<a " not in FigureData("picture", figure_table(figure))._repr_html_()


def test_a_shown_figure_gives_its_numbers_or_those_of_a_table(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    _, ax = plt.subplots()
    ax.plot([0], [2.5], label="only")
    line = show("figure-name", runs=["one", "two", "one"])
    assert (line.name, line.runs) == ("figure-name", ("one", "two"))
    np.testing.assert_array_equal(line.table["y"], [2.5])
    table = pd.DataFrame({"class": ["cat"], "errors": [3]})
    assert show("figure-name", table=table).table is table


def test_the_link_saves_the_table_and_names_the_runs():
    table = pd.DataFrame({"x": [1, 2], "y": [0.123456, 1e-9]})
    line = FigureData("curves", table, ("run-1", "a<b>"))._repr_html_()
    name, content = re.search(r'download="([^"]+)" href="data:text/csv;base64,([^"]+)"', line).groups()
    assert name == "curves.csv"
    read = pd.read_csv(io.BytesIO(base64.b64decode(content)))
    pd.testing.assert_frame_equal(read, table, rtol=1e-5, check_dtype=False)
    assert re.findall(r'<code class="run">(.*?)</code>', line) == ["run-1", "a&lt;b&gt;"]
    assert not re.search(r'(src|href)="(?!data:)', line)


def test_many_runs_are_folded_and_none_is_not_mentioned():
    table = pd.DataFrame({"x": [1]})
    assert "<details>" in FigureData("a", table, tuple("abcdefgh"))._repr_html_()
    assert 'class="run"' not in FigureData("a", table)._repr_html_()
