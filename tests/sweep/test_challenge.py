"""A reader's rule against fixed schedules and its own replay."""

import re
import sys
from dataclasses import replace

import pytest

from uncertlr import Threshold, own
from uncertlr.analysis.study import study_of
from uncertlr.cli import main
from uncertlr.cli.challenge import TABLE_COLUMNS, table
from uncertlr.config import PROFILES
from uncertlr.errors import ConfigError
from uncertlr.runs.paths import paths_of
from uncertlr.sweep.challenge import expected_seconds, rule_in, write_challenge

RULE = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Slower:
    strength: float = 2.0
    signal_range = (0.0, 1.0)

    def init(self):
        return {"factor": 1.0}

    def update(self, state, signal):
        return {"factor": 1 / (1 + self.strength * signal)}

    def factor(self, state):
        return state["factor"]
"""
SECOND = RULE.replace("Slower", "Slowest")


@pytest.fixture
def rule_file(tmp_path, monkeypatch):
    """Writes a reader's file; what is imported of it is forgotten after the test."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def write(code, name="my rule"):
        path = tmp_path / f"{name}.py"
        path.write_text(code)
        return path

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("my_rule"):
            del sys.modules[name]


@pytest.mark.parametrize(("more", "strength"), [("", 2.0), ("\nrule = Slower(strength=3.0)\n", 3.0)])
def test_the_rule_of_a_file_is_its_class_or_what_it_calls_rule(rule_file, more, strength):
    rule = rule_in(rule_file(RULE + more))
    assert type(rule).__name__ == "Slower"
    assert rule.strength == strength


