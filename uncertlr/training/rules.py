"""The rule that a configuration names, with the traces of other runs where it replays them."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError, RunError
from uncertlr.runs.archive import restore_published
from uncertlr.runs.files import Arrays, load_arrays
from uncertlr.runs.paths import RunPaths, paths_of
from uncertlr.runs.store import Run, load_run, read_trace
from uncertlr.schedulers import (
    BoldDriver,
    Flipped,
    Integral,
    Proportional,
    RelativeThreshold,
    Replay,
    Rule,
    Threshold,
    geometric_mean,
    shuffled_within_epochs,
)
from uncertlr.seeding import derive_seed


def build_rule(config: RunConfig, steps_per_epoch: int) -> Rule | None:
    """The rule, or None for a rate without feedback.

    Args:
        config: names the rule and its settings.
        steps_per_epoch: readings between two decisions where there is one an epoch.

    Raises:
        ConfigError: settings that do not go together.
        RunError: a donor is not finished.
    """
    if config.flip and config.rule not in ("threshold", "relative"):
        raise ConfigError(f"flip turns a threshold rule round; rule={config.rule!r} takes its sign from its own settings")
    if bool(config.donors) != (config.rule in ("replay", "shuffled")):
        raise ConfigError(f"rule={config.rule!r} with donors={config.donors}: replay and shuffled need donors, others none")
    if config.rule == "none":
        return None
    rule = RULES[config.rule](config, steps_per_epoch)
    if config.signal == "loss" and math.isfinite(rule.signal_range[1]):
        raise ConfigError(f"signal='loss' has no maximum, which rule={config.rule!r} needs; use rule='bold_driver'")
    return rule


def _threshold(config: RunConfig, steps_per_epoch: int) -> Rule:
    level = 1.0 - config.threshold if config.flip else config.threshold
    every = config.decide_every or _readings_per_epoch(config, steps_per_epoch)
    rule = Threshold(level, config.decrease, config.increase, config.min_factor, config.max_factor, config.dead_band, every)
    return Flipped(rule) if config.flip else rule


def _relative(config: RunConfig, steps_per_epoch: int) -> Rule:
    rule = RelativeThreshold(
        config.relative_to,
        config.scale,
        config.quantile,
        config.memory,
        config.decrease,
        config.increase,
        config.min_factor,
        config.max_factor,
        config.decide_every or _readings_per_epoch(config, steps_per_epoch),
        config.dead_band,
    )
    return Flipped(rule) if config.flip else rule


def _proportional(config: RunConfig, steps_per_epoch: int) -> Rule:
    return Proportional(
        config.exponent, config.reference, config.warm_up, config.smoothing, config.min_factor, config.max_factor
    )


def _integral(config: RunConfig, steps_per_epoch: int) -> Rule:
    return Integral(config.set_point, config.gain, config.min_factor, config.max_factor)


def _bold_driver(config: RunConfig, steps_per_epoch: int) -> Rule:
    every = config.decide_every or _readings_per_epoch(config, steps_per_epoch)
    return BoldDriver(config.decrease, config.increase, config.min_factor, config.max_factor, every)


def _replay(config: RunConfig, steps_per_epoch: int) -> Rule:
    donors = [whole_trace(_donor(config, run_id))["factor"] for run_id in config.donors]
    traces = [_at_readings(config, factors, steps_per_epoch).tolist() for factors in donors]
    return Replay(tuple(traces[0]) if len(traces) == 1 else geometric_mean(traces))


def _shuffled(config: RunConfig, steps_per_epoch: int) -> Rule:
    donor = _donor(config, config.donors[0])
    rule = build_rule(donor.config, steps_per_epoch)
    if rule is None:
        raise ConfigError(f"donor {config.donors[0]} has no rule whose readings could be shuffled")
    signals = _at_readings(donor.config, whole_trace(donor)["signal"].astype(float), steps_per_epoch).tolist()
    readings = _readings_per_epoch(donor.config, steps_per_epoch)
    return Replay(shuffled_within_epochs(rule, signals, readings, derive_seed(config.seed, 0, "shuffle")))


RULES: dict[str, Callable[[RunConfig, int], Rule]] = {
    "threshold": _threshold,
    "relative": _relative,
    "proportional": _proportional,
    "integral": _integral,
    "bold_driver": _bold_driver,
    "replay": _replay,
    "shuffled": _shuffled,
}


def _readings_per_epoch(config: RunConfig, steps_per_epoch: int) -> int:
    return math.ceil(steps_per_epoch / config.signal_every)


def _at_readings(config: RunConfig, values: np.ndarray, steps_per_epoch: int) -> np.ndarray:
    """Of a number a step, those of the steps at which the signal is read: a replay goes on by one at each reading."""
    read = np.arange(len(values)) % steps_per_epoch % config.signal_every == 0
    return np.compress(read, values)


def whole_trace(run: Run) -> Arrays:
    """Factor and signal of every step, unthinned, also of a published run.

    Raises:
        RunError: it is published as a trial, whose trace is thinned.
    """
    if not run.paths.factor.is_file():
        return read_trace(run.paths)
    whole = load_arrays(run.paths.factor)
    if "factor" not in whole:
        raise RunError(
            f"run {run.config.run_id} is published as a trial, without its whole trace; train it under another root to "
            "replay it"
        )
    return whole


def _donor(config: RunConfig, run_id: str) -> Run:
    paths = RunPaths(Path(paths_of(config).root), run_id)
    if not (paths.complete or restore_published(paths)):
        raise RunError(f"the run needs the trace of {run_id}, which is not finished in {paths.root}; run that first")
    return load_run(paths)
