"""Rules and networks of a user's own: named, recorded, resumed, found again, refused where their code has changed."""

import importlib
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest
from torch import nn

import uncertlr
from uncertlr import Bounds, Callback, find, load_run, own, preset, run
from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError, RunError
from uncertlr.runs.naming import arm_name
from uncertlr.schedulers import simulate
from uncertlr.sweep import read_sweep

TINY = preset("digits", "quick", epochs=3, train_examples=200, num_samples=4, progress="quiet")


@dataclass(frozen=True)
class Patient:
    threshold: float = 0.5
    patience: int = 3
    bounds: Bounds = Bounds()
    signal_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def init(self):
        return {"factor": 1.0, "above": 0}

    def update(self, state, signal):
        above = state["above"] + 1 if signal > self.threshold else 0
        if above < self.patience:
            return {"factor": state["factor"], "above": above}
        return {"factor": self.bounds.clip(state["factor"] / 2), "above": 0}

    def factor(self, state):
        return state["factor"]


def make_network(data):
    pixels = data.train.inputs[0].numel()
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, data.num_classes))


class Stop(Callback):
    def epoch(self, train, val, trace):
        if val["epoch"] == 1:
            raise KeyboardInterrupt


def test_a_run_with_a_rule_and_a_network_of_ones_own_is_recorded_and_found():
    rule = Patient(patience=2)
    finished = load_run(run(TINY, rule=rule, model=make_network))
    signals = finished.trace["signal"].astype(float).tolist()
    assert finished.trace["factor"].tolist() == [1.0, *simulate(rule, signals)][:-1]
    assert len(set(finished.trace["factor"])) > 2
    assert finished.record["num_parameters"] == 64 * 16 + 16 + 16 * 10 + 10
    assert "patience" in finished.config.own_rule
    assert "make_network" in finished.config.own_model
    assert arm_name(finished.config) == "Patient"
    assert find(own(TINY, rule=rule, model=make_network)).summary == finished.summary
    for other in (own(TINY, rule=Patient(patience=3), model=make_network), own(TINY, rule=rule), TINY):
        assert find(other) is None
    assert RunConfig(**finished.config.model_dump()).run_id == finished.config.run_id


def test_it_is_resumed_bit_for_bit(tmp_path):
    whole = load_run(run(TINY.replace(root=str(tmp_path)), rule=Patient(), model=make_network))
    with pytest.raises(KeyboardInterrupt):
        run(TINY, rule=Patient(), model=make_network, callbacks=[Stop()])
    resumed = load_run(run(TINY, rule=Patient(), model=make_network))
    assert len(resumed.record["resumed"]) == 1
    for name, values in whole.trace.items():
        assert values.tolist() == resumed.trace[name].tolist()
    assert whole.summary["test"] == resumed.summary["test"]


def test_a_name_takes_the_place_of_a_functions_own():
    one = run(TINY, model=lambda data: make_network(data), name="small")
    assert load_run(one).config.own_model == "small"
    assert own(TINY, rule=Patient(), name="waits").own_rule == "waits"


def test_other_code_under_the_same_name_is_refused(monkeypatch):
    run(TINY, model=make_network, name="net")
    with pytest.raises(RunError, match="net"):
        run(TINY, model=lambda data: make_network(data), name="net")


def test_a_sweep_names_what_can_be_imported(tmp_path, monkeypatch):
    (tmp_path / "things_of_a_user.py").write_text(
        "from dataclasses import dataclass\nfrom typing import ClassVar\nfrom torch import nn\n"
        "@dataclass(frozen=True)\nclass Constant:\n    value: float = 1.0\n"
        "    signal_range: ClassVar[tuple[float, float]] = (0.0, 1.0)\n"
        "    def init(self): return {}\n    def update(self, state, signal): return state\n"
        "    def factor(self, state): return self.value\n"
        "def net(data): return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.LazyLinear(data.num_classes))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    arm = """{rule: own, own_rule: 'things_of_a_user:Constant {"value": 0.5}'}"""
    (tmp_path / "grid.yaml").write_text(f"experiment: digits\nprofile: quick\nbase: {{epochs: 1}}\narms: {{half: {arm}}}\n")
    (job,) = read_sweep(tmp_path / "grid.yaml")
    constant = importlib.import_module("things_of_a_user").Constant(0.5)
    assert own(preset("digits", "quick", epochs=1), rule=constant).run_id == job.run_id
    assert set(load_run(run(job.config)).trace["factor"][1:]) == {0.5}
    moved = job.config.replace(own_rule=job.config.own_rule.replace("things_of_a_user:", "elsewhere.rules:"))
    assert moved.run_id == job.run_id, "the same rule in another module is the same run"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rule": "own"}, "own_rule"),
        ({"own_rule": "a:B"}, "own_rule"),
        ({"model": "own"}, "own_model"),
        ({"rule": "own", "own_rule": "no_such_module:Rule"}, "no_such_module"),
        ({"rule": "own", "own_rule": 'uncertlr.schedulers:Threshold {"threshold": 7}'}, "threshold"),
        ({"rule": "own", "own_rule": "uncertlr.schedulers:simulate"}, "simulate"),
        ({"rule": "own", "own_rule": "Elsewhere"}, "Elsewhere"),
    ],
)
def test_what_cannot_be_made_is_reported_by_its_name(changes, words):
    with pytest.raises(ConfigError, match=words):
        run(TINY.replace(**changes))


class WithoutRange:
    init = Patient.init
    update = Patient.update
    factor = Patient.factor


@pytest.mark.parametrize(("rule", "words"), [(WithoutRange(), "rule=WithoutRange.*signal_range"), (len, "rule=len.*init")])
def test_what_is_no_rule_is_refused_with_what_it_lacks(rule, words):
    with pytest.raises(ConfigError, match=words):
        run(TINY, rule=rule)


def test_a_network_in_place_of_a_function_that_makes_it_is_refused():
    with pytest.raises(ConfigError, match="Linear"):
        run(TINY, model=nn.Linear(64, 10))


def test_a_network_with_features_and_a_head_is_taken_as_it_is():
    from uncertlr.models import MLP

    finished = load_run(run(TINY, model=lambda data: MLP(64, data.num_classes, 16, 0.5), name="mlp16"))
    same = load_run(run(TINY.replace(model="mlp", hidden_size=16)))
    assert finished.trace["loss"].tolist() == same.trace["loss"].tolist()


def test_event_files_hold_every_step_and_epoch(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    finished = load_run(run(TINY, callbacks=[uncertlr.TensorBoard(tmp_path / "events")]))
    found = EventAccumulator(str(tmp_path / "events" / TINY.run_id), size_guidance={"scalars": 0}).Reload()
    assert [event.step for event in found.Scalars("step/loss")] == finished.trace["step"].tolist()
    assert [event.value for event in found.Scalars("step/loss")] == pytest.approx(finished.trace["loss"].tolist())
    assert [event.value for event in found.Scalars("val/accuracy")] == pytest.approx(
        finished.validation["accuracy"].tolist()
    )
