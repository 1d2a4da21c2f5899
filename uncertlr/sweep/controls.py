"""Controls of a sweep: arms that replay the runs of another arm, or shuffle the signal that its runs observed."""

from collections.abc import Sequence
from typing import Any

from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError
from uncertlr.sweep.facts import require_arm
from uncertlr.sweep.file import SOURCE_RUNS, Arm

LENGTH_FIELDS = ("epochs", "batch_size", "train_examples", "val_fraction", "signal_every")
"""Fields that fix the number of steps and of observations, which a trace and the run that replays it must share."""

Runs = dict[str, dict[int, RunConfig]]
"""Runs by the names of their arms, then by their seeds."""


def first_seeds(arm: Arm, seeds: Sequence[int], whose: str) -> list[int]:
    """The seeds that an arm runs on: as many as it names, else all.

    Raises:
        ConfigError: there are not so many.
    """
    count = arm.seeds or len(seeds)
    if count > len(seeds):
        raise ConfigError(f"seeds={count} must be a count from 1 to {len(seeds)}, of the seeds of {whose}")
    return list(seeds[:count])


def control_runs(control: Arm, runs: Runs) -> dict[int, RunConfig]:
    """A control's run of each seed that it shares with the arm that it replays.

    Args:
        control: what the sweep says of it.
        runs: of all arms that have a rule of their own.

    Raises:
        ConfigError: a setting that is impossible.
    """
    source = control.replay_of
    require_arm("replay_of", source, runs, "name an arm of this file that has a rule of its own")
    replayed = runs[source]
    ring = sorted(replayed)
    seeds = first_seeds(control, list(replayed), f"{source!r}, which it replays")
    _check(control, ring, replayed[ring[0]].rule)
    if _which(control) not in ("own", "others") and len(seeds) < len(ring):
        raise ConfigError(
            f"with seeds={len(seeds)} the run that a seed replays may not exist; leave it out, or give {source!r} as few"
        )
    return {seed: _control(control, seed, ring, replayed) for seed in seeds}


def _which(control: Arm) -> Any:
    """Which runs are a control's source runs, in the file's word."""
    if control.source_runs is not None:
        return control.source_runs
    return "own" if control.settings.get("rule") == "shuffled" else "next"


def _check(control: Arm, ring: Sequence[int], source_rule: str) -> None:
    which, rule = _which(control), control.settings.get("rule", "replay")
    if source_rule == "none":
        raise ConfigError(f"{control.replay_of!r} has no rule, so there is nothing to replay")
    if rule not in ("replay", "shuffled"):
        raise ConfigError(f"rule={rule!r} with replay_of must be replay or shuffled")
    if rule == "shuffled" and which != "own":
        raise ConfigError(f"rule='shuffled' uses the signal of the same seed's run; leave source_runs={which!r} out")
    if isinstance(which, str):
        if which != "own" and len(ring) < 2:
            raise ConfigError(
                f"a run never replays itself, so source_runs={which!r} needs at least two seeds of {control.replay_of!r}"
            )
    elif isinstance(which, list) or which >= len(ring):
        raise ConfigError(
            f"source_runs={which!r} must be {SOURCE_RUNS}, less than the number of seeds of {control.replay_of!r}, "
            f"{len(ring)}"
        )


def _control(control: Arm, seed: int, ring: Sequence[int], replayed: dict[int, RunConfig]) -> RunConfig:
    """The run of this seed of the arm that is replayed, with the factors of its source runs in place of the rule."""
    which, like = _which(control), replayed[seed]
    if which == "own":
        chosen = [seed]
    elif which == "others":
        chosen = [other for other in ring if other != seed]
    else:
        chosen = [ring[(ring.index(seed) + (1 if which == "next" else which)) % len(ring)]]
    kept = {field: getattr(like, field) for field in ("min_factor", "max_factor")}
    source_runs = [replayed[each].run_id for each in chosen]
    config = like.without_rule().replace(**{"rule": "replay", **kept, **control.settings, "donors": source_runs})
    for field in LENGTH_FIELDS if not config.stretch else ():
        if getattr(config, field) != getattr(like, field):
            raise ConfigError(
                f"{field}={getattr(config, field)!r} differs from that of its source runs, so traces do not fit"
            )
    return config
