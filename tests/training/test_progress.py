"""What a run reports while it trains, to callbacks, as text or a bar, and in its folder."""

import re
import sys

import numpy as np
import pytest

from uncertlr.config import preset
from uncertlr.errors import Interrupted
from uncertlr.runs.paths import RunPaths, paths_of
from uncertlr.runs.progress import Progress, read_progress
from uncertlr.runs.store import read_run
from uncertlr.training.display import Bar, Text, bar, display_of, shows_widgets
from uncertlr.training.progress import Callback
from uncertlr.training.run import run

TINY = preset("digits", "quick", epochs=3, train_examples=200, channels=[4, 8], hidden_size=16, progress="quiet")
TRAIN = {"loss": 0.5, "learning_rate": 1e-3, "seconds": 2.0}
VAL = {"epoch": 1, "loss": 0.4, "accuracy": 0.9}
PATHS = RunPaths(None, "digits-none-s0-0")


class Recorder(Callback):
    """Keeps what it receives; stops the run after an epoch."""

    def __init__(self, stop_after=0):
        self.events, self.states, self.stop_after = [], [], stop_after

    def loaded(self, config, paths):
        self.events.append("loaded")

    def begin(self, config, paths, resumed):
        self.paths = paths
        self.events.append(("begin", resumed))

    def progress(self, progress):
        self.states.append(progress)

    def epoch(self, train, val, trace):
        self.events.append((train["split"], val["split"], val["epoch"], len(trace["loss"])))
        if val["epoch"] == self.stop_after:
            raise KeyboardInterrupt

    def end(self, error):
        self.events.append(("end", type(error)))


def test_a_callback_receives_phases_steps_and_epochs_and_the_numbers_do_not_change(tmp_path, monkeypatch):
    monkeypatch.setattr("uncertlr.training.progress.INTERVAL", 0.0)
    recorder = Recorder()
    watched = read_run(run(TINY.replace(root=str(tmp_path / "watched")), callbacks=[recorder]))
    alone = read_run(run(TINY.replace(root=str(tmp_path / "alone"))))
    for name, values in alone.trace.items():
        np.testing.assert_array_equal(watched.trace[name], values)
    assert watched.paths.weights("last").read_bytes() == alone.paths.weights("last").read_bytes()
    assert {file.name for file in watched.paths.directory.iterdir()} == {
        file.name for file in alone.paths.directory.iterdir()
    }
    assert recorder.events == [("begin", 0), *(("train", "val", epoch, 4) for epoch in (1, 2, 3)), ("end", type(None))]
    phases = list(dict.fromkeys(state.phase for state in recorder.states))
    assert phases[:3] == ["loading data", "training", "validating"]
    assert phases[-1] == "testing the last epoch"
    steps = [(state.epoch, state.step, state.steps) for state in recorder.states if state.phase == "training"]
    assert steps == [(epoch, step, 4) for epoch in (1, 2, 3) for step in (1, 2, 3, 4)]
    losses = [state.loss for state in recorder.states if state.phase == "training"]
    assert losses == watched.trace["loss"].tolist()
    assert all(state.left is not None and state.left >= 0 for state in recorder.states if state.phase == "training")
    last = [state.left for state in recorder.states if state.phase.endswith("epoch")]
    assert last == sorted(last, reverse=True)
    assert last[0] > last[-1] >= 0


def test_where_a_run_is_lies_in_its_folder_only_while_it_trains():
    recorder, after = Recorder(), Recorder()
    with pytest.raises(Interrupted, match="2 of 3") as caught:
        run(TINY, callbacks=[recorder, Recorder(stop_after=2)])
    (line,) = caught.value._render_traceback_()
    assert "2 of 3" in line
    assert not recorder.paths.progress.exists()
    run(TINY, callbacks=[after])
    assert after.events[0] == ("begin", 2)
    assert not after.paths.progress.exists()
    run(TINY, callbacks=[loaded := Recorder()])
    assert loaded.events == ["loaded"]


