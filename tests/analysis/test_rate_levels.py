"""What is said of uncertainty's answer follows from the levels, and turns with them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from uncertlr.analysis.rate_levels import conclusion, direction, levels_table, rate_levels, reach_words, steps_words

NOISE = (0.0, 0.001, -0.001)


def run(rate, level, seed):
    signal = [0.9, level + NOISE[seed]]
    return SimpleNamespace(
        config=SimpleNamespace(seed=seed, epochs=2),
        metrics=pd.DataFrame({"epoch": [1, 2], "split": "train", "signal": signal}),
        trace={"step": np.arange(4), "learning_rate": np.array([1.0, 1.0, rate, rate])},
    )


def arms(levels):
    return {f"at {rate}": [run(rate, level + 0.0005 * seed, seed) for seed in range(3)] for rate, level in levels.items()}


@pytest.mark.parametrize(
    ("levels", "word", "said"),
    [
        ({1e-3: 0.5, 1e-5: 0.8}, "falls", "a lower rate went with *higher* uncertainty, so nothing there pulled"),
        ({1e-3: 0.8, 1e-5: 0.5}, "rises", "a lower rate went with *lower* uncertainty, which is a restoring force"),
        ({1e-2: 0.7, 1e-5: 0.8, 4e-4: 0.6}, "falls, then rises", "between 4e-4 and 1e-2 with *lower*"),
        ({1e-5: 0.6, 4e-4: 0.8, 1e-2: 0.7}, "unclear", "cannot be told"),
        ({1e-5: 0.6, 1e-3: 0.6}, "unclear", "cannot be told"),
        ({1e-3: 0.6}, "unclear", "cannot be told"),
    ],
)
def test_the_direction_is_that_of_the_levels(levels, word, said):
    found = rate_levels(arms(levels))
    assert [level.rate for level in found] == sorted(levels)
    assert direction(found) == word
    assert said in conclusion(found)


def test_a_table_and_a_sentence_a_step_hold_the_paired_differences():
    found = rate_levels({**arms({1e-3: 0.5, 1e-5: 0.8}), "none": []})
    table = levels_table(found, "at 0.001")
    assert table.index.tolist() == ["at 1e-05", "at 0.001"]
    assert table.loc["at 1e-05", "from at 0.001 (95 %)"].startswith("+0.300 (")
    assert table.loc["at 0.001", "from at 0.001 (95 %)"] == ""
    assert "uncertainty **falls**: -0.300" in steps_words(found)
    assert "n = 3 pairs" in steps_words(found)


def test_one_seed_is_not_compared():
    found = rate_levels({name: runs[:1] for name, runs in arms({1e-3: 0.5, 1e-5: 0.8}).items()})
    assert "fewer than two seeds in common" in steps_words(found)
    assert direction(found) == "unclear"


@pytest.mark.parametrize(("threshold", "said"), [(0.4, "the floor wins"), (0.6, "lies among"), (0.95, "the ceiling wins")])
def test_whether_the_threshold_is_in_reach(threshold, said):
    assert said in " ".join(reach_words(rate_levels(arms({1e-3: 0.5, 1e-5: 0.8})), threshold).split())
