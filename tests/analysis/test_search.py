"""The search for a rule: what is said of ideas follows from their trials, finished or not."""

import math

import pandas as pd
import pytest

from uncertlr.analysis.search import at_the_edge, search_answer, search_table


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
COSINE = trials(constant=[0.7, 0.9], cosine=[0.60, 0.64])


def test_an_idea_stands_with_its_best_trial():
    table = search_table(trials(one=[0.5, 0.61, NONE], other=[NONE, NONE]))
    assert table.loc["one"].tolist() == ["2 of 3", "0.610", "learning_rate 2e-3, exponent -0.5"]
    assert table.loc["other"].tolist() == ["0 of 2", "", ""]


@pytest.mark.parametrize(
    ("ideas", "tuned", "said"),
    [
        (trials(one=[NONE, NONE]), COSINE, "None of the 2 trials is finished."),
        (
            trials(one=[0.5, NONE]),
            trials(cosine=[0.6, NONE]),
            "1 of the 2 trials is finished. Nothing is said of any idea before all trials of `cosine`",
        ),
        (
            trials(one=[0.5, 0.6]),
            COSINE,
            "None has a higher validation accuracy than `cosine`, the best of 2 (0.640).",
        ),
        (trials(one=[0.5, NONE]), COSINE, "1 of the 2 trials is finished. None of them so far has a higher"),
        (
            trials(one=[0.5, 0.65], two=[0.6, 0.7], three=[0.6, 0.64]),
            COSINE,
            "6 of the 6 trials are finished. Higher on validation than `cosine`, the best of 2 (0.640): `two` (0.700), "
            "`one` (0.650). Higher than the best trial of any tuned arm, `constant` (0.900): none. That is a choice and no "
            "proof",
        ),
        (trials(one=[0.95, 0.6]), COSINE, "any tuned arm, `constant` (0.900): `one`."),
    ],
)
def test_ideas_are_held_against_cosine_and_nothing_is_proved_by_it(ideas, tuned, said):
    assert said in search_answer(ideas, tuned)


def test_a_choice_at_the_edge_of_what_was_tried_is_told():
    tried = trials(low=[0.9, 0.8, 0.7], inside=[0.6, 0.9, 0.7], high=[0.6, 0.7, 0.8])
    text = at_the_edge(tried)
    assert text.startswith(
        "Of the values of learning rate that they tried, `low` did best at the lowest; `high` did best at the highest"
    )
    assert "inside" not in text
    assert at_the_edge(trials(inside=[0.6, 0.9, 0.7], absent=[NONE, NONE])) == ""
