"""What a sweep's file states about its study: read, checked, and no part of any run."""

import pytest

from uncertlr.errors import ConfigError
from uncertlr.runs.paths import project_folder
from uncertlr.sweep import read_sweep
from uncertlr.sweep.facts import ARM_FACTS, Facts
from uncertlr.sweep.file import read_grid

PLAIN = """experiment: digits
profile: quick
arms:
  constant: {}
  report: {rule: threshold}
  inverted: {rule: threshold, inverted: true}
  low: {learning_rate: 3.0e-4}
  usual: {schedule: constant, learning_rate: 1.0e-3, dropout: 0.4}
"""
STATED = (
    PLAIN.replace("arms:", "protocol_fixed: 2026-11-23T19:09:11\nchosen_on_validation: true\nbaselines: [constant]\narms:")
    .replace("inverted: true", "inverted: true, ablation_of: report")
    .replace("3.0e-4", "3.0e-4, matched_mean_rate_of: report")
    .replace("dropout: 0.4", "dropout: 0.4, matched_constant_rate_of: report")
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "grid.yaml"


def test_facts_are_read(path):
    path.write_text(STATED)
    assert read_grid(path).facts == Facts(
        protocol_fixed="2026-11-23T19:09:11",
        chosen_on_validation=True,
        baselines=("constant",),
        matched_mean_rates={"report": ("low",)},
        matched_constant_rates={"report": ("usual",)},
        ablations={"report": ("inverted",)},
    )
    assert all(vars(read_grid(path).facts).values())  # of each fact, a new one included, the file above states an example


def test_facts_change_no_run(path):
    path.write_text(PLAIN)
    without_facts = [job.run_id for job in read_sweep(path)]
    assert read_grid(path).facts == Facts()
    path.write_text(STATED)
    assert [job.run_id for job in read_sweep(path)] == without_facts


@pytest.mark.parametrize("time", ["2026-11-23T19:09:11", "'2026-11-23T19:09:11'", "2026-11-23 19:09:11"])
def test_a_time_may_be_written_as_yaml_allows(path, time):
    path.write_text(STATED.replace("2026-11-23T19:09:11", time))
    assert read_grid(path).facts.protocol_fixed == "2026-11-23T19:09:11"


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("[constant]", "[constnat]", "constnat"),
        ("[constant]", "constant", "constant"),
        ("ablation_of: report", "ablation_of: reports", "reports"),
        ("ablation_of: report", "ablation_of: inverted", "inverted"),
        ("matched_mean_rate_of: report", "matched_mean_rate_of: [report]", "report"),
        ("learning_rate: 1.0e-3", "learning_rate: 2.0e-3", "usual"),
        ("schedule: constant", "schedule: cosine", "usual"),
        ("inverted: true, ablation_of", "inverted: true, matched_mean_rate_of", "low"),
        ("2026-11-23T19:09:11", "yesterday", "yesterday"),
        ("chosen_on_validation: true", "chosen_on_validation: 3", "3"),
        ("chosen_on_validation", "chosen_on_validations", "chosen_on_validations"),
    ],
)
def test_what_makes_no_sense_is_refused_with_file_and_value(path, old, new, value):
    path.write_text(STATED.replace(old, new))
    with pytest.raises(ConfigError) as refused:
        read_sweep(path)
    assert str(path) in str(refused.value)
    assert value in str(refused.value)


def test_a_fact_that_no_field_holds_is_an_error(path, monkeypatch):
    path.write_text(STATED)
    monkeypatch.setitem(ARM_FACTS, "ablation_of", "unheard_of")
    with pytest.raises(TypeError, match="unheard_of"):
        _ = read_grid(path).facts


@pytest.mark.parametrize("sweep", sorted((project_folder() / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_study_of_the_project_states_when_its_protocol_was_fixed(sweep):
    assert read_grid(sweep).facts.protocol_fixed or sweep.stem == "quick"  # an example, no study
