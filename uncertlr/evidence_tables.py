"""Tables of a study beside its verdicts: scores, what the rates did, times to the target, cost, hours and hardware."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from uncertlr.arrival import compare_arrival
from uncertlr.evidence import Interval, paired_interval, pairs_won, probability_of_improvement
from uncertlr.metrics import Censored, debiased_error_of_curve, time_to_minimum, time_to_target
from uncertlr.runs import Run
from uncertlr.study import CONSTANT, Study
from uncertlr.tables import final_scores

Measure = Callable[[Run], float]

SCORES: dict[str, Measure] = {
    "accuracy": lambda run: final_scores(run)["accuracy"],
    "accuracy, best epoch": lambda run: (run.summary["test_best"] or run.summary["val"])["accuracy"],
    "NLL": lambda run: final_scores(run)["loss"],
    "Brier": lambda run: final_scores(run)["brier"],
    "ECE": lambda run: final_scores(run)["ece"],
    "MCE": lambda run: final_scores(run)["mce"],
    "NLL, MC": lambda run: final_scores(run)["mc_loss"],
    "ECE, MC": lambda run: final_scores(run)["mc_ece"],
    "ECE, MC, debiased": lambda run: debiased_ece(run),
}
"""Final scores of the last weights but where the name says otherwise; of the point network but where it says MC."""

TWO_CLASSES: dict[str, Measure] = {
    "precision": lambda run: final_scores(run)["precision"],
    "recall": lambda run: final_scores(run)["recall"],
    "F1": lambda run: final_scores(run)["f1"],
}


def debiased_ece(run: Run) -> float:
    """The calibration error of the Monte Carlo average with the noise of its bins taken off, from the stored curve."""
    scores = final_scores(run)
    counts, confidence, accuracy = (
        torch.tensor(np.array(scores[f"bin_{part}"], dtype=float)) for part in ("counts", "confidence", "accuracy")
    )
    return float(debiased_error_of_curve(counts, confidence, accuracy))


def scores_table(study: Study) -> pd.DataFrame:
    """One row an arm: every score as mean and half-width of its t interval over seeds; one seed has no interval."""
    runs = study.finished
    binary = bool(runs) and all(len(run.record["class_names"]) == 2 for run in runs)
    measures = SCORES | (TWO_CLASSES if binary else {})
    rows = {}
    for arm, of_seed in study.arms.items():
        if of_seed:
            cells = {name: over_seeds([measure(run) for run in of_seed.values()]) for name, measure in measures.items()}
            rows[arm] = {"seeds": len(of_seed), **cells}
    return pd.DataFrame.from_dict(rows, orient="index")


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


def rates_table(study: Study) -> pd.DataFrame:
    """One row an arm with a rule: medians over seeds of where the rate went and of the share of steps on each bound."""
    rows = {}
    for arm, of_seed in study.arms.items():
        if of_seed:
            rates = pd.DataFrame([run.summary["rate"] for run in of_seed.values()]).median()
            rows[arm] = {
                "seeds": len(of_seed),
                "rate, lowest": f"{rates['minimum']:.1e}",
                "highest": f"{rates['maximum']:.1e}",
                "last": f"{rates['final']:.1e}",
                "sd of log rate": f"{rates['log_rate_sd']:.2f}",
            }
            if "at_floor" in rates:
                names = {"above_threshold": "above threshold", "at_floor": "on lower bound", "at_ceiling": "on upper bound"}
                rows[arm] |= {name: f"{rates[key]:.0%}" for key, name in names.items()}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def target_accuracy(study: Study, baseline: str = CONSTANT) -> float:
    """The median of a baseline's final validation accuracies."""
    return float(np.median([validation(run)["accuracy"].iloc[-1] for run in study.arms[baseline].values()]))


def validation(run: Run) -> pd.DataFrame:
    """A row an epoch: scores on validation, and the seconds of training that it took to get there."""
    return run.metrics.query("split == 'val'")


def arrivals(study: Study, arm: str, target: float, unit: str = "epoch") -> dict[int, Censored]:
    """When each finished run of an arm first reached the target on validation, in epochs or seconds (``elapsed``)."""
    rows = {seed: validation(run) for seed, run in study.arms[arm].items()}
    return {seed: time_to_target(each["accuracy"].tolist(), each[unit].tolist(), target) for seed, each in rows.items()}