def test_what_lies_beside_the_file_can_be_imported_by_it(rule_file):
    rule_file("STRENGTH = 5.0\n", "my_rule_settings")
    code = RULE.replace("strength: float = 2.0", "strength: float = STRENGTH")
    assert rule_in(rule_file("from my_rule_settings import STRENGTH\n" + code)).strength == 5.0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("", "rule"),
        (RULE + SECOND, "Slower.*Slowest"),
        ("rule = 3\n", "rule=3"),
        ("import nowhere_at_all\n", "nowhere_at_all"),
        ("def broken(:\n", "SyntaxError"),
        (RULE.replace("strength: float = 2.0", "strength: float"), "Slower"),
        (RULE.replace("Slower", "constant"), "constant"),
        (RULE.replace("1 / (1 + self.strength * signal)", "1 / signal"), "ZeroDivisionError"),
        (RULE.replace("1 / (1 + self.strength * signal)", "signal - 0.5"), r"factor -0\."),
        (RULE.replace("(0.0, 1.0)", "(0.1, 1.0)"), "signal_range"),
        (RULE.replace('return {"factor": 1 /', 'return {"seen": {0}, "factor": 1 /'), "set"),
    ],
)
def test_a_file_without_one_sound_rule_is_refused_in_one_line(rule_file, code, words, capsys):
    path = rule_file(code)
    with pytest.raises(ConfigError, match=words):
        write_challenge(path)
    assert main(["challenge", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line


def test_a_missing_file_and_too_few_seeds_are_refused(tmp_path, rule_file, capsys):
    for arguments, word in (([str(tmp_path / "none.py")], "none.py"), ([str(rule_file(RULE)), "--seeds", "1"], "1")):
        assert main(["challenge", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert word in line


def jobs_of(path, **settings):
    challenge = write_challenge(path, **{"profile": "quick", "seeds": 2, **settings})
    return challenge.jobs, challenge.arm, challenge.facts


def test_the_arms_are_the_rule_its_replay_and_two_schedules(rule_file):
    jobs, arm, facts = jobs_of(rule_file(RULE), seeds=5, base={"epochs": 1})
    assert arm == "Slower"
    assert facts.baselines == ("constant", "one_cycle")
    configs = {(job.arm, job.config.seed): job.config for job in jobs}
    assert len(configs) == 4 * 5
    assert {config.epochs for config in configs.values()} == {1}
    assert configs["one_cycle", 0].schedule == "one_cycle"
    assert configs["Slower_yoked", 3].donors == [configs["Slower", 4].run_id]


def test_a_changed_rule_has_runs_of_its_own_and_shares_the_others(rule_file):
    first, *_ = jobs_of(rule_file(RULE))
    again, *_ = jobs_of(rule_file(RULE))
    changed, *_ = jobs_of(rule_file(RULE.replace("1 / (", "2 / (")))
    where = [[paths_of(job.config).directory for job in jobs] for jobs in (first, again, changed)]
    assert where[1] == where[0]
    same = {job.arm for job, one, other in zip(first, where[0], where[2], strict=True) if one == other}
    assert same == {"constant", "one_cycle"}


def test_the_table_compares_the_rule_with_each_of_the_others(rule_file, plant_runs):
    jobs, arm, facts = jobs_of(rule_file(RULE), seeds=5)
    values = {"constant": 0.9, "one_cycle": 0.95, "Slower": 0.94, "Slower_yoked": 0.93}
    jobs = [replace(job, config=job.config.replace(root="")) for job in jobs]
    plant_runs(jobs, lambda of, seed: values[of] + seed / 1000)
    found = table(study_of(jobs, facts=facts), arm)
    assert list(found.columns) == TABLE_COLUMNS
    assert found["against"].tolist() == ["constant", "one_cycle", "Slower_yoked"]
    assert found["difference"].tolist() == pytest.approx([4, -1, 1])
    assert found["pairs"].tolist() == [5, 5, 5]


def test_the_time_grows_with_the_epochs_and_falls_with_the_workers(rule_file):
    configs = [job.config for job in jobs_of(rule_file(RULE), base={"epochs": 3})[0]]
    assert expected_seconds(configs, 2.0, 1) == 8 * 3 * 2.0
    assert expected_seconds(configs, 2.0, 4) == 8 * 3 * 2.0 / 4
    assert expected_seconds(configs[:1], 2.0, 4) == 6.0


def test_a_rule_of_the_library_can_be_challenged_too(rule_file):
    jobs, arm, _ = jobs_of(rule_file("from uncertlr import Threshold\nrule = Threshold(threshold=0.9)\n"))
    assert arm == "Threshold"
    assert {job.config.own_rule for job in jobs if job.arm == arm} == {
        own(jobs[0].config, rule=Threshold(threshold=0.9)).own_rule
    }
    assert all("challenges" in job.config.root for job in jobs if job.arm.startswith(arm))


@pytest.mark.slow
def test_a_challenge_trains_what_is_missing_and_prints_the_table(rule_file, monkeypatch, capsys):
    monkeypatch.setitem(PROFILES["quick"], "digits", {"epochs": 1, "train_examples": 200, "num_samples": 4})
    command = ["challenge", str(rule_file(RULE)), "--profile", "quick", "--seeds", "2", "--workers", "1"]
    assert main(command) == 0
    first = capsys.readouterr().out
    assert re.match(r"8\b.*\b0\b", first)
    assert all(count in first for count in ("8 trained", "0 loaded", "0 failed"))
    assert main(command) == 0
    again = capsys.readouterr().out
    assert "trained" not in again
    assert first.endswith(again)
    assert [line.split()[:2] for line in again.splitlines()[1:4]] == [
        ["Slower", "constant"],
        ["Slower", "one_cycle"],
        ["Slower", "Slower_yoked"],
    ]


@pytest.mark.slow
def test_a_rule_that_fails_while_it_trains_is_named(rule_file, monkeypatch, capsys):
    monkeypatch.setitem(PROFILES["quick"], "digits", {"epochs": 1, "train_examples": 200, "num_samples": 4})
    check = "        assert signal in TRIAL_SIGNALS\n        return {"
    fails = "from uncertlr.sweep.challenge import TRIAL_SIGNALS\n" + RULE.replace("        return {", check)
    fails = fails.replace("def init(self):\n        assert signal in TRIAL_SIGNALS", "def init(self):")
    assert main(["challenge", str(rule_file(fails)), "--profile", "quick", "--seeds", "2", "--workers", "1"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert any("AssertionError" in line and "Slower seed 0" in line for line in lines)
    assert "4 of 8" in lines[-1]
