"""What a sweep's file states about its study: read, checked, and no part of any run."""

import pytest

from uncertlr.errors import ConfigError
from uncertlr.sweep import read_sweep
from uncertlr.sweep.facts import Facts
from uncertlr.sweep.file import read_grid

PLAIN = """experiment: digits
profile: quick
arms:
  constant: {}
  report: {rule: threshold}
  inverted: {rule: threshold, flip: true}
  level: {learning_rate: 3.0e-4}
"""
STATED = (
    PLAIN.replace("arms:", "protocol_fixed: 2026-11-23T19:09:11\nchosen_on_validation: true\nbaselines: [constant]\narms:")
    .replace("flip: true", "flip: true, ablation_of: report")
    .replace("3.0e-4", "3.0e-4, matched_rate_of: report")
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "grid.yaml"


def test_facts_are_read(path):
    path.write_text(STATED)
    assert read_grid(path).facts == Facts(
        "2026-11-23T19:09:11", True, ("constant",), {"report": "level"}, {"report": ("inverted",)}
    )


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
        ("matched_rate_of: report", "matched_rate_of: [report]", "report"),
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
