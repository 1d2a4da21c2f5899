"""The search for a rule: what the trials of each idea reached on validation."""

from collections.abc import Mapping

import pandas as pd

from uncertlr.analysis.scores import rate


def search_table(trials: pd.DataFrame) -> pd.DataFrame:
    """One row an idea: its trials that are finished or diverged, and the best of them on validation with its settings.

    Args:
        trials: as `uncertlr.sweep.trials_table` gives them.
    """
    rows = {}
    for arm, tried in trials.groupby("arm", sort=False):
        rows[arm] = {"trials": f"{int(tried['done'].sum())} of {len(tried)}"}
        for _, best in tried[tried["chosen"]].iterrows():
            rows[arm] |= {"validation accuracy, best": f"{best['accuracy']:.3f}", "with": settings_text(best["settings"])}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def settings_text(settings: Mapping[str, float]) -> str:
    """Settings as a table shows them.

    >>> settings_text({"learning_rate": 3.16e-3, "exponent": -1.5})
    'learning_rate 3.2e-3, exponent -1.5'
    """
    return ", ".join(f"{name} {rate(value) if 'rate' in name else f'{value:g}'}" for name, value in settings.items())
