"""Tables of pandas on the book's pages: where their columns stand, and where the names of an index are."""

import re
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("sphinx.application", reason="Jupyter Book is not installed: see requirements.txt")
HEAD = re.compile(r"<thead>.*?</thead>", re.DOTALL)
CLASSES = re.compile(r'<t[hd][^>]* class="(\w+)"')

INDEX = pd.Index([1, 2], name="epoch")
SCORES = {"rate": [1e-3, 5e-5], "way": ["head", "all 3"], "share": ["12.1 %", ""], "pairs": ["0 of 10", "3 of 10"]}
LEVELS = pd.MultiIndex.from_product([["CNN", "LSTM"], [1, 2]], names=["network", "threads"])


@pytest.fixture
def aligned(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "book" / "_ext")
    import plain_notebooks

    return plain_notebooks.aligned


def test_numbers_and_text_of_a_column_are_told_apart_with_its_head(aligned):
    table = aligned(pd.DataFrame(SCORES, INDEX).to_html())
    assert CLASSES.findall(table) == 3 * ["number", "number", "text", "number", "number"]


def test_the_name_of_an_index_stands_among_the_heads(aligned):
    frame = pd.DataFrame(SCORES, INDEX)
    heads = HEAD.search(aligned(frame.to_html()))[0]
    assert heads.count("<tr") == 1
    assert re.findall(r">([^<>]*)</th>", heads) == ["epoch", *frame.columns]


def test_rows_that_lack_a_spanned_cell_keep_their_columns(aligned):
    frame = pd.DataFrame({"seconds": [1.5, 1.2, 3.0, 2.5], "device": list("abcd")}, LEVELS)
    table = aligned(frame.to_html())
    whole, short = ["text", "number", "number", "text"], ["number", "number", "text"]
    assert CLASSES.findall(table) == [*whole, *whole, *short, *whole, *short]


def test_heads_that_hold_a_name_in_the_same_place_stay_in_two_rows(aligned):
    table = pd.DataFrame(SCORES, INDEX).rename_axis(columns="score").to_html()
    assert HEAD.search(aligned(table))[0].count("<tr") == 2


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(SCORES, INDEX),
        pd.DataFrame({"a": [1.0, None], "b": ["<i>", "&"]}),
        pd.DataFrame([[1, 2], [3, 4]], columns=pd.MultiIndex.from_product([["loss"], ["mean", "sd"]])),
        pd.DataFrame({"a": []}),
    ],
    ids=["named index", "markup", "heads of two levels", "empty"],
)
def test_no_cell_of_the_body_changes(aligned, frame):
    cells = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>", re.DOTALL)
    before, after = (table[table.index("<tbody>") :] for table in (frame.to_html(), aligned(frame.to_html())))
    assert cells.findall(before) == cells.findall(after)
