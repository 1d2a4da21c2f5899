import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uncertlr.metrics import debiased_calibration_error, debiased_error_of_curve
from uncertlr.metrics.debiased import equal_mass_bins


def binary(top, right):
    """Two-class predictions with these top probabilities, class 0 predicted."""
    top = torch.as_tensor(top, dtype=torch.float64)
    return torch.stack([top, 1 - top], 1), (~torch.as_tensor(right)).long()


def by_hand(confidence, hits, num_bins, norm, draws=200_000):
    """The definitions, bin by bin; the noise of l1 by sampling."""
    rng = np.random.default_rng(0)
    bins = equal_mass_bins(torch.as_tensor(confidence), num_bins).numpy()
    total = 0.0
    for label in np.unique(bins):
        inside = bins == label
        count, accuracy, gap = inside.sum(), hits[inside].mean(), confidence[inside].mean() - hits[inside].mean()
        if norm == "l2":
            term = gap**2 - (accuracy * (1 - accuracy) / (count - 1) if count > 1 else 0.0)
        else:
            drawn = rng.normal(accuracy, np.sqrt(accuracy * (1 - accuracy) / count), draws)
            term = 2 * abs(gap) - np.abs(confidence[inside].mean() - drawn).mean()
        total += count / len(hits) * term
    return max(total, 0.0) ** (0.5 if norm == "l2" else 1.0)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_against_the_definitions(norm):
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.5, 1.0, 300)
    hits = (rng.random(300) < confidence - 0.08).astype(float)
    ours = debiased_calibration_error(*binary(confidence, hits.astype(bool)), 10, norm)
    assert float(ours) == pytest.approx(by_hand(confidence, hits, 10, norm), abs=1e-3)


@pytest.mark.parametrize(("norm", "remains"), [("l1", 0.7), ("l2", 0.4)])
def test_of_a_calibrated_model_much_of_the_plain_error_goes(norm, remains):
    rng = np.random.default_rng(2)
    plain, debiased = [], []
    for _ in range(200):
        confidence = rng.uniform(0.5, 1.0, 200)
        hits = rng.random(200) < confidence
        bins = equal_mass_bins(torch.as_tensor(confidence), 15).numpy()
        gaps = [abs((confidence - hits)[bins == label].mean()) for label in range(15)]
        weights = np.bincount(bins) / 200
        plain.append(weights @ gaps if norm == "l1" else np.sqrt(weights @ np.square(gaps)))
        debiased.append(float(debiased_calibration_error(*binary(confidence, hits), norm=norm)))
    assert np.mean(debiased) < remains * np.mean(plain)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_a_large_sample_gives_the_true_error(norm):
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0.6, 1.0, 200_000)
    predictions = binary(confidence, rng.random(200_000) < confidence - 0.1)
    assert float(debiased_calibration_error(*predictions, norm=norm)) == pytest.approx(0.1, abs=0.004)


