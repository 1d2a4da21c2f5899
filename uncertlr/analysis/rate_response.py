"""The response of uncertainty to the learning rate, from runs whose rate is fixed."""

from collections.abc import Sequence

import pandas as pd

from uncertlr.analysis.paired import paired_differences, paired_interval
from uncertlr.runs.store import Run


def rate_response(runs: Sequence[Run], baseline: float) -> pd.DataFrame:
    """Uncertainty of the training batches at each fixed learning rate, and its paired difference from one of the rates.

    A run whose rate moves is no point of this curve: the mean of its rates says nothing about the uncertainty at one rate.

    Args:
        runs: of one data set, network and number of epochs, without a rule and with a constant schedule.
        baseline: the learning rate that the others are compared with, seed by seed.

    Returns:
        A row for each rate, in order, with the ``learning_rate`` as index: ``seeds``, ``first_epoch`` and ``last_epoch``
        (means over the seeds, as shares of the maximum), and of the last epoch ``pairs``, ``difference``, ``ci95_low`` and
        ``ci95_high``, NaN where fewer than two seeds have both rates.

    Raises:
        ValueError: the rate of a run moves.
    """
    first: dict[float, dict[int, float]] = {}
    last: dict[float, dict[int, float]] = {}
    for run in runs:
        config = run.config
        if config.rule != "none" or config.schedule != "constant":
            raise ValueError(f"expected runs at fixed rates, got rule {config.rule!r} and schedule {config.schedule!r}")
        signal = run.metrics.query("split == 'train'")["signal"]
        first.setdefault(config.learning_rate, {})[config.seed] = float(signal.iloc[0])
        last.setdefault(config.learning_rate, {})[config.seed] = float(signal.iloc[-1])
    rows = {}
    for rate in sorted(last):
        differences = paired_differences(last[rate], last.get(baseline, {}) if rate != baseline else {})
        found = paired_interval(differences) if len(differences) > 1 else None
        rows[rate] = {
            "seeds": len(last[rate]),
            "first_epoch": sum(first[rate].values()) / len(first[rate]),
            "last_epoch": sum(last[rate].values()) / len(last[rate]),
            "pairs": len(differences),
            "difference": found.estimate if found else float("nan"),
            "ci95_low": found.low if found else float("nan"),
            "ci95_high": found.high if found else float("nan"),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("learning_rate")
