"""What the finished runs of a sweep look like: differences, how many runs arrived when, validation curves."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from uncertlr import plots
from uncertlr.errors import ConfigError
from uncertlr.evidence import MARGIN, share_not_yet_there
from uncertlr.metrics import time_to_target
from uncertlr.runs import Run
from uncertlr.sweep import Job
from uncertlr.verdicts import Finished, finished_runs, verdict_table


def evidence_figures(jobs: Sequence[Job], baseline: str = "constant") -> dict[str, Figure]:
    """Figures by name, of the arms that have finished runs.

    ``differences``: from the baseline, with intervals and words. ``arrival``: Kaplan-Meier curves of the epochs until the
    target, the median of the baseline's final validation accuracies. ``curves``: validation accuracy, every seed.

    Args:
        jobs: a sweep's.
        baseline: the arm to compare with.

    Raises:
        ConfigError: the sweep has no such arm, or no finished run of it.
    """
    table, arms = verdict_table(jobs, baseline), finished_runs(jobs)
    if not arms[baseline]:
        raise ConfigError(f"no run of the baseline {baseline!r} is finished, so there is nothing to compare with")
    plots.use_style()
    arms = {arm: of_seed for arm, of_seed in arms.items() if of_seed}
    return {
        "differences": _differences(table, baseline),
        "arrival": _arrival(arms, target_accuracy(arms[baseline].values())),
        "curves": _curves(arms),
    }


def save_figures(figures: dict[str, Figure], folder: Path) -> list[Path]:
    """Write each figure as SVG into a folder, which is made if need be.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{name}.svg" for name in figures]
        for path, figure in zip(paths, figures.values(), strict=True):
            figure.savefig(path, metadata={"Date": None})
    except OSError as error:
        raise ConfigError(f"cannot write figures to {folder}: {error.strerror or error}; choose another folder") from None
    return paths


def target_accuracy(runs: Iterable[Run]) -> float:
    """The median of the runs' final validation accuracies."""
    return float(np.median([_validation(run)[-1] for run in runs]))


def _validation(run: Run) -> list[float]:
    values: list[float] = run.metrics.query("split == 'val'")["accuracy"].tolist()
    return values


def _differences(table: pd.DataFrame, baseline: str) -> Figure:
    figure = Figure(figsize=(7.2, 1.0 + 0.36 * int((table["word"] != "").sum())))
    plots.differences(figure.subplots(), table, baseline, 100 * MARGIN)
    return figure


def _arrival(arms: Finished, target: float) -> Figure:
    series, last = {}, 1
    for arm, of_seed in arms.items():
        curves = [_validation(run) for run in of_seed.values()]
        found = [time_to_target(values, list(range(1, len(values) + 1)), target) for values in curves]
        times, shares = share_not_yet_there([each.time for each in found], [each.observed for each in found])
        series[f"{arm} (n = {len(found)})"] = (times.tolist(), shares.tolist())
        last = max(last, *(len(values) for values in curves))
    figure = Figure(figsize=(7.2, 4.2))
    plots.survival(figure.subplots(), series, last, f"epochs until validation accuracy {target:.3f}")
    return figure


def _curves(arms: Finished) -> Figure:
    figure = Figure(figsize=(7.2, 4.2))
    series = {}
    for arm, of_seed in arms.items():
        values = np.array([_validation(run) for run in of_seed.values()])
        series[arm] = (list(range(1, values.shape[1] + 1)), values)
    plots.bands(figure.subplots(), series, "epoch", "validation accuracy")
    return figure
