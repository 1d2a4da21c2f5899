"""A learning-rate scheduler for torch that multiplies a schedule by a rule's factor."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from uncertlr.schedulers.rules import Rule
from uncertlr.schedulers.saved_rules import description_of, is_description_of
from uncertlr.schedulers.schedules import Schedule

STEPS_UNTIL_WARNING = 100
"""Steps without a first observation after which a scheduler with a rule warns."""

OBSERVATIONS_UNTIL_WARNING = 1_000
"""Observations without a step after which it warns."""

STATE_KEYS = ("base_lrs", "last_lr", "last_epoch", "step_count", "rule", "rule_state")
"""What every saved state has, besides the queued observations."""


class UncertaintyLR(LRScheduler):
    r"""Set the learning rate from observations of a signal, such as a network's predictive uncertainty.

    For every parameter group :math:`g`, at step :math:`t`,

    .. math:: \eta_g(t) = \eta_{g,0} \cdot \text{schedule}_g(t) \cdot f(\text{state}),

    where :math:`f` is the rule's factor. The rate is computed from the initial rates, never from the current one, so a
    warm-up or an annealing is given as `schedule`, and with nothing observed the rates are those of
    `torch.optim.lr_scheduler.LambdaLR`. The rule's bounds hold for the factor, not for its product with the schedule.

    `observe` queues a value; `step` gives the rule the weighted mean of what is queued, once. So several observations
    (gradient accumulation), or several steps (Accelerate calls `step` once per process), still make one decision. The rate
    lags the observation by one step.

    *With other schedulers.* Inside `SequentialLR`, what was observed before this scheduler's turn is discarded.
    `ChainedScheduler` multiplies current rates and so would give a wrong one; pass the other schedule as `schedule`.
    `step` raises if something else has changed a rate.

    *Saving and loading.* Construct the optimizer and the scheduler, then load the states of both. The schedule, a function,
    is not saved. A rate that was changed between the loading and the next step is an error, too. One case is not: in a state
    loaded at step 0 the new rate becomes the initial rate, with a warning, since that is how Lightning's
    `LearningRateFinder` hands over what it found.

    *Several processes.* Set `reduce` to a function ``(sum, weight) -> (sum, weight)`` that adds up both numbers over the
    processes. `step` calls it exactly once per call, also in a process where nothing is queued, so it may communicate.

    Args:
        optimizer: the optimizer whose rates are set; tensor rates are written in place.
        rule: turns observations into a factor; None keeps the factor at 1 and accepts every finite observation.
        schedule: multiplier of the initial rate as a function of the step, counted from 0, or one such function per
            parameter group; None is constant 1. Its values must be finite and at least 0.
        last_epoch: index of the last step that was taken; -1 starts a new training. Another value continues the schedule
            from there and needs ``initial_lr`` in every parameter group. It does not restore what the rule remembers:
            to resume a training, leave it at -1 and call `load_state_dict`.

    Attributes:
        rule: as given.
        rule_state: the rule's present state, a dict of plain numbers.
        queued_mean: weighted mean of the observations since the last step; 0 where there is none.
        queued_weight: their total weight; 0 where there is none.
        reduce: None, or the function described above.

    Raises:
        TypeError: `rule` is not a rule, such as the name or the class of one.
        ValueError: the number of schedules is not that of the parameter groups, or a schedule's value is out of range.

    Warns:
        UserWarning: once, if a rule has received nothing in its first 100 steps, or if 1,000 observations wait for a step.

    >>> import torch
    >>> from uncertlr.schedulers import Threshold
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> scheduler = UncertaintyLR(optimizer, Threshold(threshold=0.5))
    >>> scheduler.observe(0.9)
    0.9
    >>> optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.05]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        rule: Rule | None,
        *,
        schedule: Schedule | Sequence[Schedule] | None = None,
        last_epoch: int = -1,
    ) -> None:
        _refuse_what_is_no_rule(rule)
        _refuse_another_number_of_schedules(schedule, len(optimizer.param_groups))
        # LRScheduler.__init__ takes a step, which reads these.
        self.rule = rule
        self.schedule = schedule
        self.rule_state = rule.init() if rule else {}
        self.queued_mean, self.queued_weight = 0.0, 0.0
        self.reduce: Callable[[float, float], tuple[float, float]] | None = None
        self._written: list[float | None] = []  # empty: no rate of ours that could have been changed
        self._loaded_at_start = False
        self._unobserved_steps: int | None = None  # None: something was observed, or nothing needs to be
        self._waiting = 0  # observations since the last step
        self._warned_of_waiting = False
        super().__init__(optimizer, last_epoch)
        self._unobserved_steps = 0 if rule else None

    @property
    def factor(self) -> float:
        """The rule's present factor, without the schedule's.

        Raises:
            ValueError: the rule gives a factor that is not finite or is negative.
        """
        return _checked_multiplier(self.rule.factor(self.rule_state), "the rule's factor") if self.rule else 1.0

    def observe(self, signal: float | Tensor, weight: float = 1.0) -> float:
        """Queue a signal value for the next decision.

        Args:
            signal: a number or a tensor of one element, within the rule's `signal_range`.
            weight: of this value in the mean, such as the number of examples in a micro-batch.

        Returns:
            The value as a float.

        Raises:
            ValueError: the value is not finite or is out of range, or the weight is not finite and above 0; nothing is
                queued.
        """
        value, weight = float(signal), float(weight)
        low, high = self._signal_range
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(
                f"signal {value:.6g} was refused: it must be a finite number in [{low:g}, {high:g}]. A value that is "
                "not finite usually means that the loss diverged; an entropy must be divided by its maximum, log C"
            )
        if not (math.isfinite(weight) and weight > 0.0):
            raise ValueError(f"weight {weight:.6g} was refused: it must be a finite number above 0")
        self._queue(value, weight)
        self._unobserved_steps = None
        # Before its turn in SequentialLR, last_epoch is -1.
        if self._waiting >= OBSERVATIONS_UNTIL_WARNING and self.last_epoch >= 0 and not self._warned_of_waiting:
            self._warned_of_waiting = True
            warnings.warn(
                f"{OBSERVATIONS_UNTIL_WARNING:,} observations wait for UncertaintyLR.step(), which decides on their mean: "
                "call it after every optimizer.step(), or remove the monitor if this scheduler's turn is over",
                UserWarning,
                stacklevel=2,
            )
        return value

    def step(self, epoch: int | None = None) -> None:
        """Set the next rates, from what was observed since the last step.

        Args:
            epoch: not for you: releases of torch before 2.8 hand over with 0 inside `SequentialLR`.

        Raises:
            TypeError: a number is given, as to a scheduler that takes the epoch or a metric.
            RuntimeError: something else has changed the rate, or a parameter group was added.
            ValueError: the rule or the schedule gives a value that is not finite or is negative.
        """
        if epoch is not None and not (epoch == 0 and type(epoch) is int):
            raise TypeError(
                f"UncertaintyLR.step() takes no argument, but got {epoch!r}: give a value to observe(), then call step()"
            )
        # A count of 0 is a construction, by LRScheduler or by SequentialLR, which has just written the initial rates.
        if epoch is None and self._step_count > 0:
            self._refuse_added_groups()
            self._refuse_changed_rates()
            self._decide()
            self._count_a_step()
        super().step(epoch)
        if epoch is None:
            self._note_rates()
        else:
            self._begin_phase()

    def get_lr(self) -> list[float | Tensor]:
        """The rate of every parameter group at the present step and factor; changes nothing.

        Raises:
            RuntimeError: a parameter group was added after the scheduler was made.
            ValueError: the rule or a schedule gives a value that is not finite or is negative.
        """
        self._refuse_added_groups()
        factor = self.factor
        return [base * (scheduled * factor) for base, scheduled in zip(self.base_lrs, self._scheduled(), strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts: survives JSON and ``torch.load(..., weights_only=True)``."""
        return {
            "base_lrs": [float(base_lr) for base_lr in self.base_lrs],
            "last_lr": [float(lr) for lr in self._last_lr],
            "last_epoch": self.last_epoch,
            "step_count": self._step_count,
            "rule": description_of(self.rule),
            "rule_state": dict(self.rule_state),
            "queued": [self.queued_mean, self.queued_weight],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave. The optimizer's own state is loaded besides, before or after.

        Raises:
            ValueError: the state is another scheduler's, or belongs to a rule of another kind or with other settings, or to
                another number of parameter groups; nothing is changed.
        """
        self._refuse_another_state(state_dict)
        self.base_lrs = _like(self.base_lrs, state_dict["base_lrs"])
        self._last_lr = _like(self._last_lr, state_dict["last_lr"])
        self.last_epoch = state_dict["last_epoch"]
        self._step_count = state_dict["step_count"]
        self.rule_state = dict(state_dict["rule_state"])
        self.queued_mean, self.queued_weight = _queued(state_dict)
        if self.queued_weight or self.rule and self.rule_state != self.rule.init():
            self._unobserved_steps = None
        self._written = list(state_dict["last_lr"])
        self._loaded_at_start = self.last_epoch == 0

    @property
    def _signal_range(self) -> tuple[float, float]:
        return self.rule.signal_range if self.rule else (-math.inf, math.inf)

    def _queue(self, value: float, weight: float) -> None:
        self._waiting += 1
        self.queued_weight += weight
        share = weight / self.queued_weight  # exactly 1 for the first value, which so stays as it is
        self.queued_mean = self._in_range(self.queued_mean + (value - self.queued_mean) * share)

    def _in_range(self, mean: float) -> float:
        """A mean of values in range, which rounding may have carried out of it."""
        low, high = self._signal_range
        return min(high, max(low, mean))

    def _decide(self) -> None:
        mean, weight = self._reduced()
        if self.rule and weight > 0.0:
            self.rule_state = self.rule.update(self.rule_state, mean)
            self._unobserved_steps = None
        self._discard_queued()

    def _reduced(self) -> tuple[float, float]:
        """Mean and weight over all processes."""
        if self.reduce is None:
            return self.queued_mean, self.queued_weight
        own = (self.queued_mean * self.queued_weight, self.queued_weight)
        total, weight = self.reduce(*own)
        if (total, weight) == own:  # one process, or the only one that observed: its mean without rounding
            return self.queued_mean, self.queued_weight
        if not (math.isfinite(total) and math.isfinite(weight) and weight >= 0.0):
            raise ValueError(
                f"reduce returned sum {total:.6g} and weight {weight:.6g}; both must be finite, the weight >= 0"
            )
        return (self._in_range(total / weight), weight) if weight > 0.0 else (0.0, 0.0)

    def _discard_queued(self) -> None:
        self.queued_mean, self.queued_weight, self._waiting = 0.0, 0.0, 0

    def _count_a_step(self) -> None:
        if self._unobserved_steps is None:
            return
        self._unobserved_steps += 1
        if self._unobserved_steps == STEPS_UNTIL_WARNING:
            self._unobserved_steps = None
            warnings.warn(
                f"UncertaintyLR has a rule but has received no observation in {STEPS_UNTIL_WARNING} steps, so nothing is "
                "decided: attach uncertlr.UncertaintyMonitor(model, scheduler), or call observe() with a signal value; a "
                "model in evaluation mode is not observed",
                UserWarning,
                stacklevel=3,
            )

    def _scheduled(self) -> list[float]:
        schedules = self.schedule
        if schedules is None:
            return [1.0] * len(self.base_lrs)
        if callable(schedules):
            return [self._schedule_value(schedules, "schedule")] * len(self.base_lrs)
        return [self._schedule_value(each, f"schedule[{index}]") for index, each in enumerate(schedules)]

    def _schedule_value(self, schedule: Schedule, name: str) -> float:
        return _checked_multiplier(schedule(self.last_epoch), f"{name} at step {self.last_epoch}")

    def _update_lr(self, epoch: int | None = None) -> None:
        super()._update_lr(epoch)
        if epoch is not None:  # SequentialLR hands over with _update_lr(0), without step()
            self._begin_phase()

    def _begin_phase(self) -> None:
        """In `SequentialLR`: what was observed before is not this phase's."""
        self._discard_queued()
        self._note_rates()

    def _note_rates(self) -> None:
        self._written = self._rates()
        self._loaded_at_start = False

    def _rates(self) -> list[float | None]:
        """The optimizer's rates; None for one on an accelerator, which is not fetched at every step for a check."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return [None if isinstance(rate, Tensor) and rate.device.type != "cpu" else float(rate) for rate in rates]

    def _refuse_added_groups(self) -> None:
        groups = len(self.optimizer.param_groups)
        if groups != len(self.base_lrs):
            raise RuntimeError(
                f"the optimizer has {groups} parameter groups, but UncertaintyLR was made when it had {len(self.base_lrs)}; "
                "add_param_group first and then make the scheduler (its state_dict carries over what the rule remembers)"
            )

    def _refuse_changed_rates(self) -> None:
        for index, (rate, written) in enumerate(zip(self._rates(), self._written, strict=False)):
            if rate is None or written is None or rate == written:
                continue
            if self._loaded_at_start:
                self._adopt_initial_rate(index, rate, written)
                continue
            raise RuntimeError(
                f"the rate of parameter group {index} is {rate:.6g}, but UncertaintyLR had set it to {written:.6g}: "
                "something else changes it, such as ChainedScheduler, a second scheduler, an assignment, or a checkpoint of "
                "which only the optimizer's or only the scheduler's state was loaded. Pass what shall multiply the rate as "
                "schedule=, and load both states"
            )

    def _adopt_initial_rate(self, index: int, rate: float, written: float) -> None:
        warnings.warn(
            f"the rate of parameter group {index} was set to {rate:.6g} before the first step; UncertaintyLR takes it as "
            f"the initial rate in place of {float(self.base_lrs[index]):.6g} (it had set {written:.6g})",
            UserWarning,
            stacklevel=4,
        )
        group = self.optimizer.param_groups[index]
        self.base_lrs[index] = group["initial_lr"] = rate

    def _refuse_another_state(self, state_dict: dict[str, Any]) -> None:
        if not isinstance(state_dict, dict):
            raise ValueError(f"this is not a state of UncertaintyLR, which is a dict: {state_dict!r}")
        missing = [key for key in STATE_KEYS if key not in state_dict]
        if missing:
            raise ValueError(
                f"this is not a state of UncertaintyLR: {', '.join(missing)} missing from {', '.join(map(str, state_dict))}"
            )
        if not is_description_of(state_dict["rule"], self.rule):
            raise ValueError(
                f"this state was saved with rule {state_dict['rule']}, but the scheduler has "
                f"{description_of(self.rule)}; construct the scheduler with the rule it was saved with"
            )
        groups = {len(state_dict["base_lrs"]), len(state_dict["last_lr"])}
        if groups != {len(self.base_lrs)}:
            raise ValueError(
                f"this state has {len(state_dict['base_lrs'])} parameter groups, the optimizer has {len(self.base_lrs)}"
            )
        expected = set(self.rule.init()) if self.rule else set()
        if set(state_dict["rule_state"]) != expected:
            raise ValueError(
                f"this state's rule_state has {sorted(state_dict['rule_state'])}, but {type(self.rule).__name__} needs "
                f"{sorted(expected)}"
            )


def _checked_multiplier(value: float, name: str) -> float:
    try:
        multiplier = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}, but what multiplies a rate must be a number") from None
    if not (math.isfinite(multiplier) and multiplier >= 0.0):
        raise ValueError(f"{name} is {multiplier:.6g}, but what multiplies a rate must be a finite number of at least 0")
    return multiplier


def _like(own: Sequence[float | Tensor], saved: Sequence[float]) -> list[float | Tensor]:
    """Saved rates in the form of the optimizer's, so that they are rounded alike."""
    pairs = zip(own, saved, strict=True)
    return [form.clone().fill_(rate) if isinstance(form, Tensor) else rate for form, rate in pairs]


def _queued(state_dict: dict[str, Any]) -> tuple[float, float]:
    """Mean and weight of the queued observations; the first states listed the values under ``pending``."""
    if "queued" in state_dict:
        mean, weight = state_dict["queued"]
        return mean, weight
    values = state_dict.get("pending", [])
    return (math.fsum(values) / len(values), float(len(values))) if values else (0.0, 0.0)


def _refuse_another_number_of_schedules(schedule: Schedule | Sequence[Schedule] | None, groups: int) -> None:
    if schedule is None or callable(schedule):
        return
    if not isinstance(schedule, Sequence) or len(schedule) != groups or not all(callable(each) for each in schedule):
        raise ValueError(f"schedule must be one function or a list of {groups}, one per parameter group; got {schedule!r}")


def _refuse_what_is_no_rule(rule: object) -> None:
    needed = ("init", "update", "factor", "signal_range")
    if rule is not None and (isinstance(rule, type) or not all(hasattr(rule, name) for name in needed)):
        given = f"the class {rule.__name__}" if isinstance(rule, type) else repr(rule)
        raise TypeError(f"rule must be an instance of a rule, such as Threshold(threshold=0.5), or None; got {given}")
