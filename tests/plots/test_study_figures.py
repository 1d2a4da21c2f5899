"""The figures of a sweep, from runs that really ran."""

from pathlib import Path

import pytest

from uncertlr.analysis.study import study_of
from uncertlr.analysis.times import target_accuracy
from uncertlr.cli import main
from uncertlr.config import preset
from uncertlr.errors import ConfigError
from uncertlr.plots.study_figures import evidence_figures, save_figures
from uncertlr.runs.store import read_run
from uncertlr.sweep import Job
from uncertlr.sweep.facts import Facts
from uncertlr.training.run import run

QUICK = {"epochs": 2, "train_examples": 300, "progress": "quiet"}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    root, found = str(tmp_path_factory.mktemp("runs")), []
    for seed in range(2):
        fixed = preset("digits", "quick", seed=seed, root=root, **QUICK)
        found += [Job("constant", fixed), Job("report", fixed.replace(rule="threshold"))]
    for job in found:
        run(job.config)
    return [*found, Job("never ran", found[0].config.replace(seed=99))]


def of(jobs):
    return study_of(jobs, facts=Facts(baselines=("constant",)))


def test_every_arm_with_runs_is_drawn(jobs):
    figures = evidence_figures(of(jobs))
    assert set(figures) == {"differences", "time_to_target", "curves", "profiles"}
    assert figures["differences"].axes[0].texts[0].get_text() == "report"
    shown = [ax for ax in figures["curves"].axes if ax.get_visible()]
    assert [ax.get_title() for ax in shown] == ["report\nn = 2"]
    for name in ("curves", "differences"):
        assert [text.get_text() for text in figures[name].legends[0].get_texts()] == ["constant"]
    accuracies = read_run(run(jobs[1].config)).validation["accuracy"].tolist()
    assert accuracies in [line.get_ydata().tolist() for line in shown[0].get_lines()]


def test_the_target_is_the_median_of_the_last_accuracies(jobs):
    runs = [read_run(run(job.config)) for job in jobs if job.arm == "constant"]
    last = [each.validation["accuracy"].iloc[-1] for each in runs]
    assert target_accuracy(of(jobs), "constant") == pytest.approx(sum(last) / 2)


def test_a_baseline_without_runs_is_refused(jobs):
    with pytest.raises(ConfigError, match="never ran"):
        evidence_figures(of(jobs), "never ran")


def test_the_command_writes_them(jobs, tmp_path, capsys):
    grid = tmp_path / "grid.yaml"
    text = "experiment: digits\nprofile: quick\nseeds: 2\nbaselines: [constant]\nbase: {epochs: 2, train_examples: 300}\n"
    grid.write_text(text + "arms:\n  constant: {}\n  report: {rule: threshold}\n")
    root = jobs[0].config.root
    assert main(["evidence", str(grid), "--root", root, "--figures", str(tmp_path / "new" / "figures")]) == 0
    written = [Path(line) for line in capsys.readouterr().out.splitlines() if line.endswith(".svg")]
    assert {path.stem for path in written} == {"differences", "time_to_target", "curves", "profiles"}
    assert all(path.read_text().lstrip().startswith("<?xml") for path in written)


def test_a_folder_that_cannot_be_written_is_named(jobs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=str(tmp_path / "file")):
        save_figures(evidence_figures(of(jobs)), tmp_path / "file")
