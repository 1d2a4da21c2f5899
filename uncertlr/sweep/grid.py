"""From a YAML file to a list of runs, checked whole before anything starts.

.. code-block:: yaml

    experiment: cifar10            # a named data set, or a folder in the hub's layout
    profile: standard              # how much data and how many epochs
    seeds: 10                      # 0 to 9, or a list
    base: {num_samples: 32}        # fields of RunConfig for every arm
    product: {epochs: [1, 3]}      # every arm with every combination of these
    trials: 12                     # points of a Sobol sequence over the ranges of an arm that has any
    arms:
      constant: {}
      inverse: {rule: proportional, learning_rate: 3e-4}
      tried: {learning_rate: {low: 1e-4, high: 1e-2, log: true}}   # becomes "tried, trial 1" and so on
      sign_flip: {rule: threshold, flip: true, seeds: 5}     # on the first five of the seeds only
      inverse_yoked: {donor: inverse}                        # replays the next seed's run of inverse
      inverse_yoked_3: {donor: inverse, donors: 3}           # replays the run of the third seed from its own
      inverse_mean_curve: {donor: inverse, donors: others}   # replays the geometric mean of all other seeds' runs
      inverse_shuffled: {donor: inverse, rule: shuffled}     # the rule on the same seed's readings, shuffled
"""

import difflib
import itertools
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from uncertlr.config import EXECUTION_FIELDS, PRESETS, PROFILES, RunConfig, preset
from uncertlr.errors import ConfigError
from uncertlr.sweep.trials import spread

KEYS = ("experiment", "profile", "seeds", "base", "product", "trials", "arms")
DONORS = ("next", "others", "own")
LENGTH_FIELDS = ("epochs", "batch_size", "train_examples", "val_fraction", "signal_every")
"""Fields that fix the number of steps and of readings, which a trace and the run that replays it must share."""


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        arm: name of its arm, with the values of the fields that the sweep's product varies.
        config: the run.
    """

    arm: str
    config: RunConfig

    @property
    def run_id(self) -> str:
        """The run's own name."""
        return self.config.run_id


def read_sweep(path: Path, root: str = "", profile: str = "", device: str = "auto") -> list[Job]:
    """Read a sweep, seed by seed, the arms in the file's order.

    Args:
        path: the YAML file.
        root: folder of the runs; empty for the usual one.
        profile: takes the place of the file's own.
        device: where the runs train.

    Raises:
        ConfigError: anything in the file that makes no sense, named with the file, the arm and the value.
    """
    grid = read_grid(path)
    try:
        grid = spread({**grid, **({"profile": profile} if profile else {})})
        jobs = _expand(grid, {"root": root, "device": device, "progress": "quiet"})
        _refuse_twins(jobs)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return jobs


def read_grid(path: Path) -> dict[str, Any]:
    """A sweep's mapping, checked, with everything filled in that may be left out; arms and ranges as they stand.

    Raises:
        ConfigError: what the file gets wrong, with its name.
    """
    grid = _load(path)
    try:
        return _checked(grid)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a name may stand only once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name must be text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _load(path: Path) -> dict[str, Any]:
    try:
        grid = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise ConfigError(f"cannot read the sweep {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: not a sweep in YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(grid, dict):
        raise ConfigError(f"{path}: not a sweep; it must be a mapping with {', '.join(KEYS)}")
    return grid


def _checked(grid: dict[str, Any]) -> dict[str, Any]:
    """The grid with everything that may be left out filled in."""
    _refuse_unknown("key", grid, KEYS)
    for key in ("experiment", "arms"):
        if not grid.get(key):
            raise ConfigError(f"{key!r} is missing")
    dataset = grid["experiment"]
    if not isinstance(dataset, str) or (dataset not in PRESETS and not Path(dataset).is_dir()):
        raise ConfigError(f"experiment={dataset!r} is no data set; choose {', '.join(PRESETS)}, or an existing folder")
    base, product, arms = (_mapping(key, grid.get(key)) for key in ("base", "product", "arms"))
    _refuse_reserved("base", base)
    _refuse_reserved("product", product)
    for field, values in product.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"product: {field}={values!r} must be a list of at least one value")
    seeds = _seeds(grid.get("seeds", 1))
    arms = {name: _mapping(f"arm {name!r}", fields) for name, fields in arms.items()}
    for name, fields in arms.items():
        _refuse_reserved(f"arm {name!r}", _without(fields, "donors"))
        if both := sorted(set(fields) & set(product)):
            raise ConfigError(f"arm {name!r}: {both[0]} is varied by the product; it can stand in one place only")
        _check_count(f"arm {name!r}", fields, seeds)
    profile = grid.get("profile", "exact")
    if profile not in list(PROFILES):
        raise ConfigError(f"unknown profile {profile!r}; choose one of {', '.join(PROFILES)}")
    trials = grid.get("trials", 0)
    if type(trials) is not int or trials < 0 or (trials == 0 and "trials" in grid):
        raise ConfigError(f"trials={trials!r} must be a count of at least 1")
    given = {"base": base, "product": product, "arms": arms, "seeds": seeds, "trials": trials}
    return {"experiment": dataset, "profile": profile, **given}


