"""A run's rates, recorded and followed by a loop that knows nothing of the run."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from uncertlr.cli import main
from uncertlr.config import preset
from uncertlr.errors import ConfigError
from uncertlr.runs.archive import publish
from uncertlr.runs.store import read_run
from uncertlr.schedulers import Threshold, UncertaintyLR, load_schedule
from uncertlr.training.record import save_schedule
from uncertlr.training.run import run

CONFIG = preset(
    "digits",
    "quick",
    epochs=2,
    schedule="one_cycle",
    rule="proportional",
    reference=0.0,
    exponent=-2.0,
    smoothing=0.9,
    warm_up=5,
    learning_rate=2e-3,
    progress="quiet",
)


@pytest.fixture
def source():
    """A finished run whose rates follow a schedule and its uncertainty."""
    found = read_run(run(CONFIG))
    assert len(set(found.trace["factor"].to_numpy().tolist())) > 10
    return found


def rates_of_a_plain_loop(make_scheduler, steps, learning_rate=CONFIG.learning_rate):
    """The rates that a user's own loop trains with."""
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    scheduler, rates = make_scheduler(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        model(torch.ones(3, 4)).sum().backward()
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("kind", [LambdaLR, lambda optimizer, curve: UncertaintyLR(optimizer, None, schedule=curve)])
def test_a_plain_loop_trains_with_the_runs_own_rates(source, tmp_path, monkeypatch, capsys, kind):
    monkeypatch.chdir(tmp_path)
    assert main(["record", CONFIG.run_id, "--output", "schedule.json"]) == 0
    assert f"{CONFIG.learning_rate:g}" in capsys.readouterr().out
    steps = len(source.trace["step"].to_numpy())
    rates = rates_of_a_plain_loop(lambda optimizer: kind(optimizer, load_schedule("schedule.json", steps)), steps)
    assert rates == source.trace["learning_rate"].to_numpy().tolist()


def test_a_published_runs_schedule_is_that_of_the_local_run(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_schedule(source, tmp_path / "local.json")
    publish([source], "published")
    assert main(["record", CONFIG.run_id, "--root", "elsewhere"]) == 0
    published = json.loads((tmp_path / f"schedule-{CONFIG.run_id}.json").read_text("utf-8"))
    assert published == json.loads((tmp_path / "local.json").read_text("utf-8"))
    assert published["source"]["run_id"] == CONFIG.run_id
    assert published["source"]["config"] == json.loads(json.dumps(CONFIG.identity))


@pytest.mark.parametrize("factor", [0.5, 3])
def test_another_length_follows_the_curve_over_relative_progress(source, tmp_path, factor):
    save_schedule(source, tmp_path / "schedule.json")
    own = source.trace["learning_rate"].to_numpy() / CONFIG.learning_rate
    steps = int(factor * len(own))
    schedule = load_schedule(tmp_path / "schedule.json", steps)
    curve = [schedule(step) for step in range(steps)]
    progress = np.linspace(0, 1, steps)
    np.testing.assert_allclose(np.log(curve), np.interp(progress, np.linspace(0, 1, len(own)), np.log(own)), atol=1e-9)
    assert schedule(steps) == schedule(10 * steps) == curve[-1]


def test_a_rule_multiplies_a_recorded_schedule(source, tmp_path):
    save_schedule(source, tmp_path / "schedule.json")
    steps = len(source.trace["step"].to_numpy())
    curve = load_schedule(tmp_path / "schedule.json", steps)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = UncertaintyLR(optimizer, Threshold(0.5), schedule=curve)
    scheduler.observe(0.9)
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5 * curve(1)]


def test_nothing_but_torch_and_numpy_is_imported_to_follow_a_schedule(source, tmp_path):
    save_schedule(source, tmp_path / "schedule.json")
    code = (
        "import sys; from uncertlr.schedulers import load_schedule; load_schedule('schedule.json', total_steps=7);"
        "print(*sorted({'pydantic', 'pandas', 'scipy', 'datasets', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_nothing_is_overwritten(source, tmp_path):
    (tmp_path / "mine.json").write_text("mine")
    with pytest.raises(ConfigError, match=r"mine\.json"):
        save_schedule(source, tmp_path / "mine.json")
    assert (tmp_path / "mine.json").read_text() == "mine"
    with pytest.raises(ConfigError, match=r"nowhere.*schedule\.json"):
        save_schedule(source, tmp_path / "nowhere" / "schedule.json")


def test_a_trial_has_no_whole_trace_to_record(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trial = CONFIG.replace(evaluate_test=False)
    publish([read_run(run(trial))], "trials")
    assert main(["record", trial.run_id, "--root", "elsewhere"]) == 2
    assert trial.run_id in capsys.readouterr().err
    assert main(["record", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err


GOOD = {"format": "uncertlr-schedule", "version": 1, "multipliers": [1.0, 0.5]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no json", r"schedule\.json"),
        ("[1.0]", r"schedule\.json"),
        (json.dumps(GOOD | {"version": 2}), r"schedule\.json"),
        (json.dumps(GOOD | {"multipliers": []}), "multipliers"),
        (json.dumps(GOOD | {"multipliers": [1.0, 0.0]}), "multipliers"),
        (json.dumps(GOOD | {"multipliers": [1.0, float("inf")]}), "multipliers"),
        (json.dumps(GOOD | {"multipliers": [1.0, True]}), "multipliers"),
        (json.dumps(GOOD | {"multipliers": "1.0"}), "multipliers"),
    ],
)
def test_what_is_no_schedule_is_refused(tmp_path, content, words):
    (tmp_path / "schedule.json").write_text(content)
    with pytest.raises(ConfigError, match=words):
        load_schedule(tmp_path / "schedule.json", 10)


@pytest.mark.parametrize("steps", [0, -1, 2.0, True])
def test_a_number_of_steps_that_makes_no_sense_is_refused(tmp_path, steps):
    (tmp_path / "schedule.json").write_text(json.dumps(GOOD))
    with pytest.raises(ConfigError, match=f"total_steps={steps}"):
        load_schedule(tmp_path / "schedule.json", steps)


def test_a_training_of_one_step_follows_the_first_multiplier(tmp_path):
    (tmp_path / "schedule.json").write_text(json.dumps(GOOD))
    curve = load_schedule(tmp_path / "schedule.json", 1)
    assert [curve(step) for step in (0, 1, 5)] == [1.0, 1.0, 1.0]
