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
      inverse: {rule: power_law, learning_rate: 3e-4}
      tried: {learning_rate: {low: 1e-4, high: 1e-2, log: true}}   # becomes "tried, trial 1" and so on
      report_inverted: {rule: threshold, inverted: true, seeds: 5} # on the first five of the seeds only
      inverse_yoked: {replay_of: inverse}                    # replays the next seed's run of inverse
      inverse_yoked_3: {replay_of: inverse, source_runs: 3}  # replays the run of the third seed from its own
      inverse_mean_curve: {replay_of: inverse, source_runs: others}  # replays the geometric mean of the other seeds' runs
      inverse_shuffled: {replay_of: inverse, rule: shuffled} # the rule on the same seed's signal values, shuffled
      replay_of_one: {rule: replay, source_runs: [RUN]}      # replays this one run, of any sweep, on every seed
      inverse_level: {learning_rate: 6e-4, matched_rate_of: inverse}  # a constant rate at the mean rate of inverse

Keys that change no run state facts about the study, see `uncertlr.sweep.facts.Facts`:

.. code-block:: yaml

    protocol_fixed: 2026-11-23T19:09:11   # UTC; runs that began earlier belong to the pilot
    chosen_on_validation: true            # the arms' settings were chosen on validation
    baselines: [constant, cosine]         # arms that every arm with feedback is compared with
    arms:
      report: {rule: threshold}
      report_inverted: {rule: threshold, inverted: true, ablation_of: report}
