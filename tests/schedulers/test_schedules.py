import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, SequentialLR

from uncertlr.schedulers import SCHEDULES, cosine, one_cycle, warmup_cosine

STEPS = 40


def rates(scheduler, optimizer):
    values = []
    for _ in range(STEPS):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


def sgd():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def test_cosine_is_torchs():
    optimizer = sgd()
    theirs = rates(CosineAnnealingLR(optimizer, STEPS), optimizer)
    assert [cosine(STEPS)(step) for step in range(STEPS)] == pytest.approx(theirs)


def test_one_cycle_is_torchs():
    optimizer = sgd()
    scheduler = OneCycleLR(optimizer, max_lr=1.0, total_steps=STEPS + 1, cycle_momentum=False)
    theirs = rates(scheduler, optimizer)
    assert [one_cycle(STEPS + 1)(step) for step in range(STEPS)] == pytest.approx(theirs)


@pytest.mark.parametrize("steps", [4, 7, 9])
def test_a_short_training_rises_for_one_step_and_falls_to_the_end(steps):
    factors = [one_cycle(steps)(step) for step in range(steps)]
    assert factors[0] == pytest.approx(1 / 25)
    assert factors[2 if steps == 9 else 1] == pytest.approx(max(factors))
    assert factors[-1] == pytest.approx(1 / 250_000)


def test_warmup_cosine_is_torchs_two_schedules_in_sequence():
    optimizer = sgd()
    warm_up = STEPS // 20
    rise = LinearLR(optimizer, start_factor=1 / warm_up, total_iters=warm_up - 1)
    fall = CosineAnnealingLR(optimizer, STEPS - warm_up)
    theirs = rates(SequentialLR(optimizer, [rise, fall], [warm_up]), optimizer)
    assert [warmup_cosine(STEPS)(step) for step in range(STEPS)] == pytest.approx(theirs)
    assert warmup_cosine(STEPS)(STEPS) == 0.0


def test_a_short_training_is_warmed_up_in_one_step():
    """Of four steps 5 % are none; the other three are half a cosine."""
    assert [warmup_cosine(4)(step) for step in range(5)] == pytest.approx([1.0, 1.0, 0.75, 0.25, 0.0])


@pytest.mark.parametrize("name", sorted(SCHEDULES))
@pytest.mark.parametrize("steps", [1, 2, 3, 100])
def test_factors_stay_between_0_and_1(name, steps):
    schedule = SCHEDULES[name](steps)
    assert all(0.0 <= schedule(step) <= 1.0 + 1e-12 for step in range(steps + 3))
