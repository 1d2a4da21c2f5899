"""Saving and loading an `UncertaintyLR`: what is restored, what is refused, which changed rates are noticed."""

import copy
import io
import json
import re
from pathlib import Path

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from tests.schedulers.test_uncertainty_lr import advance, optimizer
from uncertlr.config import RunConfig
from uncertlr.schedulers import (
    BoldDriver,
    Bounds,
    Integral,
    Inverted,
    PowerLaw,
    RelativeThreshold,
    Replay,
    Threshold,
    UncertaintyLR,
    cosine,
)
from uncertlr.training.rules import build_rule

RULES = [
    Threshold(),
    RelativeThreshold(),
    RelativeThreshold("quantile", quantile=0.8),
    PowerLaw(-1.0),
    PowerLaw(0.5, reference=0.0, warm_up=3),
    Integral(),
    BoldDriver(),
    Inverted(Threshold(0.4)),
    Inverted(RelativeThreshold()),
    Replay((1.0, 0.5, 2.0)),
]
FIRST_STATES = json.loads((Path(__file__).parent / "first_states.json").read_text())
"""States of the first release, with one queued value and the rates that followed: no value, 0.8, 0.1."""


def through_torch(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def through_json(state):
    return json.loads(json.dumps(state))


def restore(scheduler, saved):
    scheduler.optimizer.load_state_dict(saved["optimizer"])
    scheduler.load_state_dict(saved["scheduler"])


def saved_states(scheduler):
    return {"optimizer": scheduler.optimizer.state_dict(), "scheduler": scheduler.state_dict()}


@pytest.mark.parametrize("store", [through_torch, through_json])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_a_checkpoint_in_the_middle_changes_nothing(rule, store):
    def rates(scheduler, values):
        return [advance(scheduler, value) for value in values]

    whole = UncertaintyLR(optimizer(), rule, schedule=cosine(30))
    rates(whole, [0.9, 0.3, 0.5, 0.4])
    whole.observe(0.3, 16)
    resumed = UncertaintyLR(optimizer((0.7, 0.7)), rule, schedule=cosine(30))
    restore(resumed, store(saved_states(whole)))
    for name in set(vars(whole)) - {"optimizer", "schedule", "_waiting"}:
        assert getattr(resumed, name) == getattr(whole, name), name
    assert rates(resumed, [0.2, 0.8, 0.6]) == rates(whole, [0.2, 0.8, 0.6])


@pytest.mark.parametrize("case", FIRST_STATES, ids=lambda case: "-".join(map(str, case["settings"].values())))
def test_states_of_the_first_release_load(case):
    settings = case["settings"]
    factors = case["state"]["rule"].get("factors")
    rule = Replay(factors) if factors else build_rule(RunConfig(**settings), 9)
    scheduler = UncertaintyLR(optimizer((0.1,)), rule, schedule=cosine(12))
    scheduler.load_state_dict(case["state"])
    scheduler.optimizer.param_groups[0]["lr"] = case["state"]["last_lr"][0]
    assert (scheduler.queued_mean, scheduler.queued_weight) == (0.35, 1.0)
    assert [advance(scheduler, *values)[0] for values in ([], [0.8], [0.1])] == case["rates"]


def test_several_queued_values_of_the_first_release_load_as_their_mean():
    scheduler = UncertaintyLR(optimizer(), Threshold())
    state = scheduler.state_dict()
    del state["queued"]
    for values, queued in (([], (0.0, 0.0)), ([0.7], (0.7, 1.0)), ([0.25, 0.5], (0.375, 2.0))):
        scheduler.load_state_dict(state | {"pending": values})
        assert (scheduler.queued_mean, scheduler.queued_weight) == queued


@pytest.mark.parametrize("other", [None, Threshold(threshold=0.6), Threshold(every=2), Threshold(bounds=Bounds(0.1))])
def test_a_state_of_another_rule_is_refused(other):
    state = UncertaintyLR(optimizer(), Threshold()).state_dict()
    scheduler = UncertaintyLR(optimizer(), other)
    before = scheduler.state_dict()
    with pytest.raises(ValueError, match="Threshold"):
        scheduler.load_state_dict(state)
    assert scheduler.state_dict() == before


class Halving:
    """A user's rule that is no dataclass."""

    signal_range = (0.0, 1.0)

    def __init__(self, start=1.0):
        self.start = start

    def init(self):
        return {"factor": self.start}

    def update(self, state, signal):
        return {"factor": state["factor"] / 2}

    def factor(self, state):
        return state["factor"]


def test_the_state_of_a_rule_that_is_no_dataclass():
    whole = UncertaintyLR(optimizer(), Halving(0.5))
    advance(whole, 0.9)
    resumed = UncertaintyLR(optimizer(), Halving(0.5))
    resumed.load_state_dict(whole.state_dict())
    assert resumed.factor == whole.factor == 0.25
    with pytest.raises(ValueError, match="start"):
        UncertaintyLR(optimizer(), Halving(1.0)).load_state_dict(whole.state_dict())


def test_half_of_the_bounds_that_first_states_had_is_no_description():
    scheduler = UncertaintyLR(optimizer(), Threshold())
    state = scheduler.state_dict()
    with pytest.raises(ValueError, match="min_factor"):
        scheduler.load_state_dict(state | {"rule": {"threshold": 0.5, "min_factor": 0.01}})


@pytest.mark.parametrize("rule", [Inverted(Threshold()), Threshold()], ids=["without it", "with one too many"])
def test_an_inner_rule_belongs_to_the_rules_that_have_one(rule):
    scheduler = UncertaintyLR(optimizer(), rule)
    saved = scheduler.state_dict()["rule"]
    other = {"name": "Inverted"} if "rule" in saved else saved | {"rule": saved}
    with pytest.raises(ValueError, match="rule"):
        scheduler.load_state_dict(scheduler.state_dict() | {"rule": other})


def test_what_is_inverted_belongs_to_the_state():
    state = UncertaintyLR(optimizer(), Inverted(Threshold(0.5))).state_dict()
    for other in (Threshold(0.5), Inverted(Threshold(0.6)), Inverted(RelativeThreshold())):
        with pytest.raises(ValueError, match="Inverted"):
            UncertaintyLR(optimizer(), other).load_state_dict(state)


def test_a_state_from_before_a_setting_existed_has_its_default():
    whole = UncertaintyLR(optimizer(), RelativeThreshold())
    for value in (0.5, 0.9):
        advance(whole, value)
    state = copy.deepcopy(whole.state_dict())
    del state["rule"]["dead_band"]
    resumed = UncertaintyLR(optimizer(), RelativeThreshold())
    resumed.load_state_dict(state)
    assert resumed.rule_state == whole.rule_state
    with pytest.raises(ValueError, match="dead_band"):
        UncertaintyLR(optimizer(), RelativeThreshold(dead_band=0.1)).load_state_dict(state)


def test_a_state_of_another_number_of_groups_is_refused():
    state = UncertaintyLR(optimizer((1.0,)), None).state_dict()
    with pytest.raises(ValueError, match=r"1 parameter groups.* 2\b"):
        UncertaintyLR(optimizer(), None).load_state_dict(state)


@pytest.mark.parametrize("foreign", [None, [0.1], "state"])
def test_what_is_no_dict_is_refused_as_a_state(foreign):
    with pytest.raises(ValueError, match=f"UncertaintyLR.*{re.escape(repr(foreign))}"):
        UncertaintyLR(optimizer(), Threshold()).load_state_dict(foreign)


@pytest.mark.parametrize("foreign", [LambdaLR(optimizer(), lambda step: 1.0).state_dict(), {}, {"rule": {}}])
def test_a_foreign_state_is_refused_by_what_it_lacks(foreign):
    scheduler = UncertaintyLR(optimizer(), Threshold())
    before = scheduler.state_dict()
    with pytest.raises(ValueError, match=r"rule_state.*UncertaintyLR|UncertaintyLR.*rule_state"):
        scheduler.load_state_dict(foreign)
    assert scheduler.state_dict() == before


def test_a_rule_state_of_another_kind_is_refused():
    scheduler = UncertaintyLR(optimizer(), Threshold())
    state = scheduler.state_dict() | {"rule_state": {"step": 3}}
    with pytest.raises(ValueError, match="step"):
        scheduler.load_state_dict(state)


@pytest.mark.parametrize("order", [("optimizer", "scheduler"), ("scheduler", "optimizer")])
@pytest.mark.parametrize("tensor", [False, True])
def test_either_order_of_restoring_goes_on_with_the_same_rates(order, tensor):
    whole = UncertaintyLR(optimizer(tensor=tensor), Threshold())
    for value in (0.9, 0.8):
        advance(whole, value)
    saved = copy.deepcopy(saved_states(whole))
    resumed = UncertaintyLR(optimizer(tensor=tensor), Threshold())
    for part in order:
        (resumed.optimizer if part == "optimizer" else resumed).load_state_dict(saved[part])
    assert advance(resumed, 0.1) == advance(whole, 0.1)


@pytest.mark.parametrize(("part", "found", "expected"), [("optimizer", 0.05, 0.1), ("scheduler", 0.1, 0.05)])
def test_one_state_loaded_without_the_other_is_refused_with_both_rates(part, found, expected):
    saved = UncertaintyLR(optimizer(), Threshold())
    advance(saved, 0.9)
    resumed = UncertaintyLR(optimizer(), Threshold())
    if part == "optimizer":
        resumed.optimizer.load_state_dict(saved.optimizer.state_dict())
    else:
        resumed.load_state_dict(saved.state_dict())
    resumed.optimizer.step()
    with pytest.raises(RuntimeError, match=rf"is {found}, .* {expected}\b"):
        resumed.step()


def test_a_rate_set_by_hand_after_a_resume_is_named():
    saved = UncertaintyLR(optimizer((0.1,)), Threshold())
    advance(saved, 0.9)
    resumed = UncertaintyLR(optimizer((0.1,)), Threshold())
    restore(resumed, copy.deepcopy(saved_states(saved)))
    resumed.optimizer.param_groups[0]["lr"] = 0.02
    resumed.observe(0.9)
    resumed.optimizer.step()
    with pytest.raises(RuntimeError, match=r"is 0\.02, .* 0\.05\b"):
        resumed.step()


def test_a_rate_set_after_loading_step_0_becomes_the_initial_rate():
    """As Lightning's finder does: it restores the state of step 0, then writes its rate into every group."""
    scheduler = UncertaintyLR(optimizer((0.1, 0.01)), Threshold(), schedule=cosine(10))
    restore(scheduler, copy.deepcopy(saved_states(scheduler)))
    for group in scheduler.optimizer.param_groups:
        group["lr"] = 0.3
    scheduler.observe(0.9)
    scheduler.optimizer.step()
    with pytest.warns(UserWarning, match=r"0\.3 .*0\.1|0\.3 .*0\.01") as caught:
        scheduler.step()
    assert {each.filename for each in caught} == {__file__}, "they point to the line that calls step()"
    expected = UncertaintyLR(optimizer((0.3, 0.3)), Threshold(), schedule=cosine(10))
    assert scheduler.get_last_lr() == advance(expected, 0.9)
    assert scheduler.base_lrs == [0.3, 0.3]
    assert [group["initial_lr"] for group in scheduler.optimizer.param_groups] == [0.3, 0.3]
    scheduler.optimizer.param_groups[0]["lr"] = 0.2
    with pytest.raises(RuntimeError, match=r"0\.2"):
        advance(scheduler)


@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec", "ignore:.*does not have many workers")
def test_lightnings_learning_rate_finder_sets_the_initial_rate(tmp_path):
    lightning = pytest.importorskip("lightning.pytorch", reason="the lightning extra is not installed")
    from lightning.pytorch.callbacks import LearningRateFinder

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer, self.lr, self.rates = torch.nn.Linear(4, 2), 1e-3, []

        def training_step(self, batch, index):
            if self.trainer.lr_scheduler_configs and isinstance(self.lr_schedulers(), UncertaintyLR):
                self.rates.append(self.optimizers().param_groups[0]["lr"])
                self.lr_schedulers().observe(0.9)
            return self.layer(batch[0]).square().mean()

        def configure_optimizers(self):
            opt = torch.optim.SGD(self.layer.parameters(), lr=self.lr)
            return [opt], [{"scheduler": UncertaintyLR(opt, Threshold()), "interval": "step"}]

    torch.manual_seed(0)
    batches = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(160, 4)), batch_size=4)
    module = Module()
    trainer = lightning.Trainer(
        max_steps=3,
        callbacks=[LearningRateFinder(num_training_steps=20, early_stop_threshold=None)],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    with pytest.warns(UserWarning, match=r"0\.001\b"):
        trainer.fit(module, batches)
    assert module.lr != 1e-3, "the finder found another rate"
    assert module.rates == pytest.approx([module.lr, module.lr / 2, module.lr / 4])
