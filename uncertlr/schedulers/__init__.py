"""Learning-rate schedulers steered by a signal. A scheduler takes a number; it never asks where the number came from."""

from uncertlr.schedulers.controllers import Integral, Proportional
from uncertlr.schedulers.replay import Replay, geometric_mean, shuffled_within_epochs
from uncertlr.schedulers.rules import Rule, State, Threshold, simulate, simulate_loop
from uncertlr.schedulers.schedules import SCHEDULES, Schedule, constant, cosine, one_cycle, warmup_cosine
from uncertlr.schedulers.signals import SIGNALS, Uncertainty, read_signal, signal_maximum
from uncertlr.schedulers.thresholds import BoldDriver, Flipped, RelativeThreshold
from uncertlr.schedulers.uncertainty_lr import UncertaintyLR

__all__ = [
    "SCHEDULES",
    "SIGNALS",
    "BoldDriver",
    "Flipped",
    "Integral",
    "Proportional",
    "RelativeThreshold",
    "Replay",
    "Rule",
    "Schedule",
    "State",
    "Threshold",
    "Uncertainty",
    "UncertaintyLR",
    "constant",
    "cosine",
    "geometric_mean",
    "one_cycle",
    "read_signal",
    "shuffled_within_epochs",
    "signal_maximum",
    "simulate",
    "simulate_loop",
    "warmup_cosine",
]
