"""How soon a study's runs reached a target, what an epoch cost, and the hours and machines behind it all."""

import numpy as np
import pandas as pd

from uncertlr.analysis.pairs import shared_seeds
from uncertlr.analysis.study import Study
from uncertlr.analysis.survival import compare_times
from uncertlr.metrics import Censored, time_to_minimum, time_to_target
from uncertlr.runs.store import Run


def target_accuracy(study: Study, baseline: str) -> float:
    """The median of a baseline's final validation accuracies."""
    return float(np.median([run.validation["accuracy"].iloc[-1] for run in study.arms[baseline].values()]))


def times_to_target(study: Study, arm: str, target: float, unit: str = "epoch") -> dict[int, Censored]:
    """When each finished run of an arm first reached the target on validation, in epochs or seconds."""
    return {
        seed: time_to_target(run.validation["accuracy"].tolist(), times(run, unit), target)
        for seed, run in study.arms[arm].items()
    }


def times(run: Run, unit: str) -> list[float]:
    """The end of each epoch, in epochs, or in seconds at the run's median pace: being held up makes no run late."""
    pace = seconds_per_epoch(run) if unit == "seconds" else 1
    return [epoch * pace for epoch in run.validation["epoch"].tolist()]


def time_to_target_table(study: Study, baseline: str, target: float | None = None) -> pd.DataFrame:
    """One row per arm: how many runs reached the baseline's target, and how much sooner, in epochs and in seconds.

    Differences are of times cut at a horizon up to which all runs of the pairs were watched. With fewer than two runs of
    either arm that reached the target before it there is nothing to estimate, and the cell says so. Seconds are of training
    alone, including the cost of estimating the uncertainty, at a run's median pace, of pairs on one kind of processor.

    Args:
        study: whose arms are timed.
        baseline: with which they are compared.
        target: validation accuracy to reach; None for `target_accuracy`.
    """
    if not study.arms[baseline]:
        return pd.DataFrame()
    target = target_accuracy(study, baseline) if target is None else target
    rows = {}
    for arm, of_seed in study.arms.items():
        if not of_seed:
            continue
        found = times_to_target(study, arm, target)
        rows[arm] = {
            "seeds": len(of_seed),
            "reached the target": f"{sum(each.observed for each in found.values())} of {len(found)}",
            "epochs sooner (-) or later (+)": _difference(study, arm, baseline, target, "epoch"),
            "seconds": _difference(study, arm, baseline, target, "seconds"),
            "epochs to lowest loss": _to_lowest_loss(list(of_seed.values())),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _difference(study: Study, arm: str, baseline: str, target: float, unit: str) -> str:
    if arm == baseline:
        return ""
    alike = seeds_of_one_machine(study, arm, baseline) if unit == "seconds" else shared_seeds(study, arm, baseline)
    if len(alike) < 2:
        return ""
    one, other = (_those(times_to_target(study, each, target, unit), alike) for each in (arm, baseline))
    horizon = min(times(study.arms[each][seed], unit)[-1] for each in (arm, baseline) for seed in alike)
    found = compare_times(one, other, horizon)
    if found is None or not found.estimable:
        few = f"{found.reached} and {found.reached_baseline}" if found else "0"
        return f"not estimable ({few} of {len(alike)} before {horizon:.0f})"
    return f"{found.difference.signed(1)}, cut at {horizon:.0f}, n = {len(alike)}"


def _those(found: dict[int, Censored], seeds: list[int]) -> dict[int, Censored]:
    return {seed: found[seed] for seed in seeds}


def _to_lowest_loss(runs: list[Run]) -> str:
    found = [time_to_minimum(run.validation["loss"].tolist(), times(run, "epoch")) for run in runs]
    late = sum(not each.observed for each in found)
    return f"{np.median([each.time for each in found]):.0f}" + (f" ({late} still falling)" if late else "")


def seeds_of_one_machine(study: Study, arm: str, baseline: str) -> list[int]:
    """The seeds that both arms ran on the same kind of processor: only such times compare."""
    one, other = study.scores(arm, processor), study.scores(baseline, processor)
    return [seed for seed in sorted(set(one) & set(other)) if one[seed] == other[seed]]


def processor(run: Run) -> str:
    """What a run was trained on."""
    return f"{run.record['processor']}, {run.record['device']}"


def seconds_per_epoch(run: Run) -> float:
    """The median seconds of training per epoch."""
    return float(run.summary["seconds_per_epoch"])