def arrival_table(study: Study, baseline: str = CONSTANT) -> pd.DataFrame:
    """One row an arm: how many runs reached the baseline's target, and how much sooner, in epochs and in seconds.

    Differences are of times restricted to what all runs were watched for; seconds are of training alone, with what reading
    the uncertainty costs.
    """
    target = target_accuracy(study, baseline)
    rows = {}
    for arm, of_seed in study.arms.items():
        if not of_seed:
            continue
        times = arrivals(study, arm, target)
        rows[arm] = {
            "seeds": len(of_seed),
            "reached the target": f"{sum(each.observed for each in times.values())} of {len(times)}",
            "epochs": _difference(study, arm, baseline, target, "epoch"),
            "seconds": _difference(study, arm, baseline, target, "elapsed"),
            "epochs to lowest loss": _to_lowest_loss(list(of_seed.values())),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _difference(study: Study, arm: str, baseline: str, target: float, unit: str) -> str:
    if arm == baseline:
        return ""
    one, other = arrivals(study, arm, target, unit), arrivals(study, baseline, target, unit)
    ends = [validation(run)[unit].iloc[-1] for each in (arm, baseline) for run in study.arms[each].values()]
    found = compare_arrival(one, other, min(ends))
    return "" if found is None else _signed(found.difference, 1)


def _to_lowest_loss(runs: list[Run]) -> str:
    times = [time_to_minimum(validation(run)["loss"].tolist(), validation(run)["epoch"].tolist()) for run in runs]
    late = sum(not each.observed for each in times)
    return f"{np.median([each.time for each in times]):.0f}" + (f" ({late} still falling)" if late else "")


def improvement_table(study: Study, baseline: str = CONSTANT) -> pd.DataFrame:
    """One row an arm: the chance that one of its runs beats one of the baseline's, and the pairs of a seed that it won."""
    base, rows = study.scores(baseline), {}
    for arm, of_seed in study.arms.items():
        scores = study.scores(arm)
        if arm == baseline or not (shared := sorted(set(scores) & set(base))):
            continue
        won, share = pairs_won([scores[seed] - base[seed] for seed in shared])
        rows[arm] = {
            "seeds": len(of_seed),
            "probability of improvement": f"{probability_of_improvement(list(scores.values()), list(base.values())):.2f}",
            "pairs won": f"{won:g} of {share.count}",
            "share won, 95 % interval": f"{share.low:.2f} to {share.high:.2f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def cost_table(study: Study, baseline: str = CONSTANT) -> pd.DataFrame:
    """One row an arm: seconds of training an epoch, and their ratio to the baseline's over paired seeds."""
    base, rows = study.scores(baseline, seconds_per_epoch), {}
    for arm, of_seed in study.arms.items():
        seconds = study.scores(arm, seconds_per_epoch)
        if not seconds:
            continue
        rows[arm] = {
            "seeds": len(of_seed),
            "seconds an epoch, median": f"{np.median(list(seconds.values())):.1f}",
            "ratio": "",
        }
        logs = [np.log(seconds[seed] / base[seed]) for seed in sorted(set(seconds) & set(base))]
        if arm != baseline and len(logs) > 1:
            ratio = paired_interval(logs)
            low, middle, high = np.exp([ratio.low, ratio.estimate, ratio.high])
            rows[arm]["ratio"] = f"{middle:.2f} ({low:.2f} to {high:.2f})"
    return pd.DataFrame.from_dict(rows, orient="index")


def seconds_per_epoch(run: Run) -> float:
    """The median seconds of training an epoch."""
    return float(run.summary["seconds_per_epoch"])


def hours_table(study: Study) -> pd.DataFrame:
    """One row a kind of machine and versions: finished runs, hours of training, first and last day."""
    rows = [
        {
            "processor": run.record["processor"],
            "device": run.record["device"],
            "torch": run.record["versions"]["torch"],
            "hours": run.summary["seconds"] / 3600,
            "day": run.record["began"][:10],
            "data": run.record["data"][:12],
        }
        for run in study.finished
    ]
    if not rows:
        return pd.DataFrame()
    groups = pd.DataFrame(rows).groupby(["processor", "device", "torch", "data"])
    table = groups.agg(runs=("hours", "size"), hours=("hours", "sum"), first=("day", "min"), last=("day", "max"))
    return table.reset_index().round({"hours": 1})


def runs_table(study: Study) -> pd.DataFrame:
    """One row a finished run: arm, seed, name, scores; the data behind the figures."""
    rows = [
        {
            "arm": arm,
            "seed": seed,
            "run": run.config.run_id,
            **{name: measure(run) for name, measure in SCORES.items()},
            "last rate": run.summary["rate"]["final"],
            "seconds": run.summary["seconds"],
        }
        for arm, of_seed in study.arms.items()
        for seed, run in of_seed.items()
    ]
    return pd.DataFrame(rows)


def _signed(interval: Interval, digits: int) -> str:
    return f"{interval.estimate:+.{digits}f} ({interval.low:+.{digits}f} to {interval.high:+.{digits}f})"