def _mapping(where: str, value: Any) -> dict[str, Any]:
    value = {} if value is None else value
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {value!r} must be a mapping of names to values")
    for name in value:
        if not isinstance(name, str):
            raise ConfigError(f"{where}: the name {name!r} is not text; put it in quotes")
    return value


def _seeds(value: Any) -> list[int]:
    seeds = list(range(value)) if type(value) is int else value
    if not isinstance(seeds, list) or not seeds or any(type(seed) is not int or seed < 0 for seed in seeds):
        raise ConfigError(f"seeds={value!r} must be a count of at least 1, or a list of whole numbers from 0 on")
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"seeds={value!r}: a seed stands twice")
    return seeds


def _check_count(where: str, fields: dict[str, Any], seeds: list[int]) -> None:
    count = fields.get("seeds", len(seeds))
    if type(count) is not int or not 1 <= count <= len(seeds):
        raise ConfigError(
            f"{where}: seeds={count!r} must be how many of the sweep's seeds it runs on, the first ones, 1 to {len(seeds)}"
        )


def _refuse_unknown(what: str, names: Any, known: Any) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}"
            raise ConfigError(f"unknown {what} {name!r}; {hint}")


def _refuse_reserved(where: str, fields: dict[str, Any]) -> None:
    homes = {"dataset": "'experiment'", "seed": "'seeds'", "donors": "an arm that names its donor"}
    homes |= dict.fromkeys(EXECUTION_FIELDS, "the command line, since it is no part of what a run is,")
    for name in fields:
        if name in homes:
            raise ConfigError(f"{where}: {name!r} belongs in {homes[name]}")


def _expand(grid: dict[str, Any], execution: dict[str, Any]) -> list[Job]:
    own = {name: fields for name, fields in grid["arms"].items() if "donor" not in fields}
    seeds_of = {name: grid["seeds"][: fields.get("seeds")] for name, fields in own.items()}
    arms = {name: {**grid["base"], **_without(fields, "seeds")} for name, fields in own.items()}
    controls = {name: fields for name, fields in grid["arms"].items() if "donor" in fields}
    jobs = []
    for values in itertools.product(*grid["product"].values()):
        point = dict(zip(grid["product"], values, strict=True))
        label = "".join(f" {field}={value}" for field, value in point.items())
        runs = {
            (name, seed): _config(name, grid, {**fields, **point, **execution, "seed": seed})
            for name, fields in arms.items()
            for seed in seeds_of[name]
        }
        for name, fields in controls.items():
            _check_control(name, fields, seeds_of)
            ring = seeds_of[fields["donor"]]
            runs |= {(name, seed): _control(name, fields, seed, ring, runs) for seed in ring[: fields.get("seeds")]}
        in_order = itertools.product(grid["seeds"], grid["arms"])
        jobs += [Job(name + label, runs[name, seed]) for seed, name in in_order if (name, seed) in runs]
    return jobs


