"""The file of measured costs and the tables that the book draws of it; nothing here is timed."""

import json

import pytest

from uncertlr.costs import FILE, GROUPS, circumstances, costs_table, met, provisional, read_costs, times_table
from uncertlr.errors import RunError
from uncertlr.runs import project_folder

RATIO = {
    "name": "step",
    "unit": "ratio",
    "at_most": 1.05,
    "rounds": 3,
    "clock": "processor",
    "processor": {"value": 1.02, "spread": [1.01, 1.03]},
    "wall": {"value": 1.2, "spread": [0.9, 1.5]},
}
SECONDS = RATIO | {"name": "help", "unit": "seconds", "clock": "wall", "note": "the command"}
TIMES = {
    "rounds": 3,
    "processor": {"seconds": 0.02, "spread": [0.01, 0.03]},
    "wall": {"seconds": 0.5, "spread": [0.4, 0.6]},
    "floor": {"operations": 2e9, "bytes": 1e6, "seconds": 0.001},
}


def group(*rows, load=1.0, **more):
    environment = {"processor": "Abacus", "cores": 2, "versions": {"torch": "2"}}
    return {
        "rows": list(rows),
        "times": {"step": TIMES, "other": {name: TIMES[name] for name in ("rounds", "processor", "wall")}},
        "ended": "2026-01-02T03:04:05+00:00",
        "load_average": {"start": [load, 0, 0], "end": [0.5, 0, 0]},
        "effort": {"share": 1.0, "whole": False},
        "environment": environment,
        **more,
    }


def test_a_target_is_met_by_the_rows_own_clock():
    assert met(RATIO)
    assert not met(RATIO | {"clock": "wall"})
    assert met({**RATIO, "at_least": 1.0} | {"at_most": 2})
    advantage = {name: value for name, value in RATIO.items() if name != "at_most"}
    assert met(advantage | {"at_least": 1.0})
    assert not met(advantage | {"at_least": 1.03})
    assert met(advantage) is None


def test_the_table_has_a_row_a_target_and_names_what_was_not_measured():
    found = {"groups": {"step": group(RATIO), "startup": group(SECONDS), "book": group(error="no chromium")}}
    table = costs_table(found).set_index("what")
    assert table.loc["step"].tolist() == ["at most 1.05", "1.020", "1.010 to 1.030", "yes", "1.200", 3]
    assert table.loc["help (the command)"].tolist() == ["at most 1.05 s", "1.200 s", "0.900 to 1.500", "no", "", 3]
    assert table.loc["book", "measured"] == "not measured: no chromium"
    found["groups"]["step"]["rows"].append(RATIO | {"name": "second", "rounds": 2})
    assert costs_table(found).set_index("what").loc["second", "quartiles"] == ""  # two rounds have none
    assert set(costs_table(found)["what"]) - set(costs_table(found, brief=True)["what"]) == {"second"}
    missing = [name for name in GROUPS if name not in found["groups"]]
    assert all(table.loc[name, "measured"] == f"not measured: make bench GROUPS={name} does it" for name in missing)


def test_times_stand_beside_their_floors():
    table = times_table(group())
    assert table.loc["step"].tolist() == ["20.0", "10.0 to 30.0", "500", "1.000", "2e+09", "1e+06"]
    assert table.loc["other", "floor, ms"] == ""


def test_a_busy_machine_makes_figures_provisional():
    found = {"groups": {"step": group(load=7.5), "startup": group()}}
    assert provisional(found) == ["step"]
    assert circumstances(found).loc["step", "load at start and end"] == "7.5, 0.5"


@pytest.mark.parametrize(("content", "message"), [(None, "make bench writes it"), ("{", "is damaged"), ("[]", "no costs")])
def test_a_file_that_is_none_is_refused(content, message, tmp_path):
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(RunError, match=message):
        read_costs(tmp_path / FILE)


def test_the_published_file_can_be_drawn():
    found = read_costs(project_folder() / "results" / FILE)
    assert set(found["groups"]) <= set(GROUPS)
    table = costs_table(found)
    assert len(table) >= sum(len(each["rows"]) for each in found["groups"].values())
    for each in found["groups"].values():
        assert {"began", "ended", "load_average", "effort", "environment", "peers", "rows", "times"} <= set(each)
        for row in each["rows"]:
            low, high = row[row["clock"]]["spread"]
            assert low <= row[row["clock"]]["value"] <= high
            assert row["rounds"] >= 1
        times_table(each)
    json.dumps(found, allow_nan=False)
    assert len(circumstances(found)) == len(found["groups"])
