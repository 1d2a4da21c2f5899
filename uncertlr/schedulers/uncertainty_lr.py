"""The torch shell round a rule: a learning-rate scheduler that listens."""

import math
import warnings
from collections.abc import Callable
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from uncertlr.schedulers.rules import Rule

DEAF_STEPS = 100
"""Steps without a first reading after which a scheduler with a rule says that it hears nothing."""

WAITING_READINGS = 1_000
"""Readings without a step after which it says that nobody steps it."""


class UncertaintyLR(LRScheduler):
    r"""Set the learning rate from readings of a signal, such as a network's predictive uncertainty.

    For every parameter group :math:`g`, at step :math:`t`,

    .. math:: \eta_g(t) = \eta_{g,0} \cdot \text{schedule}(t) \cdot f(\text{state}),

    where :math:`f` is the rule's factor. The rate is computed from the initial rates, never from the current one, so it
    composes with warm-up or annealing through `schedule`, and with nothing observed it equals
    `torch.optim.lr_scheduler.LambdaLR`. The rule's bounds hold for the factor, not for the product with the schedule.

    `observe` queues a reading; `step` consumes the mean of what is queued, once. So several readings (gradient
    accumulation), or several steps (Accelerate calls `step` once per process), still make one decision. The rate lags the
    reading by one step. Inside `SequentialLR`, readings queued before this scheduler's turn are discarded.
    `ChainedScheduler` multiplies current rates and so would give a wrong one: `step` refuses a rate that something else has
    changed; use `schedule` instead.

    To restore: construct, load the optimizer, load the scheduler. The schedule, a function, is not saved.

    Args:
        optimizer: the optimizer whose rates are set; tensor rates are written in place.
        rule: what turns readings into a factor; None keeps the factor at 1 and refuses no reading that is finite.
        schedule: factor as a function of the step, counted from 0; None is constant 1.
        last_epoch: as for every torch scheduler.

    Raises:
        TypeError: `rule` is no rule, such as the name or the class of one.

    Warns:
        UserWarning: once, if a rule has heard nothing in its first 100 steps, or if 1,000 readings wait for a step.

    >>> import torch
    >>> from uncertlr.schedulers import Threshold
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> scheduler = UncertaintyLR(optimizer, Threshold(threshold=0.5))
    >>> scheduler.observe(0.9)
    >>> optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.05]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        rule: Rule | None = None,
        *,
        schedule: Callable[[int], float] | None = None,
        last_epoch: int = -1,
    ) -> None:
        _refuse_what_is_no_rule(rule)
        # LRScheduler.__init__ already calls get_lr, which reads these.
        self.rule = rule
        self.schedule = schedule
        self.rule_state = rule.init() if rule else {}
        self.pending: list[float] = []
        self._written: list[float] = []  # empty: what the optimizer holds is not ours to judge
        self._deaf_steps: int | None = None  # None: a reading was heard, or none is needed
        self._told_waiting = False
        super().__init__(optimizer, last_epoch)  # takes a step of its own, before which nobody can have been heard
        self._deaf_steps = 0 if rule else None

    @property
    def factor(self) -> float:
        """The rule's present factor, without the schedule's."""
        return self.rule.factor(self.rule_state) if self.rule else 1.0

    def observe(self, signal: float | Tensor) -> None:
        """Queue a reading for the next rate.

        Args:
            signal: a number or a tensor of one element, within the rule's `signal_range`.

        Raises:
            ValueError: the reading is not finite or is out of range; nothing is queued.
        """
        value = float(signal)
        low, high = self.rule.signal_range if self.rule else (-math.inf, math.inf)
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(
                f"signal {value:.6g} was refused: a reading must be a finite number in [{low:g}, {high:g}]. A value that is "
                "not finite usually means that the loss diverged; an entropy must be divided by its maximum, log C"
            )
        self.pending.append(value)
        self._deaf_steps = None
        # Before its turn in SequentialLR, last_epoch is -1.
        if len(self.pending) >= WAITING_READINGS and self.last_epoch >= 0 and not self._told_waiting:
            self._told_waiting = True
            warnings.warn(
                f"{WAITING_READINGS:,} readings wait for UncertaintyLR.step(), which decides on their mean: call it after "
                "every optimizer.step(), or close the listener if this scheduler's turn is over",
                UserWarning,
                stacklevel=2,
            )

    def step(self, epoch: int | None = None) -> None:
        """Set the next rates, from what was observed since the last step.

        Args:
            epoch: not for you: releases of torch before 2.8 hand over with 0 inside `SequentialLR`.

        Raises:
            TypeError: a number is given, as to a scheduler that takes the epoch or a metric.
            RuntimeError: something else has changed the rate, or a parameter group was added.
        """
        if epoch is not None and not (epoch == 0 and type(epoch) is int):
            raise TypeError(
                f"UncertaintyLR.step() takes no argument, but got {epoch!r}: give a reading to observe(), then call step()"
            )
        super().step(epoch)
        if self._deaf_steps is not None:
            self._deaf_steps += 1
            if self._deaf_steps == DEAF_STEPS:
                self._deaf_steps = None
                warnings.warn(
                    f"UncertaintyLR has a rule but has heard nothing in {DEAF_STEPS} steps, so nothing is decided: call "
                    "uncertlr.integrations.listen(model, scheduler), give the trainer UncertaintyLRCallback, or observe() a "
                    "reading yourself; a model in evaluation mode is not read",
                    UserWarning,
                    stacklevel=2,
                )

    def get_lr(self) -> list[float | Tensor]:
        """The rate of every parameter group; consumes the queued readings.

        Raises:
            RuntimeError: a parameter group was added after the scheduler was made.
        """
        groups = len(self.optimizer.param_groups)
        if groups != len(self.base_lrs):
            raise RuntimeError(
                f"the optimizer has {groups} parameter groups, but UncertaintyLR was made when it had {len(self.base_lrs)}; "
                "add_param_group first and then make the scheduler (its state_dict carries over what the rule remembers)"
            )
        if self.pending and self.rule:
            mean = math.fsum(self.pending) / len(self.pending)
            self.rule_state = self.rule.update(self.rule_state, mean)
        self.pending = []
        scheduled = self.schedule(self.last_epoch) if self.schedule else 1.0
        return [base_lr * (scheduled * self.factor) for base_lr in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts: loads with ``torch.load(..., weights_only=True)``."""
        return {
            "base_lrs": [float(base_lr) for base_lr in self.base_lrs],
            "last_lr": [float(lr) for lr in self._last_lr],
            "last_epoch": self.last_epoch,
            "step_count": self._step_count,
            "rule": describe(self.rule),
            "rule_state": dict(self.rule_state),
            "pending": list(self.pending),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave.

        Raises:
            ValueError: the state belongs to a rule of another kind or with other settings, or to another number of
                parameter groups; nothing is changed.
        """
        if {**_later_settings(self.rule), **state_dict["rule"]} != describe(self.rule):
            raise ValueError(
                f"this state was saved with rule {state_dict['rule']}, but the scheduler has {describe(self.rule)}; "
                "construct the scheduler with the rule it was saved with"
            )
        if len(state_dict["base_lrs"]) != len(self.base_lrs):
            raise ValueError(
                f"this state has {len(state_dict['base_lrs'])} parameter groups, the optimizer has {len(self.base_lrs)}"
            )
        self.base_lrs = list(state_dict["base_lrs"])
        self._last_lr = list(state_dict["last_lr"])
        self.last_epoch = state_dict["last_epoch"]
        self._step_count = state_dict["step_count"]
        self.rule_state = dict(state_dict["rule_state"])
        self.pending = list(state_dict["pending"])
        if self.pending or self.rule and self.rule_state != self.rule.init():
            self._deaf_steps = None
        self._written = []

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self._refuse_a_changed_rate()
        else:
            # SequentialLR hands over with _update_lr(0), past step(): what was read before is not this phase's.
            self.pending = []
        super()._update_lr(epoch)
        self._written = self._rates()

    def _rates(self) -> list[float]:
        # A rate on an accelerator is not fetched at every step for a check.
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return [math.nan if isinstance(rate, Tensor) and rate.device.type != "cpu" else float(rate) for rate in rates]

    def _refuse_a_changed_rate(self) -> None:
        for index, (rate, written) in enumerate(zip(self._rates(), self._written, strict=False)):
            if abs(rate - written) > 0:
                raise RuntimeError(
                    f"the rate of parameter group {index} is {rate:.6g}, but UncertaintyLR had set it to {written:.6g}: "
                    "something else changes it, such as ChainedScheduler, a second scheduler, or an optimizer's checkpoint "
                    "that was loaded without the scheduler's. Pass what shall multiply the rate as schedule=, and load both"
                )


def _refuse_what_is_no_rule(rule: object) -> None:
    needed = ("init", "update", "factor", "signal_range")
    if rule is not None and (isinstance(rule, type) or not all(hasattr(rule, name) for name in needed)):
        given = f"the class {rule.__name__}" if isinstance(rule, type) else repr(rule)
        raise TypeError(f"rule must be an instance of a rule, such as Threshold(threshold=0.5), or None; got {given}")


def describe(rule: Rule | None) -> dict[str, Any]:
    """A rule's name and settings as plain values; an empty dict for no rule."""
    if rule is None:
        return {}
    settings = asdict(rule) if is_dataclass(rule) and not isinstance(rule, type) else dict(vars(rule))
    return {"name": type(rule).__name__, **settings}


def _later_settings(rule: Rule | None) -> dict[str, Any]:
    """The defaults of a rule's settings: what a state means that was saved before the rule had one of them."""
    settings: tuple[Field[Any], ...] = fields(rule) if is_dataclass(rule) else ()
    return {field.name: field.default for field in settings if field.default is not MISSING}