def _config(name: str, grid: dict[str, Any], values: dict[str, Any]) -> RunConfig:
    if "donors" in values:
        raise ConfigError(f"arm {name!r}: donors={values['donors']!r} needs 'donor', the arm whose runs are replayed")
    try:
        return preset(grid["experiment"], grid["profile"], **values)
    except ConfigError as error:
        raise ConfigError(f"arm {name!r}: {error}") from None


def _without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in names}


def _check_control(name: str, fields: dict[str, Any], seeds_of: dict[str, list[int]]) -> None:
    where = f"arm {name!r}"
    if fields["donor"] not in list(seeds_of):
        near = difflib.get_close_matches(str(fields["donor"]), seeds_of, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "name an arm of this file that has a rule of its own"
        raise ConfigError(f"{where}: no donor {fields['donor']!r}; {hint}")
    seeds = seeds_of[fields["donor"]]
    _check_count(where, fields, seeds)
    which = fields.get("donors", "own" if fields.get("rule") == "shuffled" else "next")
    if which not in ("own", "others") and fields.get("seeds", len(seeds)) < len(seeds):
        raise ConfigError(
            f"{where}: seeds={fields['seeds']} breaks the ring in which each run replays another seed's; leave it out, or "
            f"give its donor {fields['donor']!r} as few"
        )
    if which not in DONORS and (type(which) is not int or not 0 < which < len(seeds)):
        raise ConfigError(
            f"{where}: donors={which!r} must be one of {', '.join(DONORS)}, or how many seeds further the donor is, "
            f"less than the number of seeds, {len(seeds)}"
        )
    if fields.get("rule", "replay") not in ("replay", "shuffled"):
        raise ConfigError(f"{where}: rule={fields['rule']!r} with a donor must be replay or shuffled")
    if fields.get("rule") == "shuffled" and fields.get("donors", "own") != "own":
        raise ConfigError(f"{where}: rule='shuffled' takes the run's own readings; leave donors={fields['donors']!r} out")


def _control(
    name: str, fields: dict[str, Any], seed: int, seeds: list[int], runs: dict[tuple[str, int], RunConfig]
) -> RunConfig:
    """The donor arm's run of this seed, steered by stored traces and by nothing that it reads."""
    like = runs[fields["donor"], seed]
    if like.rule == "none":
        raise ConfigError(f"arm {name!r}: its donor {fields['donor']!r} has no rule, so there is nothing to replay")
    changes = _without(fields, "donor", "donors", "seeds")
    rule = changes.setdefault("rule", "replay")
    which = fields.get("donors", "own" if rule == "shuffled" else "next")
    if which != "own" and len(seeds) < 2:
        raise ConfigError(f"arm {name!r}: a run never replays itself, so donors={which!r} needs at least two seeds")
    further = which if type(which) is int else 1
    chosen = {
        "others": [other for other in seeds if other != seed],
        "own": [seed],
    }.get(which, [seeds[(seeds.index(seed) + further) % len(seeds)]])
    donors = [runs[fields["donor"], each].run_id for each in chosen]
    kept = {field: getattr(like, field) for field in ("min_factor", "max_factor")}
    try:
        config = like.without_rule().replace(**{**kept, **changes, "donors": donors})
    except ConfigError as error:
        raise ConfigError(f"arm {name!r}: {error}") from None
    for field in LENGTH_FIELDS:
        if getattr(config, field) != getattr(like, field):
            raise ConfigError(
                f"arm {name!r}: {field}={getattr(config, field)!r} differs from its donor's, so traces do not fit"
            )
    return config


def _refuse_twins(jobs: list[Job]) -> None:
    seen: dict[str, Job] = {}
    for job in jobs:
        twin = seen.setdefault(job.run_id, job)
        if twin is not job:
            raise ConfigError(f"arms {twin.arm!r} and {job.arm!r} describe the same run of seed {job.config.seed}")
