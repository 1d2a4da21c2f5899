import copy
import io
import math

import pytest
import torch
from torch.optim.lr_scheduler import ChainedScheduler, ExponentialLR, LambdaLR, LinearLR, SequentialLR

from uncertlr.schedulers import RelativeThreshold, Threshold, UncertaintyLR, cosine


def optimizer(rates=(0.1, 0.01), tensor=False):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": torch.tensor(r) if tensor else r} for r in rates]
    return torch.optim.SGD(groups)


def advance(scheduler, *readings):
    for reading in readings:
        scheduler.observe(reading)
    scheduler.optimizer.step()
    scheduler.step()
    return scheduler.get_last_lr()


@pytest.mark.parametrize("rule", [None, Threshold()])
def test_with_nothing_observed_it_is_lambda_lr(rule):
    schedule = cosine(10)
    ours = UncertaintyLR(optimizer(), rule, schedule=schedule)
    theirs = LambdaLR(optimizer(), schedule)
    for _ in range(12):
        assert ours.get_last_lr() == theirs.get_last_lr()
        advance(ours)
        advance(theirs)


def test_every_group_keeps_its_own_initial_rate():
    scheduler = UncertaintyLR(optimizer((0.1, 0.01)), Threshold())
    assert advance(scheduler, 0.9) == pytest.approx([0.05, 0.005])
    assert advance(scheduler, 0.1) == pytest.approx([0.055, 0.0055])


def test_readings_make_one_decision_on_their_mean():
    scheduler = UncertaintyLR(optimizer((1.0,)), Threshold(threshold=0.5))
    assert advance(scheduler, 0.1, 0.2, 0.9) == pytest.approx([1.1])  # mean 0.4, though the last is above


def test_steps_without_a_reading_decide_nothing():
    scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
    advance(scheduler, 0.9)
    for _ in range(5):
        assert advance(scheduler) == [0.5]


def test_the_schedule_multiplies_the_factor():
    scheduler = UncertaintyLR(optimizer((1.0,)), Threshold(), schedule=lambda step: 1 / (1 + step))
    assert advance(scheduler, 0.9) == pytest.approx([0.25])
    assert advance(scheduler, 0.9) == pytest.approx([0.25 / 3])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1, 1.5])
def test_a_refused_reading_is_named_and_changes_nothing(bad):
    scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
    advance(scheduler, 0.9)
    before = copy.deepcopy(scheduler.state_dict())
    with pytest.raises(ValueError, match=f"signal {bad} was refused"):
        scheduler.observe(torch.tensor(bad))
    assert scheduler.state_dict() == before


def test_without_a_rule_any_finite_reading_passes_and_counts_for_nothing():
    scheduler = UncertaintyLR(optimizer((1.0,)))
    assert advance(scheduler, 42.0) == [1.0]
    with pytest.raises(ValueError, match="nan was refused"):
        scheduler.observe(math.nan)


def test_a_twin_restores_every_attribute_through_weights_only_loading():
    scheduler = UncertaintyLR(optimizer(), Threshold(every=3), schedule=cosine(50))
    for reading in (0.9, 0.2, 0.8, 0.7):
        advance(scheduler, reading)
    scheduler.observe(0.3)
    buffer = io.BytesIO()
    torch.save({"scheduler": scheduler.state_dict(), "optimizer": scheduler.optimizer.state_dict()}, buffer)
    buffer.seek(0)
    saved = torch.load(buffer, weights_only=True)
    twin = UncertaintyLR(optimizer((0.7, 0.7)), Threshold(every=3), schedule=cosine(50))
    twin.optimizer.load_state_dict(saved["optimizer"])
    twin.load_state_dict(saved["scheduler"])
    skip = {"optimizer", "schedule", "_waiting"}
    for name in set(vars(scheduler)) - skip:
        assert getattr(twin, name) == getattr(scheduler, name), name
    for reading in (0.9, 0.1, 0.6):
        assert advance(twin, reading) == advance(scheduler, reading)


@pytest.mark.parametrize("other", [None, Threshold(threshold=0.6), Threshold(every=2)])
def test_a_state_of_another_rule_is_refused(other):
    state = UncertaintyLR(optimizer(), Threshold()).state_dict()
    twin = UncertaintyLR(optimizer(), other)
    before = twin.state_dict()
    with pytest.raises(ValueError, match="saved with rule"):
        twin.load_state_dict(state)
    assert twin.state_dict() == before


