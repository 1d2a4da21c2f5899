"""The file of measured costs and its tables; nothing here is timed."""

import json

import pandas as pd
import pytest

from benchmarks.tables import (
    FILE,
    FILE_OF_WHOLE_EPOCHS,
    GROUPS,
    STEPS,
    SharedGPU,
    circumstances,
    costs_table,
    gpu_steps_table,
    gpu_targets_table,
    main,
    met,
    read_costs,
    shared_gpu,
    times_table,
)
from uncertlr.errors import RunError
from uncertlr.runs.paths import project_folder

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
    "hardware_limit": {"operations": 2e9, "bytes": 1e6, "seconds": 0.001},
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
    assert set(costs_table(found, groups=("step",))["what"]) == {"step", "second"}
    missing = [name for name in GROUPS if name not in found["groups"]]
    assert all(table.loc[name, "measured"] == f"not measured: make bench GROUPS={name} does it" for name in missing)


def test_times_have_their_hardware_limits():
    table = times_table({"groups": {"step": group()}}, "step", "signal")
    assert table.loc["step"].tolist() == ["20.0", "10.0 to 30.0", "500", "1.000", "2e+09", "1e+06"]
    assert table.loc["other", "hardware limit, ms"] == ""
    assert times_table({"groups": {"step": {"error": "why", "rows": [], "times": {}}}}, "step", "signal").empty


@pytest.mark.parametrize(
    ("content", "message"), [(None, "No such file.*make bench"), ("{", "line 1.*make bench"), ("[]", "make bench")]
)
def test_a_file_that_is_none_is_refused(content, message, tmp_path):
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(RunError, match=message):
        read_costs(tmp_path / FILE)


@pytest.mark.parametrize("file", [FILE, FILE_OF_WHOLE_EPOCHS])
def test_the_published_files_can_be_drawn(file):
    found = read_costs(project_folder() / "results" / file)
    assert set(found["groups"]) <= set(GROUPS)
    assert {each["effort"]["whole"] for each in found["groups"].values()} == {file == FILE_OF_WHOLE_EPOCHS}
    table = costs_table(found)
    assert len(table) >= sum(len(each["rows"]) for each in found["groups"].values())
    for name, each in found["groups"].items():
        assert {"began", "ended", "load_average", "effort", "environment", "peers", "rows", "times"} <= set(each)
        for row in each["rows"]:
            low, high = row[row["clock"]]["spread"]
            assert low <= row[row["clock"]]["value"] <= high
            assert row["rounds"] >= 1
        assert len(times_table(found, name)) == len(each["times"])
    json.dumps(found, allow_nan=False)
    assert len(circumstances(found)) == len(found["groups"])


def gpu(cifar10=25.0, imdb=3.0, imdb_epoch=1.5, recorded=0.5):
    def times(ms):
        return {"ms": ms, "spread": [ms / 2, 2 * ms]}

    arms = {"fixed rate": 1.0, "report's rule": 1.25}
    kinds = {"plain": 4 * recorded, "recorded": recorded}
    return {
        "steps": {f"{arm}, {kind}": times(more * ms) for arm, more in arms.items() for kind, ms in kinds.items()},
        "runs": {
            "CIFAR-10, report's rule, 50 epochs": {"seconds": cifar10, "seconds_per_epoch": cifar10 / 60},
            "IMDB, report's rule, 1 epoch": {"seconds": imdb, "seconds_per_epoch": imdb_epoch},
        },
    }


def shared(sweep_seconds, runs=100):
    seconds = 100.0
    return SharedGPU(runs, round(60 * STEPS * seconds / sweep_seconds), seconds, at_once=12.0)


def test_steps_on_a_gpu_are_compared_in_one_table():
    table = gpu_steps_table(gpu(recorded=0.5))
    assert table.loc["fixed rate"].tolist() == ["2.000 (1.000 to 4.000)", "0.500 (0.250 to 1.000)", "4.00"]
    assert table.loc["report's rule", "recorded, ms"] == "0.625 (0.312 to 1.250)"
    assert table.loc["rule over fixed rate"].tolist() == ["1.25", "1.25", ""]


@pytest.mark.parametrize(
    ("found", "sweep", "outcomes"),
    [
        (gpu(cifar10=20.1, imdb=3.0, imdb_epoch=1.9), 361, ["missed", "not known", "missed"]),
        (gpu(cifar10=19.9, imdb=1.9, imdb_epoch=1.8), 359, ["met", "met", "met"]),
        (gpu(cifar10=19.9, imdb=3.0, imdb_epoch=2.1), None, ["met", "missed"]),
    ],
)
def test_targets_of_a_gpu_are_met_or_missed_by_the_numbers(found, sweep, outcomes):
    table = gpu_targets_table(found, shared(sweep) if sweep else None)
    assert table["outcome"].tolist() == outcomes
    assert table["target"].tolist() == ["20 s", "100 s", "6 minutes"][: len(outcomes)]


def test_a_sweeps_time_follows_from_the_steps_a_second():
    assert shared(sweep_seconds=720).sweep_seconds == pytest.approx(720, rel=1e-4)
    assert gpu_targets_table(gpu(), shared(sweep_seconds=720)).iloc[-1]["time"] == "12 minutes"


def test_runs_share_a_gpu_from_the_first_start_to_the_last_end():
    def run(began, ended, processor="GPU", dataset="cifar10", steps=100.0):
        clock = "2026-01-02T03:{:02}:00+00:00".format
        return {"began": clock(began), "ended": clock(ended), "processor": processor, "dataset": dataset, "steps": steps}

    runs = [run(10, 20), run(11, 12), run(20, 22)]
    others = [run(0, 5), run(30, 31), run(5, 10, "CPU"), run(22, 30, dataset="imdb"), run(22, 30, steps=None)]
    found = shared_gpu(pd.DataFrame([*others, *runs]), "GPU")
    assert found == SharedGPU(3, 300, seconds=12 * 60, at_once=13 / 12)
    assert shared_gpu(pd.DataFrame(others), "another GPU") is None


def test_the_published_times_of_a_gpu_can_be_set_out():
    found = json.loads((project_folder() / "results" / "gpu.json").read_text())
    assert not gpu_steps_table(found).isna().any(axis=None)
    assert len(gpu_targets_table(found, None)) == 2


@pytest.mark.usefixtures("published")
def test_every_published_table_is_printed(capsys):
    main()
    printed = capsys.readouterr().out
    assert all(
        name in printed for name in ("Monte Carlo dropout, T = 32", "one pass through the trunk", "rule over fixed rate")
    )
