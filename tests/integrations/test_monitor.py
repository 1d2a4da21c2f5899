import copy
import gc
import math
import pickle
import weakref

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import SequentialLR, StepLR

from tests.integrations.monitored_models import Small, call
from uncertlr.integrations import UncertaintyMonitor, find_scheduler, find_schedulers
from uncertlr.schedulers import PowerLaw, Threshold, UncertaintyLR


def scheduled(model):
    return UncertaintyLR(torch.optim.SGD(model.parameters(), lr=0.1), Threshold(threshold=0.5))


def hooks(model):
    modules = list(model.modules())
    return [len(each._forward_hooks) for each in modules], [len(each._forward_pre_hooks) for each in modules]


def step(model, scheduler):
    call(model)[1].sum().backward()
    scheduler.optimizer.step()
    scheduler.step()


def steps(model, scheduler, count):
    for _ in range(count):
        step(model, scheduler)


def test_hooks_stand_on_the_model_alone_and_go_with_the_monitor():
    model = Small()
    before = hooks(model)
    monitor = UncertaintyMonitor(model, scheduled(model))
    assert math.isnan(monitor.value)
    assert monitor.way is None
    inside = []
    model.first.register_forward_hook(lambda *_: inside.append(sum(hooks(model)[0])))
    model.eval()
    call(model)
    model.train()
    call(model)
    assert inside == [1, 5], "the test's own; in a training pass those of model, dropout and both dense layers too"
    monitor.remove()
    model.first._forward_hooks.clear()
    assert hooks(model) == before
    call(model)
    assert len(monitor.history) == 1
    assert "Dropout" in repr(monitor)


def test_a_failed_pass_leaves_no_inner_hook_and_its_own_error():
    model = Small()
    monitor = UncertaintyMonitor(model, scheduled(model))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="shapes"):
            model(torch.zeros(2, 5))
        assert [sum(each) for each in hooks(model)] == [1, 1], "on the model itself"
    try:
        raise KeyError
    except KeyError:
        call(model)  # a loop that tries again while it handles an error
    assert len(monitor.history) == 1
    model.eval()
    call(model)
    assert [sum(each) for each in hooks(model)] == [0, 1]


def test_copies_and_pickles_are_ordinary_models():
    model = Small()
    first = UncertaintyMonitor(model, scheduled(model))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        call(other)
        assert not first.history
        with UncertaintyMonitor(other, scheduled(other)) as second:
            call(other)
            torch.compile(other, backend="eager", fullgraph=True)(torch.zeros(2, 6))
        assert len(second.history) == 1
    assert b"uncertlr" not in pickle.dumps(UncertaintyMonitor(nn.Linear(2, 2), scheduled(model))._inner)


def test_a_new_monitor_replaces_the_old_one_and_frees_the_model():
    model = Small()
    first = UncertaintyMonitor(model, scheduled(model))
    second = UncertaintyMonitor(torch.compile(model, backend="eager"), scheduled(model))
    third = UncertaintyMonitor(model, scheduled(model))
    call(model)
    assert [len(each.history) for each in (first, second, third)] == [0, 0, 1]
    alive = weakref.ref(model)
    del model, first, second, third
    gc.collect()
    assert alive() is None


def test_several_schedulers_receive_each_value_and_decide_at_their_own_steps():
    def trained(parts, saved=None):
        torch.manual_seed(0)
        model = Small()
        optimizers = [torch.optim.SGD(each.parameters(), lr=0.1) for each in (model.first, model.out)]
        rules = PowerLaw(exponent=1.0, smoothing=0.0), Threshold(threshold=0.5)
        first, second = map(UncertaintyLR, optimizers, rules)
        if saved:
            for each, state in zip((model, *optimizers, first, second), saved, strict=True):
                each.load_state_dict(state)
        with UncertaintyMonitor(model, [first, second]) as monitor:
            for index in parts:
                torch.manual_seed(index)
                model.zero_grad()
                step(model, first)
                optimizers[1].step()
                if index % 3 == 2:
                    second.step()
        states = [copy.deepcopy(each.state_dict()) for each in (model, *optimizers, first, second)]
        return list(monitor.history), states, (first, second)

    history, states, (first, second) = trained(range(8))
    assert [each.step for each in history] == list(range(8))
    assert first.get_last_lr() == pytest.approx([0.1 * history[-1].value])
    decisions = [0.5 if sum(each.value for each in history[start : start + 3]) / 3 > 0.5 else 1.1 for start in (0, 3)]
    assert second.get_last_lr() == pytest.approx([0.1 * math.prod(decisions)])
    assert second.queued_mean == pytest.approx((history[6].value + history[7].value) / 2)
    before, saved, _ = trained(range(4))
    after, resumed, _ = trained(range(4, 8), saved)
    assert before + after == history
    assert str(resumed) == str(states)


