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
      inverse_matched_rate: {learning_rate: 6e-4, matched_mean_rate_of: inverse}  # a constant rate: the mean rate of inverse
      constant_low: {learning_rate: 3e-4, matched_constant_rate_of: inverse}      # the initial rate of inverse, kept

Keys that change no run state facts about the study, see `uncertlr.sweep.facts.Facts`:

.. code-block:: yaml

    protocol_fixed: 2026-11-23T19:09:11   # UTC; runs that began earlier belong to the pilot
    chosen_on_validation: true            # the arms' settings were chosen on validation
    baselines: [constant, cosine]         # arms that every arm with feedback is compared with
    arms:
      report: {rule: threshold}
      report_inverted: {rule: threshold, inverted: true, ablation_of: report}
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uncertlr.config import RunConfig, preset
from uncertlr.errors import ConfigError, located
from uncertlr.sweep.controls import Runs, control_runs, first_seeds
from uncertlr.sweep.file import Arm, SweepFile, read_grid
from uncertlr.sweep.trials import spread


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


def read_sweep(path: str | Path, root: str = "", profile: str = "", device: str = "auto") -> list[Job]:
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
    with located(str(path)):
        grid = spread(grid.model_copy(update={"profile": profile or grid.profile}))
        jobs = _expand(grid, {"root": root, "device": device, "progress": "quiet"})
        _refuse_same_runs(jobs)
        _check_constant_rates(grid, jobs)
    return jobs


def _expand(grid: SweepFile, execution: dict[str, Any]) -> list[Job]:
    jobs = []
    for values in itertools.product(*grid.product.values()):
        point = dict(zip(grid.product, values, strict=True))
        label = "".join(f" {field}={value}" for field, value in point.items())
        runs = _runs_at(grid, {**point, **execution})
        in_order = [(name, seed) for seed in grid.seeds for name in grid.arms if seed in runs[name]]
        jobs += [Job(name + label, runs[name][seed]) for name, seed in in_order]
    return jobs


def _runs_at(grid: SweepFile, point: dict[str, Any]) -> Runs:
    """The runs of all arms at one point of the product; those of a control follow from the runs that it replays."""
    own: Runs = {}
    for name, arm in grid.arms.items():
        with located(f"arm {name!r}"):
            if not arm.is_control:
                own[name] = _own_runs(grid, arm, point)
    controls: Runs = {}
    for name, arm in grid.arms.items():
        with located(f"arm {name!r}"):
            if arm.is_control:
                controls[name] = control_runs(arm, own)
    return own | controls


def _own_runs(grid: SweepFile, arm: Arm, point: dict[str, Any]) -> dict[int, RunConfig]:
    """The runs of an arm that has a rule of its own, or none."""
    values = {**grid.base, **arm.settings, **point}
    if arm.source_runs is not None:
        if not isinstance(arm.source_runs, list) or values.get("rule") not in ("replay", "shuffled"):
            raise ConfigError(
                f"source_runs={arm.source_runs!r} needs 'replay_of', the arm whose runs are replayed, or, as a list of "
                "runs, rule: replay"
            )
        values["donors"] = arm.source_runs
    seeds = first_seeds(arm, grid.seeds, "the sweep")
    return {seed: _config(grid, {**values, "seed": seed}) for seed in seeds}


def _config(grid: SweepFile, values: dict[str, Any]) -> RunConfig:
    config = preset(grid.experiment, grid.profile, **values)
    if not config.own_rule and not config.own_model:
        return config
    from uncertlr.training.own import canonical  # it loads torch, which a sweep without needs not

    return canonical(config)


def _refuse_same_runs(jobs: list[Job]) -> None:
    seen: dict[str, Job] = {}
    for job in jobs:
        first = seen.setdefault(job.run_id, job)
        if first is not job:
            raise ConfigError(f"arms {first.arm!r} and {job.arm!r} describe the same run of seed {job.config.seed}")


def _check_constant_rates(grid: SweepFile, jobs: list[Job]) -> None:
    """Refuse an arm that is stated to keep the initial rate of another and does not."""
    first: dict[str, RunConfig] = {}
    for job in jobs:
        first.setdefault(job.arm, job.config)
    for other, constants in grid.facts.matched_constant_rates.items():
        for name in constants:
            one, like = first.get(name), first.get(other)
            if one is None or like is None:  # a product, whose arms have names of their own
                continue
            if (one.rule, one.schedule, one.learning_rate) != ("none", "constant", like.learning_rate):
                raise ConfigError(
                    f"arm {name!r}: matched_constant_rate_of={other!r} needs a constant rate of {like.learning_rate}, the "
                    "initial rate of that arm"
                )
