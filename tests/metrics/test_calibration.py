import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_calibration_error

from uncertlr.metrics import (
    bootstrap_intervals,
    expected_calibration_error,
    maximum_calibration_error,
    reliability_curve,
)


def sample(count, num_classes, seed=0, scale=2.0):
    stream = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, num_classes, generator=stream, dtype=torch.float64) * scale
    return logits.softmax(1), torch.randint(0, num_classes, (count,), generator=stream)


def binary(confidences, hits):
    """Two-class predictions with these top probabilities, right or wrong."""
    top = torch.tensor(confidences, dtype=torch.float64)
    return torch.stack([top, 1 - top], 1), torch.tensor([0 if hit else 1 for hit in hits])


def brute_force(probs, targets, num_bins):
    confidence, predicted = probs.max(1)
    ece, mce = 0.0, 0.0
    for k in range(num_bins):
        inside = [i for i, c in enumerate(confidence.tolist()) if k / num_bins < c <= (k + 1) / num_bins]
        if inside:
            gap = abs(np.mean([confidence[i] for i in inside]) - np.mean([predicted[i] == targets[i] for i in inside]))
            ece, mce = ece + gap * len(inside) / len(confidence), max(mce, gap)
    return ece, mce


@given(st.integers(1, 40), st.integers(2, 6), st.integers(1, 20), st.integers(0, 10_000))
def test_against_brute_force(count, num_classes, num_bins, seed):
    probs, targets = sample(count, num_classes, seed)
    curve = reliability_curve(probs, targets, num_bins)
    ece, mce = brute_force(probs, targets, num_bins)
    assert float(expected_calibration_error(curve)) == pytest.approx(ece, abs=1e-9)
    assert float(maximum_calibration_error(curve)) == pytest.approx(mce, abs=1e-9)
    assert int(curve.counts.sum()) == count


@pytest.mark.parametrize("num_classes", [2, 10])
@pytest.mark.parametrize(("norm", "ours"), [("l1", expected_calibration_error), ("max", maximum_calibration_error)])
def test_against_torchmetrics(num_classes, norm, ours):
    probs, targets = sample(2_000, num_classes)
    theirs = multiclass_calibration_error(probs.float(), targets, num_classes, n_bins=15, norm=norm)
    assert float(ours(reliability_curve(probs, targets))) == pytest.approx(float(theirs), abs=1e-6)


def test_full_confidence_falls_in_the_last_bin():
    """Torchmetrics gives it a bin of its own and so another error: 0.505 where the definition gives 0.495."""
    probs, targets = binary([1.0, 0.99], [False, True])
    curve = reliability_curve(probs, targets, 10)
    assert curve.counts.tolist() == [0] * 9 + [2]
    assert float(expected_calibration_error(curve)) == pytest.approx(0.495)
    theirs = multiclass_calibration_error(probs.float(), targets, 2, n_bins=10)
    assert float(theirs) == pytest.approx(0.505, abs=1e-6)


def test_edges_belong_to_the_bin_below():
    probs, targets = binary([0.6, 0.6000001, 0.8], [True, True, True])
    assert reliability_curve(probs, targets, 5).counts.tolist() == [0, 0, 1, 2, 0]


def test_by_hand():
    probs, targets = binary([0.7, 0.7, 0.9, 0.9], [True, False, True, True])
    curve = reliability_curve(probs, targets, 10)
    assert float(expected_calibration_error(curve)) == pytest.approx(0.5 * 0.2 + 0.5 * 0.1)
    assert float(maximum_calibration_error(curve)) == pytest.approx(0.2)
    assert curve.confidence[6].item() == pytest.approx(0.7)
    assert curve.accuracy[6].item() == 0.5
    assert torch.isnan(curve.confidence[0])


def test_a_minimum_count_leaves_small_bins_out():
    probs, targets = binary([0.95, 0.65, 0.65], [False, True, True])
    curve = reliability_curve(probs, targets, 10)
    assert float(maximum_calibration_error(curve)) == pytest.approx(0.95)
    assert float(maximum_calibration_error(curve, min_count=2)) == pytest.approx(0.35)


def test_one_example():
    probs, targets = binary([0.8], [True])
    curve = reliability_curve(probs, targets)
    assert float(expected_calibration_error(curve)) == pytest.approx(0.2)


def test_perfect_calibration_has_the_known_bias():
    """About 0.010 at n = 10,000 with 15 bins, though every probability is right."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(10):
        top = rng.uniform(0.5, 1.0, 10_000)
        probs, targets = binary(top.tolist(), (rng.random(10_000) < top).tolist())
        errors.append(float(expected_calibration_error(reliability_curve(probs, targets))))
    assert 0.006 < np.mean(errors) < 0.014


def test_intervals_hold_the_estimate_and_narrow_with_more_examples():
    widths = []
    for count in (200, 3_200):
        probs, targets = sample(count, 5)
        low, high = bootstrap_intervals(probs, targets)["accuracy"]
        assert low <= float((probs.argmax(1) == targets).double().mean()) <= high
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.35)


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(100):
        top = np.full(200, 0.7)
        probs, targets = binary(top.tolist(), (rng.random(200) < 0.7).tolist())
        low, high = bootstrap_intervals(probs, targets, num_replicates=200, seed=trial)["accuracy"]
        covered += low <= 0.7 <= high
    assert 88 <= covered <= 99


def test_intervals_are_those_of_a_plain_loop():
    probs, targets = sample(60, 3)
    intervals = bootstrap_intervals(probs, targets, num_replicates=50, seed=3)
    stream = torch.Generator().manual_seed(3)
    values = []
    for _ in range(50):
        drawn = torch.randint(60, (60,), generator=stream)
        values.append(float(expected_calibration_error(reliability_curve(probs[drawn], targets[drawn]))))
    assert intervals["ece"] == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), abs=1e-9)
