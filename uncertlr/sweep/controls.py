"""Controls of a sweep: arms that replay the runs of another arm, or shuffle the signal that its runs observed."""

from collections.abc import Mapping, Sequence
from typing import Any

from uncertlr.config import RunConfig, whole_number
from uncertlr.errors import ConfigError
from uncertlr.sweep.facts import require_arm

SOURCE_RUNS = ("next", "others", "own")
LENGTH_FIELDS = ("epochs", "batch_size", "train_examples", "val_fraction", "signal_every")
"""Fields that fix the number of steps and of observations, which a trace and the run that replays it must share."""

Runs = dict[tuple[str, int], RunConfig]
"""Runs by the names of their arms and their seeds."""


def first_seeds(where: str, fields: Mapping[str, Any], seeds: Sequence[int], whose: str = "the sweep") -> list[int]:
    """The seeds that an arm runs on: as many as it names, else all.

    Raises:
        ConfigError: there are not so many.
    """
    count = whole_number(fields.get("seeds", len(seeds)))
    if type(count) is not int or not 1 <= count <= len(seeds):
        raise ConfigError(f"{where}: seeds={count!r} must be a count from 1 to {len(seeds)}, of the seeds of {whose}")
    return list(seeds[:count])


def control_runs(name: str, fields: dict[str, Any], seeds_of: Mapping[str, list[int]], runs: Runs) -> Runs:
    """A control's run of each seed that it shares with the arm that it replays.

    Args:
        name: of the control.
        fields: what the sweep says of it.
        seeds_of: of all arms that have a rule of their own.
        runs: of these arms.

    Raises:
        ConfigError: a setting that is impossible, named with the control.
    """
    where, source = f"arm {name!r}", fields["replay_of"]
    require_arm(f"{where}: replay_of", source, seeds_of, "name an arm of this file that has a rule of its own")
    ring = sorted(seeds_of[source])
    own = first_seeds(where, fields, seeds_of[source], f"{source!r}, which it replays")
    _check(where, fields, ring, runs[source, ring[0]].rule)
    if _which(fields) not in ("own", "others") and len(own) < len(ring):
        raise ConfigError(
            f"{where}: with seeds={len(own)} the run that a seed replays may not exist; leave it out, or give {source!r} "
            "as few"
        )
    return {(name, seed): _control(where, fields, seed, ring, runs) for seed in own}


def without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A copy without some of its names."""
    return {key: value for key, value in fields.items() if key not in names}


def _which(fields: Mapping[str, Any]) -> Any:
    """Which runs are a control's source runs, in the file's word."""
    return fields.get("source_runs", "own" if fields.get("rule") == "shuffled" else "next")


def _check(where: str, fields: Mapping[str, Any], ring: Sequence[int], source_rule: str) -> None:
    which, rule = _which(fields), fields.get("rule", "replay")
    if source_rule == "none":
        raise ConfigError(f"{where}: {fields['replay_of']!r} has no rule, so there is nothing to replay")
    if rule not in ("replay", "shuffled"):
        raise ConfigError(f"{where}: rule={rule!r} with replay_of must be replay or shuffled")
    if rule == "shuffled" and which != "own":
        raise ConfigError(
            f"{where}: rule='shuffled' uses the signal of the same seed's run; leave source_runs={which!r} out"
        )
    if which in SOURCE_RUNS:
        if which != "own" and len(ring) < 2:
            raise ConfigError(
                f"{where}: a run never replays itself, so source_runs={which!r} needs at least two seeds of "
                f"{fields['replay_of']!r}"
            )
    elif type(which) is not int or not 0 < which < len(ring):
        raise ConfigError(
            f"{where}: source_runs={which!r} must be one of {', '.join(SOURCE_RUNS)}, or how many seeds further the source "
            f"run is, less than the number of seeds of {fields['replay_of']!r}, {len(ring)}"
        )


def _control(where: str, fields: Mapping[str, Any], seed: int, ring: Sequence[int], runs: Runs) -> RunConfig:
    """The run of this seed of the arm that is replayed, with the factors of its source runs in place of the rule."""
    which, like = _which(fields), runs[fields["replay_of"], seed]
    if which == "own":
        chosen = [seed]
    elif which == "others":
        chosen = [other for other in ring if other != seed]
    else:
        chosen = [ring[(ring.index(seed) + (1 if which == "next" else which)) % len(ring)]]
    source_runs = [runs[fields["replay_of"], each].run_id for each in chosen]
    kept = {field: getattr(like, field) for field in ("min_factor", "max_factor")}
    changes = {"rule": "replay", **kept, **without(fields, "replay_of", "source_runs", "seeds"), "donors": source_runs}
    try:
        config = like.without_rule().replace(**changes)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    for field in LENGTH_FIELDS if not config.stretch else ():
        if getattr(config, field) != getattr(like, field):
            raise ConfigError(
                f"{where}: {field}={getattr(config, field)!r} differs from that of its source runs, so traces do not fit"
            )
    return config
