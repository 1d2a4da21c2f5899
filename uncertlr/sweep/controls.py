"""Controls of a sweep: arms that replay the runs of another arm, their donor, or shuffle what its runs read."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError

DONORS = ("next", "others", "own")
LENGTH_FIELDS = ("epochs", "batch_size", "train_examples", "val_fraction", "signal_every")
"""Fields that fix the number of steps and of readings, which a trace and the run that replays it must share."""

Runs = dict[tuple[str, int], RunConfig]
"""Runs by the names of their arms and their seeds."""


def first_seeds(where: str, fields: Mapping[str, Any], seeds: Sequence[int], whose: str = "the sweep") -> list[int]:
    """The seeds that an arm runs on: as many as it names, else all.

    Raises:
        ConfigError: there are not so many.
    """
    count = fields.get("seeds", len(seeds))
    if type(count) is not int or not 1 <= count <= len(seeds):
        raise ConfigError(f"{where}: seeds={count!r} must be a count from 1 to {len(seeds)}, of the seeds of {whose}")
    return list(seeds[:count])


def control_runs(name: str, fields: dict[str, Any], seeds_of: Mapping[str, list[int]], runs: Runs) -> Runs:
    """A control's run of each seed that it shares with its donor.

    Args:
        name: of the control.
        fields: what the sweep says of it.
        seeds_of: of all arms that have a rule of their own.
        runs: of these arms.

    Raises:
        ConfigError: anything that makes no sense, named with the control.
    """
    where, donor = f"arm {name!r}", fields["donor"]
    if donor not in list(seeds_of):
        near = difflib.get_close_matches(str(donor), seeds_of, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "name an arm of this file that has a rule of its own"
        raise ConfigError(f"{where}: no donor {donor!r}; {hint}")
    ring = sorted(seeds_of[donor])
    own = first_seeds(where, fields, seeds_of[donor], f"its donor {donor!r}")
    _check(where, fields, ring, runs[donor, ring[0]].rule)
    if _which(fields) not in ("own", "others") and len(own) < len(ring):
        raise ConfigError(
            f"{where}: seeds={len(own)} breaks the ring in which each run replays another seed's; leave it out, or give its "
            f"donor {donor!r} as few"
        )
    return {(name, seed): _control(where, fields, seed, ring, runs) for seed in own}


def without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A copy without some of its names."""
    return {key: value for key, value in fields.items() if key not in names}


def _which(fields: Mapping[str, Any]) -> Any:
    """Whose traces a control takes, in the file's word."""
    return fields.get("donors", "own" if fields.get("rule") == "shuffled" else "next")


def _check(where: str, fields: Mapping[str, Any], ring: Sequence[int], donors_rule: str) -> None:
    which, rule = _which(fields), fields.get("rule", "replay")
    if donors_rule == "none":
        raise ConfigError(f"{where}: its donor {fields['donor']!r} has no rule, so there is nothing to replay")
    if rule not in ("replay", "shuffled"):
        raise ConfigError(f"{where}: rule={rule!r} with a donor must be replay or shuffled")
    if rule == "shuffled" and which != "own":
        raise ConfigError(f"{where}: rule='shuffled' takes the run's own readings; leave donors={which!r} out")
    if which in DONORS:
        if which != "own" and len(ring) < 2:
            raise ConfigError(
                f"{where}: a run never replays itself, so donors={which!r} needs a donor with at least two seeds"
            )
    elif type(which) is not int or not 0 < which < len(ring):
        raise ConfigError(
            f"{where}: donors={which!r} must be one of {', '.join(DONORS)}, or how many seeds further the donor is, "
            f"less than the number of its seeds, {len(ring)}"
        )


def _control(where: str, fields: Mapping[str, Any], seed: int, ring: Sequence[int], runs: Runs) -> RunConfig:
    """The donor arm's run of this seed, steered by stored traces and by nothing that it reads."""
    which, like = _which(fields), runs[fields["donor"], seed]
    if which == "own":
        chosen = [seed]
    elif which == "others":
        chosen = [other for other in ring if other != seed]
    else:
        chosen = [ring[(ring.index(seed) + (1 if which == "next" else which)) % len(ring)]]
    donors = [runs[fields["donor"], each].run_id for each in chosen]
    kept = {field: getattr(like, field) for field in ("min_factor", "max_factor")}
    changes = {"rule": "replay", **kept, **without(fields, "donor", "donors", "seeds"), "donors": donors}
    try:
        config = like.without_rule().replace(**changes)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    for field in LENGTH_FIELDS if not config.stretch else ():
        if getattr(config, field) != getattr(like, field):
            raise ConfigError(f"{where}: {field}={getattr(config, field)!r} differs from its donor's, so traces do not fit")
    return config
