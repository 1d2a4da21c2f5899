"""The search for a rule: ideas and their trials, finished or not."""

import math

import pandas as pd

from uncertlr.analysis.search import search_table


def trials(**accuracies):
    rows = [
        {
            "arm": arm,
            "trial": number,
            "settings": {"learning_rate": 1e-3 * number, "exponent": -0.5},
            "accuracy": value,
            "done": value == value,
        }
        for arm, values in accuracies.items()
        for number, value in enumerate(values, 1)
    ]
    table = pd.DataFrame(rows)
    best = table.groupby("arm")["accuracy"].transform("max")
    table["chosen"] = table["accuracy"].notna() & (table["accuracy"] == best)
    return table


NONE = math.nan


def test_an_idea_stands_with_its_best_trial():
    table = search_table(trials(one=[0.5, 0.61, NONE], other=[NONE, NONE]))
    assert table.loc["one"].tolist() == ["2 of 3", "0.610", "learning_rate 2e-3, exponent -0.5"]
    assert table.loc["other"].tolist() == ["0 of 2", "", ""]