def test_a_state_from_before_a_setting_existed_has_its_default():
    whole = UncertaintyLR(optimizer(), RelativeThreshold())
    for reading in (0.5, 0.9):
        advance(whole, reading)
    state = copy.deepcopy(whole.state_dict())
    del state["rule"]["dead_band"]
    twin = UncertaintyLR(optimizer(), RelativeThreshold())
    twin.load_state_dict(state)
    assert twin.rule_state == whole.rule_state
    with pytest.raises(ValueError, match="saved with rule"):
        UncertaintyLR(optimizer(), RelativeThreshold(dead_band=0.1)).load_state_dict(state)


def test_a_state_of_another_number_of_groups_is_refused():
    state = UncertaintyLR(optimizer((1.0,))).state_dict()
    with pytest.raises(ValueError, match="1 parameter groups, the optimizer has 2"):
        UncertaintyLR(optimizer()).load_state_dict(state)


def test_tensor_rates_are_written_in_place():
    opt = optimizer((0.5,), tensor=True)
    rate = opt.param_groups[0]["lr"]
    scheduler = UncertaintyLR(opt, Threshold())
    advance(scheduler, 0.9)
    assert opt.param_groups[0]["lr"] is rate
    assert float(rate) == pytest.approx(0.25)


def test_inside_sequential_lr_readings_of_the_warm_up_are_discarded():
    opt = optimizer((1.0,))
    warm_up = LinearLR(opt, start_factor=0.1, total_iters=3)
    scheduler = UncertaintyLR(opt, Threshold())
    both = SequentialLR(opt, [warm_up, scheduler], milestones=[3])
    for _ in range(3):
        scheduler.observe(0.9)
        opt.step()
        both.step()
    assert both.get_last_lr() == [1.0]
    scheduler.observe(0.9)
    opt.step()
    both.step()
    assert both.get_last_lr() == [0.5]


def test_step_takes_no_argument_when_called_as_trainers_call_it():
    scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
    scheduler.optimizer.step()
    scheduler.step()
    assert scheduler.last_epoch == 1


@pytest.mark.parametrize("ours_first", [True, False])
def test_chained_scheduler_is_refused_before_it_gives_a_wrong_rate(ours_first):
    opt = optimizer((1.0,))
    members = [UncertaintyLR(opt, Threshold()), ExponentialLR(opt, 0.9)]
    chained = ChainedScheduler(members if ours_first else members[::-1])
    opt.step()
    if ours_first:
        chained.step()
    with pytest.raises(RuntimeError, match=r"is 0\.9, but UncertaintyLR had set it to 1: .*ChainedScheduler.*schedule="):
        chained.step()


def test_a_rate_set_by_hand_is_named():
    scheduler = UncertaintyLR(optimizer(), Threshold())
    scheduler.optimizer.param_groups[1]["lr"] = 0.3
    scheduler.observe(0.9)
    scheduler.optimizer.step()
    with pytest.raises(RuntimeError, match=r"parameter group 1 is 0\.3, but UncertaintyLR had set it to 0\.01"):
        scheduler.step()
    assert scheduler.queued_mean == 0.9, "nothing is lost"


def test_a_group_added_later_is_refused_with_both_counts():
    scheduler = UncertaintyLR(optimizer(), Threshold())
    scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.5})
    scheduler.optimizer.step()
    with pytest.raises(RuntimeError, match=r"has 3 parameter groups.*when it had 2.*add_param_group first"):
        scheduler.step()


@pytest.mark.parametrize("order", [("optimizer", "scheduler"), ("scheduler", "optimizer")])
def test_any_order_of_restoring_goes_on_with_the_same_rates(order):
    whole = UncertaintyLR(optimizer(), Threshold())
    for reading in (0.9, 0.8):
        advance(whole, reading)
    state = {"optimizer": whole.optimizer.state_dict(), "scheduler": whole.state_dict()}
    twin = UncertaintyLR(optimizer(), Threshold())
    for part in order:
        (twin.optimizer if part == "optimizer" else twin).load_state_dict(copy.deepcopy(state[part]))
    assert advance(twin, 0.1) == advance(whole, 0.1)


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
    with pytest.raises(RuntimeError, match=rf"is {found}, but UncertaintyLR had set it to {expected}"):
        resumed.step()


