"""Learning-rate schedulers that follow a signal. A scheduler takes a number; it never asks where the number came from."""

from uncertlr.schedulers.bold_driver import BoldDriver
from uncertlr.schedulers.integral import Integral
from uncertlr.schedulers.power_law import PowerLaw
from uncertlr.schedulers.recorded import load_schedule
from uncertlr.schedulers.relative import RelativeThreshold
from uncertlr.schedulers.replay import Replay, geometric_mean, shuffled_within_epochs, stretched
from uncertlr.schedulers.rules import Bounds, Inverted, Rule, State, simulate, simulate_loop
from uncertlr.schedulers.schedules import SCHEDULES, Schedule, constant, cosine, one_cycle, warmup_cosine
from uncertlr.schedulers.signals import SIGNALS, Uncertainty, read_signal, signal_maximum
from uncertlr.schedulers.threshold import Threshold
from uncertlr.schedulers.uncertainty_lr import UncertaintyLR

__all__ = [
    "SCHEDULES",
    "SIGNALS",
    "BoldDriver",
    "Bounds",
    "Integral",
    "Inverted",
    "PowerLaw",
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
    "load_schedule",
    "one_cycle",
    "read_signal",
    "shuffled_within_epochs",
    "signal_maximum",
    "simulate",
    "simulate_loop",
    "stretched",
    "warmup_cosine",
]
