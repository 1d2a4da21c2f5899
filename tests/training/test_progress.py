import sys

import pytest

from uncertlr.config import preset
from uncertlr.training.progress import reporter

TRAIN = {"loss": 0.5, "learning_rate": 1e-3, "seconds": 2.0}
VAL = {"epoch": 1, "loss": 0.4, "accuracy": 0.9}


def report(style):
    with reporter(preset("digits", "quick", progress=style)) as tell:
        tell(TRAIN, VAL)


def test_text_is_a_line_an_epoch(capsys):
    report("text")
    captured = capsys.readouterr()
    assert captured.out == "epoch 1/5  loss 0.5000  val loss 0.4000  val accuracy 0.9000  rate 1.00e-03  2.0 s\n"
    assert captured.err == ""


def test_quiet_is_quiet(capsys):
    report("quiet")
    assert capsys.readouterr() == ("", "")


def test_a_bar_counts_epochs(capsys):
    report("bar")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "1/5" in captured.err
    assert "accuracy 0.900" in captured.err


@pytest.mark.parametrize(("terminal", "stream"), [(True, "err"), (False, "out")])
def test_auto_is_a_bar_in_a_terminal_and_text_elsewhere(terminal, stream, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    report("auto")
    captured = capsys.readouterr()
    assert getattr(captured, stream)
    assert not getattr(captured, "out" if stream == "err" else "err")