def test_a_compiled_step_follows_a_tensor_rate_without_compiling_again():
    parameter = torch.nn.Parameter(torch.ones(3))
    opt = torch.optim.Adam([parameter], lr=torch.tensor(0.1), capturable=False)
    scheduler = UncertaintyLR(opt, Threshold())
    compilations = []

    def backend(graph, example_inputs):
        compilations.append(graph)
        return graph.forward

    compiled = torch.compile(opt.step, backend=backend, fullgraph=False)
    plain = torch.nn.Parameter(torch.ones(3))
    reference = torch.optim.Adam([plain], lr=torch.tensor(0.1), capturable=False)
    counts = []
    for reading in (0.9, 0.1, 0.9, 0.9, 0.1):
        parameter.grad, plain.grad = torch.ones(3), torch.ones(3)
        reference.param_groups[0]["lr"].fill_(scheduler.get_last_lr()[0])
        compiled()
        reference.step()
        assert torch.allclose(parameter, plain)
        scheduler.observe(reading)
        scheduler.step()
        counts.append(len(compilations))
    assert counts[-1] == counts[1], "a new rate must not be a new program"


def test_a_step_that_amp_skips_keeps_its_reading_for_the_next_decision():
    parameter = torch.nn.Parameter(torch.ones(1))
    opt = torch.optim.SGD([parameter], lr=1.0)
    scheduler = UncertaintyLR(opt, Threshold(threshold=0.5))
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    rates = []
    for gradient, reading in ((1.0, 0.9), (float("inf"), 0.1), (1.0, 0.2)):
        parameter.grad = torch.tensor([gradient]) * scaler.get_scale()
        scheduler.observe(reading)
        before, scale = parameter.clone(), scaler.get_scale()
        scaler.scale(torch.zeros(1))  # the scaler wants to have scaled a loss
        scaler.step(opt)
        scaler.update()
        skipped = scaler.get_scale() < scale
        assert skipped == bool(torch.equal(parameter, before))
        if not skipped:
            scheduler.step()
        rates.append(scheduler.get_last_lr()[0])
    assert rates == pytest.approx([0.5, 0.5, 0.55]), "two readings of 0.1 and 0.2 make one decision"


def test_a_rule_that_hears_nothing_says_so_once():
    scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
    for _ in range(99):
        advance(scheduler)
    with pytest.warns(UserWarning, match="100 steps"):
        advance(scheduler)
    for _ in range(250):
        advance(scheduler)


@pytest.mark.parametrize("rule", [Threshold(), None])
def test_a_scheduler_that_needs_no_reading_or_has_had_one_is_silent(rule):
    scheduler = UncertaintyLR(optimizer((1.0,)), rule)
    if rule:
        advance(scheduler, 0.9)
    for _ in range(250):
        advance(scheduler)
    resumed = UncertaintyLR(optimizer((1.0,)), rule)
    resumed.optimizer.load_state_dict(scheduler.optimizer.state_dict())
    resumed.load_state_dict(scheduler.state_dict())
    for _ in range(250):
        advance(resumed)


def test_readings_that_nobody_steps_are_told_once():
    scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
    for _ in range(999):
        scheduler.observe(0.5)
    with pytest.warns(UserWarning, match="1,000"):
        scheduler.observe(0.5)
    for _ in range(2_000):
        scheduler.observe(0.5)


def test_a_long_warm_up_in_sequential_lr_is_no_forgotten_step():
    opt = optimizer((1.0,))
    scheduler = UncertaintyLR(opt, Threshold())
    both = SequentialLR(opt, [LinearLR(opt, total_iters=1_500), scheduler], milestones=[1_500])
    for _ in range(1_500):
        scheduler.observe(0.9)
        opt.step()
        both.step()
    assert advance(scheduler, 0.9) == [0.5]


@pytest.mark.parametrize("number", [0.7, 1, 0.0, torch.tensor(0.3)])
def test_a_number_given_to_step_is_refused_and_no_reading_lost(number):
    scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
    scheduler.observe(0.98)
    scheduler.optimizer.step()
    with pytest.raises(TypeError, match=r"observe\(\)"):
        scheduler.step(number)
    assert scheduler.queued_mean == 0.98
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5]


@pytest.mark.parametrize(("rule", "given"), [("threshold", "'threshold'"), (Threshold, "the class Threshold"), (0.5, "0.5")])
def test_what_is_no_rule_is_named(rule, given):
    with pytest.raises(TypeError, match=rf"instance of a rule, such as Threshold\(threshold=0.5\).*got {given}"):
        UncertaintyLR(optimizer(), rule)
