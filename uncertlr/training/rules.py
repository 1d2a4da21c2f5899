"""The rule that a configuration names, with the traces of other runs where it replays them."""

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from uncertlr.config import RunConfig, shown_name
from uncertlr.errors import ConfigError, RunError
from uncertlr.runs.archive import restore_published
from uncertlr.runs.paths import RunPaths, paths_of
from uncertlr.runs.store import Run, read_run, whole_trace
from uncertlr.schedulers import (
    BoldDriver,
    Bounds,
    Integral,
    Inverted,
    PowerLaw,
    RelativeThreshold,
    Replay,
    Rule,
    Threshold,
    geometric_mean,
    shuffled_within_epochs,
    stretched,
)
from uncertlr.seeding import derive_seed
from uncertlr.training.own import own_rule

CLASSES: dict[str, type[Any]] = {
    "threshold": Threshold,
    "relative": RelativeThreshold,
    "proportional": PowerLaw,
    "integral": Integral,
    "bold_driver": BoldDriver,
}
"""The rules that are built from settings alone. A class's fields are called as in `RunConfig`, but `bounds` and `every`."""


def build_rule(config: RunConfig, steps_per_epoch: int) -> Rule | None:
    """The rule, or None for a rate without feedback.

    Args:
        config: names the rule and its settings.
        steps_per_epoch: optimizer steps; with ``decide_every=0`` a decision is taken once in their observations.

    Raises:
        ConfigError: settings that do not go together.
        RunError: a source run is not finished.
    """
    name = shown_name(config.rule)
    if config.flip and config.rule not in ("threshold", "relative"):
        raise ConfigError(f"inverted=True needs a threshold rule; rule={name!r} takes its sign from its own settings")
    if bool(config.donors) != (config.rule in ("replay", "shuffled")):
        raise ConfigError(f"rule={name!r} with source_runs={config.donors}: replay and shuffled need them, other rules none")
    if config.stretch and config.rule != "replay":
        raise ConfigError(f"stretch=True fits the factors of a replay to another length; rule={name!r} replays none")
    if config.rule == "none":
        return None
    if config.rule == "own":
        return _fitting(own_rule(config), config)
    if config.rule == "replay":
        return _replay(config, steps_per_epoch)
    if config.rule == "shuffled":
        return _shuffled(config, steps_per_epoch)
    return _fitting(_from_settings(config, steps_per_epoch), config)


def _fitting(rule: Rule, config: RunConfig) -> Rule:
    if config.signal == "loss" and math.isfinite(rule.signal_range[1]):
        name = shown_name(config.rule)
        raise ConfigError(f"signal='loss' has no maximum, which rule={name!r} needs; use rule='bold_driver'")
    return rule


def _from_settings(config: RunConfig, steps_per_epoch: int) -> Rule:
    kind = CLASSES[config.rule]
    settings = dict(config) | {
        "bounds": Bounds(config.min_factor, config.max_factor),
        "every": config.decide_every or _observations_per_epoch(config, steps_per_epoch),
    }
    names = {field.name for field in fields(kind)}
    for setting, name in (("decide_every", "every"), ("dead_band", "dead_band")):
        value = getattr(config, setting)
        if name not in names and value != RunConfig.model_fields[setting].default:
            raise ConfigError(f"{setting}={value} has no effect on rule={shown_name(config.rule)!r}; leave it out")
    rule: Rule = kind(**{name: settings[name] for name in names})
    if not config.flip:
        return rule
    # The threshold, too, is mirrored, so that the level of the configuration is the level of the signal.
    return Inverted(replace(rule, threshold=1.0 - rule.threshold) if isinstance(rule, Threshold) else rule)


def _replay(config: RunConfig, steps_per_epoch: int) -> Rule:
    sources = [_factors(config, run_id, config.epochs * steps_per_epoch) for run_id in config.donors]
    traces = [_at_observations(config, factors, steps_per_epoch).tolist() for factors in sources]
    return Replay(traces[0] if len(traces) == 1 else geometric_mean(traces))


def _factors(config: RunConfig, run_id: str, steps: int) -> np.ndarray:
    """A source run's factors, one for each step of this run."""
    factors = whole_trace(_source_run(config, run_id))["factor"].tolist()
    if len(factors) != steps and not config.stretch:
        raise ConfigError(
            f"run {run_id} has {len(factors):,} steps and the run that replays it {steps:,}; set stretch=True to fit them"
        )
    return np.array(list(stretched(factors, steps)))


def _shuffled(config: RunConfig, steps_per_epoch: int) -> Rule:
    source = _source_run(config, config.donors[0])
    rule = build_rule(source.config, steps_per_epoch)
    if rule is None:
        raise ConfigError(f"source run {config.donors[0]} has no rule, so there is no signal to shuffle")
    signals = _at_observations(source.config, whole_trace(source)["signal"].astype(float), steps_per_epoch).tolist()
    count = _observations_per_epoch(source.config, steps_per_epoch)
    return Replay(shuffled_within_epochs(rule, signals, count, derive_seed(config.seed, 0, "shuffle")))


def _observations_per_epoch(config: RunConfig, steps_per_epoch: int) -> int:
    return math.ceil(steps_per_epoch / config.signal_every)


def _at_observations(config: RunConfig, values: np.ndarray, steps_per_epoch: int) -> np.ndarray:
    """Of one value per step, those of the steps that observe the signal: a replay goes on by one at each observation."""
    observed = np.arange(len(values)) % steps_per_epoch % config.signal_every == 0
    return np.compress(observed, values)


def _source_run(config: RunConfig, run_id: str) -> Run:
    paths = RunPaths(Path(paths_of(config).root), run_id)
    if not (paths.complete or restore_published(paths)):
        raise RunError(f"the run needs the trace of {run_id}, which is not finished in {paths.root}; run that first")
    return read_run(paths)
