"""The search for a rule: what the trials of each idea reached on validation, beside the schedule that one must beat."""

from collections.abc import Mapping

import pandas as pd

from uncertlr.analysis.scores import rate
from uncertlr.analysis.study import COMPETITOR


def search_table(trials: pd.DataFrame) -> pd.DataFrame:
    """One row an idea: its trials that are finished or diverged, and the best of them on validation with its settings.

    Args:
        trials: as `uncertlr.sweep.trials_table` gives them.
    """
    rows = {}
    for arm, tried in trials.groupby("arm", sort=False):
        rows[arm] = {"trials": f"{int(tried['done'].sum())} of {len(tried)}"}
        for _, best in tried[tried["chosen"]].iterrows():
            rows[arm] |= {"validation accuracy, best": f"{best['accuracy']:.3f}", "with": in_words(best["settings"])}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def search_answer(ideas: pd.DataFrame, tuned: pd.DataFrame) -> str:
    """How far the search is, and which ideas did better on validation than the schedule that people use.

    Args:
        ideas: trials of the ideas.
        tuned: trials of the arms that are tuned anyway, `cosine` among them, at the same seeds.
    """
    done, cosine = int(ideas["done"].sum()), tuned[tuned["arm"] == COMPETITOR]
    text = f"{done or 'None'} of the {len(ideas)} trials {'is' if done < 2 else 'are'} finished."
    if not cosine["done"].all():
        return f"{text} Nothing is said of any idea before all trials of `{COMPETITOR}`, which one must beat."
    level, best = cosine["accuracy"].max(), ideas[ideas["chosen"]]
    ahead = best[best["accuracy"] > level].sort_values("accuracy", ascending=False, kind="stable")
    named = [f"`{row['arm']}` ({row['accuracy']:.3f})" for _, row in ahead.iterrows()]
    against = f"`{COMPETITOR}`, the best of {len(cosine)} ({level:.3f})"
    if not named and not done:
        return text
    if not named:
        return (
            f"{text} None {'' if done == len(ideas) else 'of them so far '}has a higher validation accuracy than {against}."
        )
    best_tuned = tuned.loc[tuned["accuracy"].idxmax()]
    above = [f"`{row['arm']}`" for _, row in ahead.iterrows() if row["accuracy"] > best_tuned["accuracy"]]
    highest = f"Higher than the best trial of any tuned arm, `{best_tuned['arm']}` ({best_tuned['accuracy']:.3f}): "
    return (
        f"{text} Higher on validation than {against}: {', '.join(named)}. {highest}{', '.join(above) or 'none'}. That is a "
        "choice and no proof, since it is judged by the seed that it was made on."
    )


def at_the_edge(trials: pd.DataFrame, setting: str = "learning_rate") -> str:
    """Arms that did best with the lowest or the highest value that they tried of a setting; nothing where there is none.

    Args:
        trials: as `uncertlr.sweep.trials_table` gives them.
        setting: which every arm varies.
    """
    ends: dict[str, list[str]] = {"lowest": [], "highest": []}
    for arm, tried in trials[trials["accuracy"].notna()].groupby("arm", sort=False):
        values = [settings[setting] for settings in tried["settings"] if setting in settings]
        chosen = [settings.get(setting) for settings in tried.loc[tried["chosen"], "settings"]]
        ends["lowest"] += [f"`{arm}`"] if values and chosen == [min(values)] else []
        ends["highest"] += [f"`{arm}`"] if values and chosen == [max(values)] else []
    said = [f"{', '.join(arms)} did best at the {end}" for end, arms in ends.items() if arms]
    what = setting.replace("_", " ")
    return f"Of the values of {what} that they tried, {'; '.join(said)}: beyond it may lie a better one." if said else ""


def in_words(settings: Mapping[str, float]) -> str:
    """Settings as a table shows them.

    >>> in_words({"learning_rate": 3.16e-3, "exponent": -1.5})
    'learning_rate 3.2e-3, exponent -1.5'
    """
    return ", ".join(f"{name} {rate(value) if 'rate' in name else f'{value:g}'}" for name, value in settings.items())
