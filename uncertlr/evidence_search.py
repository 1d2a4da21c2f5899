"""The search for a rule: what the trials of each idea reached on validation, beside the schedule that one must beat."""

from collections.abc import Mapping

import pandas as pd

from uncertlr.study import COMPETITOR
from uncertlr.tables import rate


def search_table(trials: pd.DataFrame) -> pd.DataFrame:
    """One row an idea: its finished trials, and the best of them on validation with its settings.

    Args:
        trials: as `uncertlr.sweep.trials_table` gives them.
    """
    rows = {}
    for arm, tried in trials.groupby("arm", sort=False):
        rows[arm] = {"trials": f"{int(tried['accuracy'].notna().sum())} of {len(tried)}"}
        for _, best in tried[tried["chosen"]].iterrows():
            rows[arm] |= {"validation accuracy, best": f"{best['accuracy']:.3f}", "with": in_words(best["settings"])}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def search_answer(ideas: pd.DataFrame, tuned: pd.DataFrame) -> str:
    """How far the search is, and which ideas did better on validation than the schedule that people use.

    Args:
        ideas: trials of the ideas.
        tuned: trials of the arms that are tuned anyway, `cosine` among them, at the same seeds.
    """
    done, cosine = int(ideas["accuracy"].notna().sum()), tuned[tuned["arm"] == COMPETITOR]
    text = f"{done or 'None'} of the {len(ideas)} trials {'is' if done < 2 else 'are'} finished."
    if cosine["accuracy"].isna().any():
        return f"{text} Nor are all of `{COMPETITOR}`, which an idea must beat, so nothing is said of any idea yet."
    level, best = cosine["accuracy"].max(), ideas[ideas["chosen"]]
    ahead = best[best["accuracy"] > level].sort_values("accuracy", ascending=False, kind="stable")
    named = [f"`{row['arm']}` ({row['accuracy']:.3f})" for _, row in ahead.iterrows()]
    against = f"`{COMPETITOR}`, the best of {len(cosine)} ({level:.3f})"
    if not named and not done:
        return text
    if not named:
        return f"{text} No idea reached a higher validation accuracy than {against}."
    return (
        f"{text} Higher on validation than {against}: {', '.join(named)}. That is a choice and no proof, since it is judged "
        "by the seed that it was made on."
    )


def in_words(settings: Mapping[str, float]) -> str:
    """Settings as a table shows them.

    >>> in_words({"learning_rate": 3.16e-3, "exponent": -1.5})
    'learning_rate 3.2e-3, exponent -1.5'
    """
    return ", ".join(f"{name} {rate(value) if 'rate' in name else f'{value:g}'}" for name, value in settings.items())
