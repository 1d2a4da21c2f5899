"""The commands that show stored runs: runs, show, compare, and a sweep's page."""

import os
import re
import signal
import socket

import pandas as pd
import pytest

from uncertlr.cli import main
from uncertlr.config import preset
from uncertlr.runs.archive import publish
from uncertlr.runs.files import write_json
from uncertlr.runs.paths import paths_of
from uncertlr.runs.progress import Progress, write_progress
from uncertlr.runs.store import read_run
from uncertlr.training.run import run

TINY = preset("digits", "quick", epochs=1, train_examples=200, channels=[4, 8], hidden_size=16, progress="quiet")
OTHER = TINY.replace(rule="threshold", learning_rate=2e-3, seed=1)


@pytest.fixture
def printed(capsys):
    """The lines that a command prints."""

    def run_command(*arguments, code=0):
        assert main([str(each) for each in arguments]) == code
        captured = capsys.readouterr()
        return (captured.err if code else captured.out).splitlines()

    return run_command


def began(config, time):
    """Move a run's beginning."""
    paths = paths_of(config)
    write_json(paths.record, read_run(paths).record | {"began": time})


def test_own_runs_newest_first_and_published_ones_when_asked(printed):
    configs = [TINY.replace(seed=seed) for seed in range(3)]
    for config, time in zip(configs, ("2026-01-02", "2026-01-03", "2026-01-01"), strict=True):
        run(config)
        began(config, f"{time}T00:00:00+00:00")
    publish([read_run(paths_of(configs[1]))], "study")
    listed = [line.split()[0] for line in printed("runs")]
    assert listed == ["run", configs[0].run_id, configs[2].run_id, "1"]
    listed = [line.split()[0] for line in printed("runs", "--published")]
    assert listed == ["run", configs[0].run_id, configs[2].run_id, configs[1].run_id]
    assert [line.split()[0] for line in printed("runs", "--status", "published")] == ["run", configs[1].run_id]


def test_damaged_runs_are_listed_and_a_table_has_all_columns(printed, tmp_path):
    for config in (TINY, OTHER):
        run(config)
    publish([read_run(paths_of(TINY))], "study")
    paths_of(OTHER).summary.write_text("{")
    assert [line.split()[:2] for line in printed("runs")][1:-1] == [[OTHER.run_id, "damaged"]]
    printed("runs", "--csv", tmp_path / "runs.csv")
    table = pd.read_csv(tmp_path / "runs.csv")
    assert table["run_id"].tolist() == [OTHER.run_id, TINY.run_id]
    assert table.loc[1, ["status", "method", "seed", "source"]].tolist() == ["published", "constant", 0, "study"]


def test_rows_that_differ_do_not_look_alike(printed):
    configs = [TINY, TINY.replace(num_samples=4), TINY.replace(dropout=0.3), TINY.replace(seed=1), OTHER]
    for config in configs:
        run(config)
    rows = [re.sub(r"^\S+|\d{4}-\d\d-\d\d \d\d:\d\d|0\.\d{4}", "", line) for line in printed("runs")]
    assert len(set(rows)) == 1 + len(configs)


@pytest.mark.parametrize("columns", [80, 120])
def test_lines_fit_the_terminal(printed, columns, monkeypatch):
    run(OTHER.replace(decide_every=3))
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert max(map(len, printed("runs"))) < columns


@pytest.mark.parametrize(
    ("flag", "value", "near"),
    [("--dataset", "digit", "digits"), ("--rule", "thresholds", "threshold"), ("--status", "complete", "completed"),
     ("--method", "constnt", "constant")],
)  # fmt: skip
def test_a_filter_suggests_the_nearest_name(printed, flag, value, near):
    run(TINY)
    (line,) = printed("runs", flag, value, code=2)
    assert repr(value) in line
    assert repr(near) in line


def test_filters(printed):
    run(TINY)
    run(OTHER)
    assert [line.split()[0] for line in printed("runs", "--rule", "threshold")] == ["run", OTHER.run_id]
    assert [line.split()[0] for line in printed("runs", "--method", "constant")] == ["run", TINY.run_id]


def test_the_runs_that_are_being_trained(printed):
    paths = paths_of(TINY)
    paths.directory.mkdir(parents=True)
    write_json(paths.config, TINY.model_dump(include={"dataset", "seed", "rule", "epochs"}))
    owner = {"host": socket.gethostname(), "pid": os.getpid()}
    write_json(paths.record, {"owner": owner, "status": "RUNNING", "data": "0", "examples": {}, "class_names": []})
    write_progress(paths.progress, Progress(TINY.run_id, "training", 2, 5, 7, 21, 0.5, 10.0, 75.0))
    (line,) = printed("runs", "--watch")
    assert TINY.run_id in line
    assert "2/5" in line
    assert "01:15" in line