"""

import difflib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from uncertlr.config import EXECUTION_FIELDS, PRESETS, PROFILES, RunConfig, preset, stored_names, whole_number
from uncertlr.errors import ConfigError
from uncertlr.sweep.controls import control_runs, first_seeds, without
from uncertlr.sweep.facts import ARM_FACTS, SWEEP_FACTS, Facts, read_facts
from uncertlr.sweep.trials import spread

KEYS = ("experiment", "profile", *SWEEP_FACTS, "seeds", "base", "product", "trials", "arms")


SETTLED = {
    "threads": "each run of a sweep has one thread, and --workers says how many runs are carried out at a time",
    "progress": "a sweep shows its own progress",
}
"""Fields of RunConfig that a sweep decides itself."""


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
        _refuse_same_runs(jobs)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return jobs


def read_grid(path: Path) -> dict[str, Any]:
    """A sweep's mapping, checked, everything filled in that may be left out; arms and ranges as they stand, facts apart.

    Raises:
        ConfigError: what the file gets wrong, with its name.
    """
    grid = _load(path)
    try:
        return _checked(grid)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_study_facts(path: Path) -> Facts:
    """What a sweep's file states about its study beside the runs.

    Raises:
        ConfigError: as `read_grid`.
    """
    facts: Facts = read_grid(path)["facts"]
    return facts


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a name given twice; what a merge key (``<<``) brings may be given anew."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)  # before merge keys are resolved
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name must be text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
            seen.add(key.value)
        return node


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
    if not isinstance(dataset, str) or (dataset not in PRESETS and not Path(dataset).expanduser().is_dir()):
        raise ConfigError(f"experiment={dataset!r} is no data set; choose {', '.join(PRESETS)}, or an existing folder")
    base, product = (_fields(key, grid.get(key)) for key in ("base", "product"))
    arms = {name: _fields(f"arm {name!r}", fields) for name, fields in _mapping("arms", grid["arms"]).items()}
    _refuse_reserved("base", base)
    _refuse_reserved("product", product)
    for field, values in product.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"product: {field}={values!r} must be a list of at least one value")
    for name, fields in arms.items():
        _refuse_reserved(f"arm {name!r}", without(fields, "source_runs", "seeds"))
        if both := sorted(set(fields) & set(product)):
            raise ConfigError(f"arm {name!r}: {both[0]} is varied by the product; give it in one place only")
    profile = grid.get("profile", "exact")
    if profile not in list(PROFILES):
        raise ConfigError(f"unknown profile {profile!r}; choose one of {', '.join(PROFILES)}")
    seeds, trials = _seeds(whole_number(grid.get("seeds", 1))), whole_number(grid.get("trials", 0))
    if type(trials) is not int or trials < 0 or (trials == 0 and "trials" in grid):
        raise ConfigError(f"trials={trials!r} must be a count of at least 1")
    facts = read_facts(grid, arms)
    arms = {name: without(fields, *ARM_FACTS) for name, fields in arms.items()}
    given = {"base": base, "product": product, "arms": arms, "seeds": seeds, "trials": trials, "facts": facts}
    return {"experiment": dataset, "profile": profile, **given}


def _fields(where: str, value: Any) -> dict[str, Any]:
    """A mapping of fields of RunConfig, by the names that are stored; the source runs of a control keep theirs."""
    fields = _mapping(where, value)
    source_runs = {name: fields[name] for name in ("source_runs",) if name in fields}
    try:
        return stored_names(without(fields, "source_runs")) | source_runs
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


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
        raise ConfigError(f"seeds={value!r}: a seed is given twice")
    return seeds


def _refuse_unknown(what: str, names: Any, known: Any) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}"
            raise ConfigError(f"unknown {what} {name!r}; {hint}")


def _refuse_reserved(where: str, fields: dict[str, Any]) -> None:
    homes = {"dataset": "'experiment'", "seed": "'seeds'", "source_runs": "an arm with 'replay_of'"}
    homes["seeds"] = "the sweep itself, or an arm that runs on fewer,"
    homes |= {name: f"the command line, as --{name}" for name in ("device", "root")}
    for name in fields:
        if name in homes:
            raise ConfigError(f"{where}: {name!r} belongs in {homes[name]}")
        if name in EXECUTION_FIELDS:
            raise ConfigError(f"{where}: leave {name!r} out; {SETTLED[name]}")


def _expand(grid: dict[str, Any], execution: dict[str, Any]) -> list[Job]:
    own = {name: fields for name, fields in grid["arms"].items() if "replay_of" not in fields}
    seeds_of = {name: first_seeds(f"arm {name!r}", fields, grid["seeds"]) for name, fields in own.items()}
    arms = {name: {**grid["base"], **without(fields, "seeds")} for name, fields in own.items()}
    controls = {name: fields for name, fields in grid["arms"].items() if "replay_of" in fields}
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
            runs |= control_runs(name, fields, seeds_of, runs)
        in_order = itertools.product(grid["seeds"], grid["arms"])
        jobs += [Job(name + label, runs[name, seed]) for seed, name in in_order if (name, seed) in runs]
    return jobs


def _config(name: str, grid: dict[str, Any], values: dict[str, Any]) -> RunConfig:
    source_runs = values.pop("source_runs", None)
    if source_runs is not None and not (isinstance(source_runs, list) and values.get("rule") in ("replay", "shuffled")):
        raise ConfigError(
            f"arm {name!r}: source_runs={source_runs!r} needs 'replay_of', the arm whose runs are replayed, or, as a list "
            "of runs, rule: replay"
        )
    if source_runs:
        values["donors"] = source_runs
    try:
        config = preset(grid["experiment"], grid["profile"], **values)
        if not config.own_rule and not config.own_model:
            return config
        from uncertlr.training.own import canonical  # it loads torch, which a sweep without needs not

        return canonical(config)
    except ConfigError as error:
        raise ConfigError(f"arm {name!r}: {error}") from None


def _refuse_same_runs(jobs: list[Job]) -> None:
    seen: dict[str, Job] = {}
    for job in jobs:
        first = seen.setdefault(job.run_id, job)
        if first is not job:
            raise ConfigError(f"arms {first.arm!r} and {job.arm!r} describe the same run of seed {job.config.seed}")