@pytest.mark.parametrize("count", [0, 2])
def test_a_sequence_holds_each_scheduler_once(count):
    model = Small()
    with pytest.raises(ValueError, match="scheduler="):
        UncertaintyMonitor(model, [scheduled(model)] * count)


def test_two_of_ours_in_turn_are_refused_and_those_of_two_optimizers_are_found():
    model = Small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    first, second, other = UncertaintyLR(optimizer, None), UncertaintyLR(optimizer, None), scheduled(Small())
    assert find_schedulers(other, StepLR(optimizer, 3), SequentialLR(optimizer, [first], [])) == [other, first]
    with pytest.raises(ValueError, match="2 .*SequentialLR"):
        find_schedulers(SequentialLR(optimizer, [first, second], [2]))
    with pytest.raises(ValueError, match="2"):
        find_scheduler(other, first)


def test_pause_and_every_kth_step():
    model = Small()
    scheduler = scheduled(model)
    monitor = UncertaintyMonitor(model, scheduler, observe_every=3)
    for _ in range(7):
        step(model, scheduler)
    assert [each.step for each in monitor.history] == [0, 3, 6]
    scheduler.last_epoch = 9
    with monitor.pause():
        call(model)
        assert monitor.observe(torch.zeros(2, 3)) is None
    assert len(monitor.history) == 3
    assert monitor.observe(torch.zeros(2, 3)) == pytest.approx(1.0)


def test_masks_depend_on_the_step_so_that_a_resumed_training_goes_on_as_the_whole_one():
    def values(first, count):
        torch.manual_seed(0)
        model = Small()
        scheduler = scheduled(model)
        scheduler.last_epoch = first
        monitor = UncertaintyMonitor(model, scheduler)
        for index in range(count):
            scheduler.last_epoch = first + index
            call(model)
        return [each.value for each in monitor.history]

    whole = values(0, 6)
    assert len(set(whole)) == 6
    assert values(3, 3) == whole[3:]


def test_one_of_several_heads_can_be_named():
    class Two(Small):
        def __init__(self):
            super().__init__()
            self.other = nn.Linear(8, 2)

        def forward(self, x):
            hidden = self.dropout(self.first(x))
            return {"logits": self.out(hidden), "other": self.other(hidden)}

    for head, way in ((None, "logits"), ("out", "head"), ("other", "logits")):
        model = Two()
        monitor = UncertaintyMonitor(model, scheduled(model), head=head)
        model(torch.randn(4, 6))
        assert monitor.way == way


def test_a_model_left_in_evaluation_mode_is_reported_once():
    model = Small().eval()
    scheduler = scheduled(model)
    monitor = UncertaintyMonitor(model, scheduler)
    scheduler.observe(0.5)
    with pytest.warns(UserWarning, match=r"\b100\b.*model\.train\(\)") as caught:
        steps(model, scheduler, 150)
    assert len(caught) == 1
    assert not monitor.history


@pytest.mark.parametrize(
    ("options", "word"),
    [({"signal": "entropy"}, "entropy"), ({"num_samples": 0}, "0"), ({"passes": 1}, "1"), ({"observe_every": 0}, "0")],
)
def test_bad_options_are_named(options, word):
    model = Small()
    with pytest.raises(ValueError, match=f"{next(iter(options))}.*{word}"):
        UncertaintyMonitor(model, scheduled(model), **options)


def test_mistaken_arguments_are_refused_at_once():
    model = Small()
    for arguments in ((scheduled(model), model), (model, StepLR(torch.optim.SGD(model.parameters(), lr=0.1), 3))):
        with pytest.raises(TypeError, match="UncertaintyMonitor"):
            UncertaintyMonitor(*arguments)
    model.compile(backend="eager")
    with pytest.raises(ValueError, match=r"torch\.compile"):
        UncertaintyMonitor(model, scheduled(model))
