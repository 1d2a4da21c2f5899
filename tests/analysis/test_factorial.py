"""Factorial effects: planted ones are found, by hand and in noise."""

import itertools

import numpy as np
import pytest

from uncertlr.analysis.factorial import (
    all_changes,
    cell_scores,
    complete_seeds,
    effects_table,
    factorial_effects,
    factors_of,
    seeds_that_fill,
)
from uncertlr.analysis.study import read_study
from uncertlr.errors import ConfigError
from uncertlr.sweep import read_sweep

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


def test_planted_effects_come_back_with_their_outcomes():
    found = factorial_effects(planted(np.random.default_rng(0)), FACTORS)
    assert list(found) == [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c")]
    sizes = {name: effect.difference.estimate for name, effect in found.items()}
    expected = {("a",): 0.04, ("b",): -0.02, ("a", "b"): -0.02}
    assert sizes == pytest.approx({name: expected.get(name, 0.0) for name in found}, abs=0.001)
    words = {name: effect.outcome for name, effect in found.items()}
    assert (words["a",], words["b",], words["c",]) == ("helps", "harms", "equivalent")
    assert (words["a", "b"], words["b", "c"]) == ("harms", "equivalent")


@pytest.mark.parametrize(("order", "effects"), [(1, 3), (2, 6), (3, 7)])
def test_interactions_go_up_to_the_order_that_is_asked_for(order, effects):
    found = factorial_effects(planted(np.random.default_rng(0), noise=0), FACTORS, order)
    assert max(map(len, found)) == order
    assert len(found) == effects


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
    assert (found.difference.count, found.outcome) == (9, "descriptive")


def test_a_missing_cell_is_refused():
    scores = planted(np.random.default_rng(4))
    del scores[0, 1, 0]
    with pytest.raises(ValueError, match=r"\b8\b.*a, b, c"):
        factorial_effects(scores, FACTORS)


GRID = """
experiment: digits
profile: quick
seeds: 10
base: {model: mlp, estimator: deterministic}
product: {learning_rate: [1.0e-3, 5.0e-4], epochs: [1, 3]}
arms: {mlp: {}}
"""


@pytest.fixture
def planted_study(tmp_path, plant_runs):
    """A factorial of rate and epochs with planted accuracies: what three epochs add, and how many seeds have run."""

    def planted(epochs_add, seeds=10):
        path = tmp_path / "factorial.yaml"
        path.write_text(GRID)
        noise = iter(np.random.default_rng(0).normal(0, 0.002, 1_000))

        def accuracy(arm, seed):
            return 0.6 + 0.002 * seed + epochs_add * ("epochs=3" in arm) + next(noise) if seed < seeds else None

        plant_runs(read_sweep(path), accuracy)
        return read_study(str(path))

    return planted


@pytest.mark.parametrize(("epochs_add", "outcome"), [(0.04, "helps"), (-0.04, "harms")])
def test_a_sweep_read_as_a_factorial_shows_its_planted_effect(planted_study, epochs_add, outcome):
    study = planted_study(epochs_add)
    table = effects_table(study)
    assert table.index.tolist() == ["learning_rate", "epochs", "learning_rate × epochs"]
    effect = table.loc["epochs"]
    assert effect["pairs"] == 10
    exact = factorial_effects(cell_scores(study, factors_of(study)), ["rate", "epochs"])["epochs",].difference
    points = effect[["difference", "ci95_low", "ci95_high"]].tolist()
    assert points == pytest.approx([100 * exact.estimate, 100 * exact.low, 100 * exact.high], rel=1e-12)
    assert effect["ci95_low"] < effect["ci90_low"] < effect["difference"] < effect["ci90_high"] < effect["ci95_high"]
    assert effect["outcome"] == outcome
    assert effect["ci95_low"] < 100 * epochs_add < effect["ci95_high"]
    assert table.loc["learning_rate", "outcome"] == "equivalent"
    everything = all_changes(study)
    assert everything.columns.tolist() == table.columns.tolist()
    assert everything.iloc[0]["outcome"] == outcome
    assert everything.iloc[0]["difference"] == pytest.approx(100 * epochs_add, abs=0.5)


def test_the_factors_are_the_fields_that_vary_and_their_values(planted_study):
    study = planted_study(0.04, seeds=3)
    assert factors_of(study) == {"learning_rate": (1e-3, 5e-4), "epochs": (1, 3)}
    assert seeds_that_fill(study) == 3


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [("[1, 3]", "[1, 2, 3]", "epochs"), ("[1.0e-3, 5.0e-4], epochs: [1, 3]", "[1.0e-3]", "factorial")],
)
def test_a_study_of_three_values_or_of_none_that_varies_is_refused(tmp_path, old, new, named):
    path = tmp_path / "factorial.yaml"
    path.write_text(GRID.replace(old, new))
    with pytest.raises(ConfigError, match=named):
        factors_of(read_study(str(path)))


def test_one_seed_gives_no_effect(planted_study):
    study = planted_study(0.04, seeds=1)
    assert effects_table(study).empty
    assert all_changes(study).empty
