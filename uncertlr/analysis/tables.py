"""Tables of a study: its verdicts in short, scores, what the rates did, how often an arm won; the data of its figures."""

import sys
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch

from uncertlr.analysis.comparisons import causal_family, comparisons, named_family, schedule_family
from uncertlr.analysis.paired import paired_interval, pairs_won, probability_of_improvement
from uncertlr.analysis.scores import final_scores, rate
from uncertlr.analysis.study import CONSTANT, Study
from uncertlr.metrics import debiased_error_of_curve
from uncertlr.runs.archive import thin
from uncertlr.runs.files import Arrays
from uncertlr.runs.store import Run

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


def verdict_summary(study: Study) -> pd.DataFrame:
    """One row an arm with a finished run that is no control: seeds, accuracy, and a column for all that it is held against.

    Each control has a column of its own, under its kind; a cell holds word, difference in points and interval.
    A column without one finished pair is left out.
    """
    fixed = [row for row in schedule_family(study) if row[1] == CONSTANT]
    families = [named_family(study) + fixed, schedule_family(study), causal_family(study)]
    judged = [comparisons(study, family) for family in (named_family(study), causal_family(study), schedule_family(study))]
    cells = {(row["arm"], row["against"]): _cell(row) for table in judged for _, row in table.iterrows()}
    controls = {control for _, control in families[2]}
    names = {pair: f"against {_kind(study, *pair)}" for family in families for pair in family}
    columns = list(dict.fromkeys(names.values()))
    rows: dict[str, dict[str, str]] = {}
    for arm, of_seed in study.arms.items():
        if of_seed and arm not in controls:
            accuracies = list(study.scores(arm).values())
            rows[arm] = {"seeds": f"{len(of_seed)} of {study.planned(arm)}", "accuracy": over_seeds(accuracies)}
            rows[arm] |= dict.fromkeys(columns, "")
            rows[arm] |= {name: cells[pair] for pair, name in names.items() if pair[0] == arm}
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.drop(columns=[name for name in columns if name in table and set(table[name]) <= {"", "missing"}])


def _kind(study: Study, arm: str, other: str) -> str:
    if other in study.controls(arm):
        return f"its {other.removeprefix(arm).strip('_').replace('_', ' ')} control"
    return "a fixed rate that starts alike" if other == study.same_rate(arm) else other


def _cell(row: pd.Series) -> str:
    if row["pairs"] < 2:
        return str(row["word"])
    if row["word"] == "equivalent":
        low, high = _signed(row["low, 90 %"]), _signed(row["high, 90 %"])
        return f"equivalent ({_signed(row['difference'])}, 90 %: {low} to {high})"
    start = f"; from {rate(row['rate'])}".replace("e-", "e-\u2060") if row["same rate"] else ""  # no line break in it
    return f"{row['word']} ({_signed(row['difference'])}, {_signed(row['low'])} to {_signed(row['high'])}{start})"


def _signed(points: float) -> str:
    return f"{round(points, 1) + 0.0:+.1f}"  # without the sign of a rounded 0


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
            rule = next(iter(of_seed.values())).config.rule
            rows[arm] = {
                "seeds": len(of_seed),
                "rate, lowest": rate(rates["minimum"]),
                "highest": rate(rates["maximum"]),
                "last": rate(rates["final"]),
                "sd of log rate over the run": f"{rates['log_rate_sd']:.2f}",
            }
            if "at_floor" in rates:
                names = {"at_floor": "on lower bound", "at_ceiling": "on upper bound"}
                names |= {"above_threshold": "above threshold"} if rule == "threshold" else {}
                rows[arm] |= {name: f"{rates[key]:.0%}" for key, name in names.items()}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


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


def curves_data(study: Study) -> pd.DataFrame:
    """One row a run and epoch: what the curves over the epochs show."""
    parts = [
        run.validation[["epoch", "accuracy", "loss", "elapsed"]].assign(arm=arm, seed=seed)
        for arm, of_seed in study.arms.items()
        for seed, run in of_seed.items()
    ]
    columns = ["arm", "seed", "epoch", "accuracy", "loss", "elapsed"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


EVERY_STEP = (0, sys.maxsize)


def rates_data(study: Study, arms: Sequence[str], points: int = 60, steps: tuple[int, int] = EVERY_STEP) -> pd.DataFrame:
    """One row a run and step, at evenly spaced steps: what the figure of the rates shows.

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
