"""Factorial effects: planted ones are found, by hand and in noise."""

import itertools

import numpy as np
import pytest

from uncertlr.analysis.effects import complete_seeds, factorial_effects

FACTORS = ["a", "b", "c"]


def planted(rng, count=10, noise=0.001):
    """A helps by 4 points, b harms by 2, a and b together lose 2 more; c does nothing."""
    cells = itertools.product((0, 1), repeat=3)
    worth = {seed: rng.normal(0.5, 0.02) for seed in range(count)}
    return {
        (a, b, c): {
            seed: worth[seed] + 0.04 * a - 0.02 * b - 0.01 * (2 * a - 1) * (2 * b - 1) / 2 + rng.normal(0, noise)
            for seed in worth
        }
        for a, b, c in cells
    }


def test_planted_effects_come_back_with_their_words():
    found = factorial_effects(planted(np.random.default_rng(0)), FACTORS)
    assert list(found) == [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c")]
    sizes = {name: effect.difference.estimate for name, effect in found.items()}
    expected = {("a",): 0.04, ("b",): -0.02, ("a", "b"): -0.02}
    assert sizes == pytest.approx({name: expected.get(name, 0.0) for name in found}, abs=0.001)
    words = {name: effect.word for name, effect in found.items()}
    assert (words["a",], words["b",], words["c",]) == ("helps", "harms", "equivalent")
    assert (words["a", "b"], words["b", "c"]) == ("harms", "equivalent")


def test_effects_by_hand():
    scores = {(0, 0): {0: 0.30, 1: 0.30}, (1, 0): {0: 0.34, 1: 0.34}, (0, 1): {0: 0.32, 1: 0.32}, (1, 1): {0: 0.40, 1: 0.40}}
    sizes = [effect.difference.estimate for effect in factorial_effects(scores, ["A", "B"]).values()]
    assert sizes == pytest.approx([0.06, 0.04, 0.04])


def test_the_worth_of_a_seed_cancels():
    one, other = planted(np.random.default_rng(1), noise=0), planted(np.random.default_rng(2), noise=0)
    for name, effect in factorial_effects(one, FACTORS).items():
        assert effect.difference.estimate == pytest.approx(factorial_effects(other, FACTORS)[name].difference.estimate)


def test_only_seeds_that_fill_every_cell_count():
    scores = planted(np.random.default_rng(3))
    del scores[0, 1, 0][4]
    assert complete_seeds(scores) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    found = factorial_effects(scores, FACTORS)["a",]
    assert (found.difference.count, found.word) == (9, "descriptive")


def test_a_missing_cell_is_refused():
    scores = planted(np.random.default_rng(4))
    del scores[0, 1, 0]
    with pytest.raises(ValueError, match="expected the 8 cells of a, b, c"):
        factorial_effects(scores, FACTORS)
