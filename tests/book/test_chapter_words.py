"""Both sides of an experiment are told, whichever way it went."""

from types import SimpleNamespace

import pandas as pd
import pytest

from uncertlr.book.chapter_words import (
    accuracy_words,
    bins_words,
    both_sides,
    calibration_words,
    final_words,
    pairs_words,
    reversal_words,
    weights_table,
)


def run(accuracy, loss=0.5, brier=0.3, ece=0.1, val=(0.6, 0.5, 0.4), course=(0.5, 0.6, 0.7), seed=0):
    scores = {"accuracy": accuracy, "mc_accuracy": accuracy, "loss": loss, "mc_brier": brier, "mc_ece": ece, "ece": ece}
    scores["bin_counts"] = [0, 3, 97]
    epochs = range(1, len(val) + 1)
    return SimpleNamespace(
        config=SimpleNamespace(seed=seed, epochs=len(val)),
        summary={"test": scores, "test_best": scores | {"accuracy": accuracy + 0.01}, "best_epoch": 2},
        record={"examples": {"test": 100}},
        validation=pd.DataFrame({"epoch": epochs, "loss": val, "accuracy": course}),
    )


def test_both_sides_stand_beside_each_other():
    text = both_sides({"fixed": run(0.85, 1.1, 0.27, 0.12), "rule": run(0.82, 0.4, 0.26, 0.01)}, "fixed")
    better, worse = text.splitlines()[0].split("; worse in ")
    assert "loss (0.400 against 1.100)" in better
    assert "calibration error (MC) (0.010 against 0.120)" in better
    assert worse == "accuracy (0.820 against 0.850)."
    turned = both_sides({"fixed": run(0.82, 0.4, 0.26, 0.01), "rule": run(0.85, 1.1, 0.27, 0.12)}, "fixed")
    assert "better in accuracy (0.850 against 0.820); worse in loss" in turned


@pytest.mark.parametrize(
    ("fixed", "rule", "said"),
    [
        ((0.6, 0.3, 0.9), (0.6, 0.5, 0.4), "So whoever stops the fixed after epoch 2 has a lower loss than the rule"),
        ((0.6, 0.5, 0.9), (0.6, 0.5, 0.4), "stopping early does not make up for the rule"),
        ((0.6, 0.5, 0.4), (0.6, 0.5, 0.3), "It does not overfit within the plan"),
    ],
)
def test_stopping_early_is_weighed_against_the_rule(fixed, rule, said):
    text = both_sides({"fixed": run(0.8, val=fixed), "rule": run(0.8, val=rule)}, "fixed")
    assert said in text
    assert "not smooth" not in text


def test_a_fall_of_the_baseline_is_told():
    text = both_sides({"fixed": run(0.8, course=(0.8, 0.5, 0.9)), "rule": run(0.8)}, "fixed")
    assert "in epoch 2 its validation accuracy falls from 0.800 to 0.500" in text


def test_a_low_calibration_error_with_a_high_brier_score_has_a_caveat():
    guess, good = run(0.1, brier=0.9, ece=0.01), run(0.7, brier=0.4, ece=0.2)
    assert (
        "Averaged over masks, **rule** has the lower calibration error (0.010 against 0.200; with dropout off "
        in calibration_words({"fixed": good, "rule": guess}, "fixed")
    )
    assert calibration_words({"fixed": guess, "rule": good}, "fixed") == ""


def test_accuracies_are_paired_by_seed():
    fixed = [run(0.5 + seed / 100, seed=seed) for seed in range(3)]
    rule = [run(0.6 + seed / 100, seed=seed) for seed in (2, 1, 5)]
    text = accuracy_words({"fixed": fixed, "rule": rule, "none": []}, "fixed")
    assert text == (
        "- **rule** ends +10.0 points of test accuracy from the fixed (95 % interval +10.0 to +10.0, n = 2 pairs of seeds)."
    )
    assert "(one seed)" in accuracy_words({"fixed": fixed, "rule": rule[:1]}, "fixed")


def test_the_number_of_pairs_decides_what_may_be_said():
    ten, three = [run(0.5, seed=seed) for seed in range(10)], [run(0.6, seed=seed) for seed in (1, 2, 30)]
    enough = pairs_words({"fixed": ten, "rule": ten}, "fixed")
    assert enough.startswith("Pairs of seeds: **rule** 10. That is enough for a claim")
    assert "decides nothing" not in enough
    few = pairs_words({"fixed": ten, "rule": three}, "fixed")
    assert few == "Pairs of seeds: **rule** 2. A claim needs 10, so this describes what happened and decides nothing."
    both = pairs_words({"fixed": ten, "a": ten, "b": three, "c": []}, "fixed")
    assert "**a** 10. That is enough" in both
    assert "**b** 2. A claim needs 10" in both
    assert "**c**" not in both
    assert pairs_words({"fixed": ten}, "fixed") == ""


def test_arms_that_change_places_are_told():
    short = {"a": [run(0.4)], "b": [run(0.5)]}
    assert "change places" in reversal_words(short, {"a": run(0.7), "b": run(0.6)}, "a", "b")
    assert reversal_words(short, {"a": run(0.6), "b": run(0.7)}, "a", "b") == ""
    assert reversal_words(short, {"a": run(0.7)}, "a", "b") == ""


def test_last_and_best_weights_stand_in_rows():
    table = weights_table({"rule": run(0.8)})
    assert table["accuracy (95 %)"].tolist() == ["0.800 (0.711 to 0.867)", "0.810 (0.722 to 0.875)"]
    assert table["epoch"].tolist() == [3, 2]


def test_the_plan_in_a_line_and_the_sizes_of_the_bins():
    runs = {"fixed": run(0.8, val=(0.3, 0.5, 0.9)), "rule": run(0.7)}
    assert "**fixed** 0.800, loss 0.500, ECE (MC) 0.100; **rule** 0.700" in final_words(runs, "fixed")
    assert "lowest after epoch 1, 0.300" in final_words(runs, "fixed")
    assert bins_words(runs) == "The bins that are not empty hold between 3 and 97 examples."
