"""Tables of a study: what its learning rates did; the data of its figures."""

import sys
from collections.abc import Sequence

import pandas as pd

from uncertlr.analysis.methods import shown_arm
from uncertlr.analysis.paired import paired_interval
from uncertlr.analysis.scores import format_rate
from uncertlr.analysis.study import Study
from uncertlr.runs.archive import thin
from uncertlr.runs.files import Arrays


def over_seeds(values: list[float], digits: int = 3) -> str:
    """Mean and half-width of the 95 % interval over seeds.

    >>> over_seeds([0.61, 0.63])
    '0.620 ± 0.127'
    >>> over_seeds([0.61])
    '0.610'
    """
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    interval = paired_interval(values)
    return f"{interval.estimate:.{digits}f} ± {interval.high - interval.estimate:.{digits}f}"


def study_rates_table(study: Study) -> pd.DataFrame:
    """One row per arm with a rule: medians over seeds of where the rate went and of the share of steps on each bound."""
    rows = {}
    for arm, of_seed in study.arms.items():
        if of_seed:
            rates = pd.DataFrame([run.summary["rate"] for run in of_seed.values()]).median()
            rule = next(iter(of_seed.values())).config.rule
            rows[shown_arm(arm)] = {
                "seeds": len(of_seed),
                "rate, lowest": format_rate(rates["minimum"]),
                "highest": format_rate(rates["maximum"]),
                "last": format_rate(rates["final"]),
                "sd of log rate over the run": f"{rates['log_rate_sd']:.2f}",
            }
            if "at_floor" in rates:
                names = {"at_floor": "on lower bound", "at_ceiling": "on upper bound"}
                names |= {"above_threshold": "above threshold"} if rule == "threshold" else {}
                rows[shown_arm(arm)] |= {name: f"{rates[key]:.0%}" for key, name in names.items()}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


EVERY_STEP = (0, sys.maxsize)


def rates_data(study: Study, arms: Sequence[str], points: int = 60, steps: tuple[int, int] = EVERY_STEP) -> pd.DataFrame:
    """One row per run and step, at evenly spaced steps: what the figure of the rates shows.

    Args:
        study: whose arms are shown.
        arms: which.
        points: steps a run at most.
        steps: the first and the last that are shown.
    """
    parts = [
        pd.DataFrame(thin(within(run.trace, steps), points))[["step", "learning_rate"]].assign(arm=arm, seed=seed)
        for arm in arms
        for seed, run in study.arms[arm].items()
    ]
    columns = ["arm", "seed", "step", "learning_rate"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def within(trace: Arrays, steps: tuple[int, int]) -> Arrays:
    """A trace from one step to another, both included."""
    there = (trace["step"] >= steps[0]) & (trace["step"] <= steps[1])
    return {name: values[there] for name, values in trace.items()}
