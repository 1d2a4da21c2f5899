"""Learning-rate schedulers steered by a signal. A scheduler takes a number; it never asks where the number came from."""

from uncertlr.schedulers.rules import Rule, State, Threshold, simulate
from uncertlr.schedulers.schedules import SCHEDULES, Schedule, constant, cosine, one_cycle
from uncertlr.schedulers.signals import SIGNALS, Uncertainty, read_signal, signal_maximum
from uncertlr.schedulers.uncertainty_lr import UncertaintyLR

__all__ = [
    "SCHEDULES",
    "SIGNALS",
    "Rule",
    "Schedule",
    "State",
    "Threshold",
    "Uncertainty",
    "UncertaintyLR",
    "constant",
    "cosine",
    "one_cycle",
    "read_signal",
    "signal_maximum",
    "simulate",
]
