"""Rows and tables as text, in a terminal and elsewhere."""

import re
import sys

import pandas as pd
import pytest

from uncertlr.cli.text import INDENT, folded, frame_text

ROWS = [
    ("digits-none-s0-0123456789ab", "completed", "constant    ", "0", ""),
    ("digits-none-s1-0123456789ab", "failed   ", "constant 1e6", "1", "epochs=30 learning_rate=1e+06 channels=4,8 " * 3),
]


@pytest.fixture(params=[40, 60, 80, 120])
def terminal(request, monkeypatch):
    """A terminal's width."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    return request.param


def test_folded_rows_fit_and_lose_nothing(terminal):
    for row in ROWS:
        lines = folded(row)
        assert max(map(len, lines)) <= terminal
        assert " ".join(lines).split() == " ".join(row).split()


def test_rows_are_folded_at_the_same_columns(terminal):
    short, long = map(folded, ROWS)
    starts = [[line.find("constant") for line in lines if "constant" in line] for lines in (short, long)]
    assert starts[0] == starts[1]
    assert all(line.startswith(INDENT) for line in long[1:])


def test_a_sentence_on_another_stream_is_folded_between_words(terminal, monkeypatch):
    sentence = "uncertlr: no run 'nothing' in the folder runs or among published ones; uncertlr runs --published lists all"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    lines = folded([sentence], sys.stderr)
    assert max(map(len, lines)) <= terminal
    assert " ".join(lines).split() == sentence.split()


def test_outside_a_terminal_a_row_is_a_line():
    assert [len(folded(row)) for row in ROWS] == [1, 1]


def test_a_wide_table_is_broken_into_blocks(terminal):
    frame = pd.DataFrame({f"a long name {number}": [1 / 3, float("nan")] for number in range(12)})
    text = frame_text(frame, digits="4g")
    assert max(map(len, text.splitlines())) <= terminal
    assert text.count("0.3333") == 12
    assert "nan" not in text.lower()


def test_a_table_that_is_too_wide_gets_headings_of_several_lines(terminal):
    frame = pd.DataFrame({f"heading_of no_{number}": [1 / 3] for number in range(3)}, index=["row"])
    text = frame_text(frame, digits="4g")
    assert max(map(len, text.splitlines())) < terminal
    assert text.count("row") == 1
    assert text.count("heading_of no_2") == (terminal > 40)
    assert all(re.search(rf"heading_of no_{number}|^ .*\b{number}\b", text, re.M) for number in range(3))