@given(
    st.lists(st.tuples(st.floats(0.5, 1.0), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 20),
    st.sampled_from(["l1", "l2"]),
)
@settings(deadline=None)
def test_any_sample_gives_a_number_between_0_and_1(sample, num_bins, norm):
    error = debiased_calibration_error(*binary(*map(list, zip(*sample, strict=True))), num_bins, norm)
    assert 0.0 <= float(error) <= 1.0


@given(st.lists(st.sampled_from([0.5, 0.6, 0.75, 0.9, 1.0]), min_size=1, max_size=80), st.integers(1, 12))
@settings(deadline=None)
def test_bins_are_ordered_and_equal_values_share_one(values, num_bins):
    values = torch.tensor(values, dtype=torch.float64)
    bins = equal_mass_bins(values, num_bins)
    assert int(bins.min()) >= 0
    assert int(bins.max()) < num_bins
    for one, other in ((a, b) for a in range(len(values)) for b in range(a)):
        assert (bins[one] == bins[other]) or (bins[one] < bins[other]) == (values[one] < values[other])
        if values[one] == values[other]:
            assert bins[one] == bins[other]


def test_a_bin_that_ties_leave_empty_counts_for_nothing():
    """Forty confidences of 0.6 fill two of three bins, and share one; of those of 0.9 as many are right."""
    predictions = binary([0.6] * 40 + [0.9] * 20, ([True] * 3 + [False] * 2) * 12)
    noise = 0.6 * 0.4
    squares = 2 / 3 * (0.0 - noise / 39) + 1 / 3 * (0.3**2 - noise / 19)
    assert float(debiased_calibration_error(*predictions, 3, "l2")) == pytest.approx(squares**0.5)
    drawn = np.abs(np.random.default_rng(0).normal(0.0, (noise / 40) ** 0.5, 200_000)).mean()  # of a gap of 0
    assert float(debiased_calibration_error(*predictions, 3, "l1")) == pytest.approx(0.3 / 3 - 2 / 3 * drawn, abs=1e-3)


def curve(counts, confidence, accuracy):
    return [torch.tensor(each, dtype=torch.float64) for each in (counts, confidence, accuracy)]


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize(("counts", "groups"), [([5, 15, 12, 8], [[0, 1], [2, 3]]), ([4, 0, 9], [[0, 2]])])
def test_small_bins_of_a_curve_are_joined_to_their_means(norm, counts, groups):
    confidence, accuracy = [0.75, 0.8, 0.9, 0.95][: len(counts)], [0.4, 0.1, 0.2, 0.3][: len(counts)]

    def mean(values, group):
        return np.average([values[place] for place in group], weights=[counts[place] for place in group])

    joined = [sum(counts[place] for place in group) for group in groups]
    means = [[mean(values, group) for group in groups] for values in (confidence, accuracy)]
    expected = float(debiased_error_of_curve(*curve(joined, *means), norm))
    assert expected > 0.4
    assert float(debiased_error_of_curve(*curve(counts, confidence, accuracy), norm)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_a_curve_of_one_example_has_its_gap(norm):
    assert float(debiased_error_of_curve(*curve([1], [0.7], [1.0]), norm)) == pytest.approx(0.3)


def test_a_joined_bin_of_one_example_counts():
    """Forty in three bins become two, of 1 and of 39; only the first has a gap."""
    error = debiased_error_of_curve(*curve([1, 39, 0], [1.0, 0.5, math.nan], [0.0, 0.5, math.nan]), "l2")
    assert float(error) == pytest.approx((1 / 40 - 39 / 40 * 0.25 / 38) ** 0.5)


def test_twenty_examples_for_each_bin_are_enough_to_leave_a_curve_as_it_is():
    """Sixty in three bins; the gaps of the first two would cancel if they were joined, and the third is exact."""
    first, second = 0.3**2 - 0.8 * 0.2 / 4, 0.2**2 - 0.6 * 0.4 / 4
    error = debiased_error_of_curve(*curve([5, 5, 50], [0.5, 0.6, 1.0], [0.8, 0.4, 1.0]), "l2")
    assert float(error) == pytest.approx(((first + second) * 5 / 60) ** 0.5)


def test_distinct_values_give_equal_counts():
    counts = torch.bincount(equal_mass_bins(torch.rand(100, dtype=torch.float64), 10))
    assert counts.tolist() == [10] * 10


def test_hostile_inputs():
    assert float(debiased_calibration_error(*binary([1.0], [True]))) == 0.0
    assert float(debiased_calibration_error(*binary([1.0], [False]))) == 1.0
    probs = torch.full((5, 3), 1 / 3)  # class 2 is absent
    assert 0 <= float(debiased_calibration_error(probs, torch.tensor([0, 1, 0, 1, 0]))) <= 1
    with pytest.raises(ValueError, match="num_bins.* 0 .*'l1'$"):
        debiased_calibration_error(*binary([0.9], [True]), 0)
    with pytest.raises(ValueError, match="norm.* 15 .*'l3'$"):
        debiased_calibration_error(*binary([0.9], [True]), norm="l3")


@pytest.mark.parametrize(("confidence", "accuracy"), [(1.1, 0.5), (-0.1, 0.5), (0.5, 1.1), (0.5, -0.1)])
def test_a_filled_bin_outside_0_to_1_is_refused(confidence, accuracy):
    with pytest.raises(ValueError, match=str(max(confidence, accuracy)) if max(confidence, accuracy) > 1 else "-0.1"):
        debiased_error_of_curve(torch.tensor([40]), torch.tensor([confidence]), torch.tensor([accuracy]))


def test_small_bins_are_joined_by_the_middle_of_their_examples():
    counts = torch.tensor([10, 10, 1, 19])
    confidence, accuracy = torch.tensor([0.2, 0.4, 0.6, 0.8]), torch.tensor([0.1, 0.6, 1.0, 0.5])
    joined = [(10 * 0.2 + 10 * 0.4) / 20, (0.6 + 19 * 0.8) / 20], [(10 * 0.1 + 10 * 0.6) / 20, (1.0 + 19 * 0.5) / 20]
    expected = debiased_error_of_curve(torch.tensor([20, 20]), *(torch.tensor(each) for each in joined))
    assert float(debiased_error_of_curve(counts, confidence, accuracy)) == pytest.approx(float(expected), abs=1e-6)
    assert float(expected) > 0
