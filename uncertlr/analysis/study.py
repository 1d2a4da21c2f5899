"""A sweep as the statistics see it: its arms, what each one is for, and the finished runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from uncertlr.analysis.scores import final_scores
from uncertlr.errors import ConfigError
from uncertlr.runs.paths import project_folder
from uncertlr.runs.store import Run
from uncertlr.sweep import Job, read_sweep
from uncertlr.sweep.facts import Facts
from uncertlr.sweep.file import read_grid
from uncertlr.training.finished import find

REPLAYS = ("replay", "shuffled")


@dataclass(frozen=True)
class Study:
    """A sweep's jobs and what is finished of them.

    Attributes:
        name: of the sweep.
        jobs: every run that is planned.
        arms: the finished runs of each arm by seed; an arm without any is there and empty.
        facts: what the sweep's file states about the study.
    """

    name: str
    jobs: tuple[Job, ...]
    arms: dict[str, dict[int, Run]]
    facts: Facts = Facts()

    @property
    def finished(self) -> list[Run]:
        """All finished runs."""
        return [run for of_seed in self.arms.values() for run in of_seed.values()]

    @property
    def baseline(self) -> str:
        """The first of the study's baselines; an empty name where it has none."""
        return self.facts.baselines[0] if self.facts.baselines else ""

    @property
    def feedback(self) -> list[str]:
        """Arms whose rule observes a signal while the run trains."""
        return [arm for arm in self.arms if self._rule(arm) not in ("none", *REPLAYS)]

    @property
    def schedules(self) -> list[str]:
        """Arms whose rate was fixed in advance."""
        return [arm for arm in self.arms if self._rule(arm) == "none"]

    def initial_rate(self, arm: str) -> float:
        """The learning rate that an arm starts from."""
        return self._jobs(arm)[0].config.learning_rate

    def planned(self, arm: str) -> int:
        """How many runs of an arm are planned."""
        return len(self._jobs(arm))

    def controls(self, arm: str) -> list[str]:
        """The arms that replay this arm's runs, or shuffle the signal that they observed."""
        return [other for other in self.arms if self._rule(other) in REPLAYS and arm in self._source_arms(other)]

    @property
    def recorded(self) -> list[str]:
        """Arms that replay, with every seed, runs that are named and are no runs of this study."""
        return [arm for arm in self.arms if self._rule(arm) == "replay" and not self._source_arms(arm)]

    def yoked_replay(self, arm: str) -> str:
        """The control that replays the next seed's run of an arm.

        Raises:
            ConfigError: the study has none.
        """
        for control in self.controls(arm):
            if self.rotation(control) == 1:
                return control
        raise ConfigError(f"study {self.name!r} has no arm that replays the next seed's run of {arm!r}")

    def matched_constant_rate(self, arm: str) -> str:
        """The arm that keeps this arm's initial rate, as the sweep states it; else an empty name."""
        return next(iter(self.facts.matched_constant_rates.get(arm, ())), "")

    def matched_mean_rate(self, arm: str) -> str:
        """The arm without feedback at this arm's mean learning rate, as the sweep states it; else an empty name."""
        return next(iter(self.facts.matched_mean_rates.get(arm, ())), "")

    def rotation(self, arm: str) -> int:
        """How many seeds further in a ring the source run of a run is; 0 where an arm replays no run of this study."""
        jobs = self._jobs(arm)
        source_runs = jobs[0].config.donors
        if self._rule(arm) != "replay" or len(source_runs) != 1 or source_runs[0] not in self._by_id:
            return 0
        replayed = self._by_id[source_runs[0]]
        ring = sorted(job.config.seed for job in self._jobs(replayed.arm))
        own, source = (ring.index(job.config.seed) for job in (jobs[0], replayed))
        return (source - own) % len(ring)

    def of_seed(self, seed: int) -> "Study":
        """The same study with the finished runs of one seed."""
        alone = {arm: {seed: runs[seed]} if seed in runs else {} for arm, runs in self.arms.items()}
        return replace(self, arms=alone)

    def scores(self, arm: str, measure: Callable[[Run], Any] | str = "accuracy") -> dict[int, Any]:
        """Something of each finished run by seed: a final score by its name, or any function of a run."""
        if callable(measure):
            return {seed: measure(run) for seed, run in self.arms[arm].items()}
        return {seed: final_scores(run)[measure] for seed, run in self.arms[arm].items()}

    @cached_property
    def _by_arm(self) -> dict[str, list[Job]]:
        found: dict[str, list[Job]] = {}
        for job in self.jobs:
            found.setdefault(job.arm, []).append(job)
        return found

    @cached_property
    def _by_id(self) -> dict[str, Job]:
        return {job.run_id: job for job in self.jobs}

    def _jobs(self, arm: str) -> list[Job]:
        return self._by_arm.get(arm, [])

    def _source_arms(self, arm: str) -> set[str]:
        source_runs = self._jobs(arm)[0].config.donors
        return {self._by_id[run_id].arm for run_id in source_runs if run_id in self._by_id}

    def _rule(self, arm: str) -> str:
        return self._jobs(arm)[0].config.rule


def study_of(jobs: Sequence[Job], name: str = "sweep", facts: Facts | None = None) -> Study:
    """The finished runs of a sweep's jobs, published or local, by arm and seed; trains nothing."""
    arms: dict[str, dict[int, Run]] = {}
    for job in jobs:
        of_seed = arms.setdefault(job.arm, {})
        if (run := find(job.config)) is not None:
            of_seed[job.config.seed] = run
    return Study(name, tuple(jobs), arms, facts or Facts())


def read_study(sweep: str, root: str = "", profile: str = "") -> Study:
    """A study by the name of its sweep in ``sweeps/``, or by the path of a YAML file.

    Args:
        sweep: such as ``cifar10-standard``.
        root: folder of the runs; empty for the usual one.
        profile: takes the place of the file's own.

    Raises:
        ConfigError: there is no such sweep, or it makes no sense.
    """
    named = project_folder() / "sweeps" / f"{sweep}.yaml"
    path = named if named.is_file() else Path(sweep)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in named.parent.glob("*.yaml")))
        raise ConfigError(f"no sweep {sweep!r}; name {f'one of {known}, or ' if known else ''}a YAML file")
    return study_of(read_sweep(path, root, profile), path.stem, read_grid(path).facts)


def source_runs_of(study: Study, arm: str) -> list[Run]:
    """The finished runs that an arm's finished runs replay, each once."""
    names = {name for run in study.arms[arm].values() for name in run.config.donors}
    return [run for run in study.finished if run.config.run_id in names]