def test_watching_takes_no_filter(printed):
    (line,) = printed("runs", "--watch", "--dataset", "digits", code=2)
    assert "--watch" in line


def test_what_is_watched_is_folded_to_the_terminal_and_ended_by_an_interrupt(printed, monkeypatch, tmp_path):
    def interrupted(_seconds):
        raise KeyboardInterrupt

    row = {"run_id": TINY.run_id, "status": "running"}
    line = "epoch 2/5, step 7/21, loss 0.500, 01:15 left"
    monkeypatch.setattr("uncertlr.runs.index.run_rows", lambda *_, **__: [row])
    monkeypatch.setattr("uncertlr.runs.progress.read_progress", lambda _: {TINY.run_id: None})
    monkeypatch.setattr("uncertlr.runs.progress.progress_line", lambda _: line)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("time.sleep", interrupted)
    monkeypatch.setenv("COLUMNS", "60")
    lines = printed("runs", "--watch", "--root", tmp_path)
    assert max(map(len, lines)) < 60
    assert " ".join(" ".join(lines).split()) == f"{TINY.run_id} {line}"


def test_a_terminated_watch_does_not_end_as_if_all_were_well(monkeypatch):
    monkeypatch.setattr("uncertlr.cli.runs._watch", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    assert main(["runs", "--watch"]) == 143


def test_show_has_settings_scores_files_and_a_figure(printed, tmp_path):
    finished = read_run(run(OTHER))
    lines = printed("show", OTHER.run_id, "--figure", tmp_path / "curves.svg")
    text = "\n".join(lines)
    assert "<svg" in (tmp_path / "curves.svg").read_text()
    assert f"{finished.summary['test']['accuracy']:.4f}" in text
    assert all(part in text for part in ("learning_rate", "0.002", "summary.json", "checkpoints/last.pt"))
    printed("show", OTHER.run_id)
    assert (paths_of(OTHER).directory / "curves.svg").is_file()


def test_files_of_many_epochs_are_one_row(printed):
    config = TINY.replace(epochs=3)
    run(config)
    sizes = [path.stat().st_size for path in paths_of(config).directory.glob("trace-*.npz")]
    (row,) = [line for line in printed("show", config.run_id) if "trace-" in line]
    assert len(sizes) == 3
    assert f" {sum(sizes):,} " in row


def test_compare_has_what_differs_and_both_results(printed):
    one, other = (read_run(run(config)) for config in (TINY, OTHER))
    lines = printed("compare", TINY.run_id, OTHER.run_id)
    assert [line.split()[-1] for line in lines[:2]] == [TINY.run_id, OTHER.run_id]
    settings = lines[4 : lines.index("", 4)]
    assert {line.split()[0] for line in settings} == {"rule", "seed", "learning_rate"}
    assert max(map(len, lines)) < 80
    (accuracy,) = [line.split() for line in lines if line.startswith("accuracy")]
    assert accuracy[1:] == [f"{each.summary['test']['accuracy']:.4f}" for each in (one, other)]
    printed("compare", TINY.run_id, TINY.run_id, code=2)


@pytest.mark.parametrize("command", ["show", "evaluate"])
def test_an_unknown_run_is_answered_with_the_nearest(printed, command):
    run(TINY)
    (line,) = printed(command, TINY.run_id[:-1] + "x", code=2)
    assert TINY.run_id in line
    assert "run(config)" not in line


def test_a_page_compares_the_runs_of_a_sweep(printed, tmp_path):
    base = "{epochs: 1, train_examples: 200, channels: [4, 8], hidden_size: 16}"
    arms = "{constant: {}, '<b>': {rule: threshold}}"
    grid = f"experiment: digits\nprofile: quick\nseeds: 2\nbase: {base}\narms: {arms}\n"
    (tmp_path / "grid.yaml").write_text(grid)
    for seed in (0, 1):
        run(TINY.replace(seed=seed))
        run(TINY.replace(seed=seed, rule="threshold"))
    out = "\n".join(printed("sweep", tmp_path / "grid.yaml", "--report", tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    assert "4 loaded" in out
    assert page.count(TINY.run_id) == 1
    assert "data:image/svg+xml" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    printed("sweep", tmp_path / "grid.yaml", "--report", tmp_path / "none" / "page.html", code=2)