def test_another_process_can_read_where_a_run_is():
    class Reads(Callback):
        seen = None

        def epoch(self, train, val, trace):
            self.seen = read_progress([paths_of(TINY)])

    run(TINY, callbacks=[reads := Reads()])
    assert reads.seen[TINY.run_id].epochs == 3
    assert reads.seen[TINY.run_id].share > 0


def test_text_is_a_line_per_epoch(capsys):
    text = Text()
    text.begin(preset("digits", "quick"), PATHS, resumed=0)
    text.progress(Progress("r", "training", 1, 5, 3, 21, 0.5))
    text.epoch(TRAIN, VAL, {})
    captured = capsys.readouterr()
    first, second = captured.out.splitlines()
    assert preset("digits", "quick").run_id in first
    assert re.findall(r"[\d.e/-]*\d", second) == ["1/5", "0.5000", "0.4000", "0.9000", "1.00e-03", "2.0"]
    assert captured.err == ""


def test_text_has_a_line_for_what_takes_long(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("uncertlr.training.display.time.perf_counter", lambda: now[0])
    text = Text()
    for seconds in (0.0, 1.0, 3.0, 4.0):
        now[0] = seconds
        text.progress(Progress("r", "decoding", step=round(1000 * seconds), steps=50_000))
    assert re.fullmatch(r"decoding\W+3,000/50,000\n", capsys.readouterr().out)
    now[0] = 40.0
    text.progress(Progress("r", "training", 1, 50, 100, 700, 2.0, left=4000.0))
    assert re.search(r"\b1/50\b.*\b100/700\b", capsys.readouterr().out)


def test_text_says_from_where_a_run_goes_on(capsys):
    Text().begin(preset("digits", "quick"), PATHS, resumed=2)
    assert "2 of 5" in capsys.readouterr().out


def test_quiet_is_quiet():
    assert display_of(TINY) == []


@pytest.mark.parametrize("columns", [80, 120])
def test_a_bar_says_method_epoch_step_loss_and_time_left_in_the_terminals_width(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    drawn = Bar()
    drawn.begin(TINY, PATHS, resumed=0)
    drawn.progress(Progress("r", "training", 2, 5, 7, 21, 0.5, 10.0, 75.0, title="digits power_law s0"))
    drawn.end(None)
    lines = [line for line in capsys.readouterr().err.split("\r") if "|" in line]
    assert any(all(part in line for part in ("power_law s0", "2/5", "7/21", "0.500", "01:15")) for line in lines)
    assert max(map(len, lines)) <= columns


def test_lines_stand_above_the_bar_which_goes_if_training_never_began(capsys):
    drawn = Bar()
    drawn.progress(Progress("r", "loading data", epochs=5, title="digits none s0"))
    drawn.begin(TINY, PATHS, resumed=0)
    drawn.end(None)
    shown = capsys.readouterr().err
    assert shown[: shown.index("training")].rsplit("\r", 1)[-1].strip() == ""
    drawn = Bar()
    drawn.progress(Progress("r", "loading data", epochs=5, title="digits none s0"))
    drawn.end(ValueError("no such data"))
    assert "\n" not in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_auto_is_a_bar_in_a_terminal_and_text_elsewhere(terminal, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert not shows_widgets()
    assert isinstance(bar(), Bar if terminal else type(None))
    assert [type(each) for each in display_of(TINY.replace(progress="auto"))] == [Bar if terminal else Text]


def test_a_notebooks_bar_is_one_widget_that_is_as_full_as_the_run_is_done():
    drawn = Bar(notebook=True)
    drawn.progress(Progress("digits-none-s0-0", "loading data", epochs=4))
    drawn.progress(Progress("digits-none-s0-0", "training", 2, 4, 10, 20, 0.5, 10.0, 75.0))
    left, bar_itself, right = drawn.bar.container.children
    assert (bar_itself.value, bar_itself.max) == (30, 80)
    assert "2/4" in right.value
    assert "|" not in left.value + right.value
    drawn.end(None)
    assert bar_itself.value == bar_itself.max
