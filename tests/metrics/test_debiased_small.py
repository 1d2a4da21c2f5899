"""What the docstring says of the debiased error of few examples, by simulation against errors that are known exactly."""

import numpy as np
import pytest
import torch

from uncertlr.metrics import (
    debiased_calibration_error,
    debiased_error_of_curve,
    expected_calibration_error,
    reliability_curve,
)

DRAWS = 200


def draws(count, shift, seed=0):
    """Two-class predictions whose accuracy is their confidence less `shift`, so that the true error is `shift`."""
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        confidence = rng.uniform(0.5 + shift, 1.0, count)
        wrong = rng.random(count) >= confidence - shift
        yield np.stack([confidence, 1 - confidence], 1), wrong.astype(np.int64)


def mean_errors(count, shift):
    """Mean absolute error of the plain and of the two debiased estimates."""
    misses = []
    for probs, targets in draws(count, shift):
        curve = reliability_curve(probs, targets)
        of_curve = debiased_error_of_curve(curve.counts, curve.confidence, curve.accuracy)
        estimates = (expected_calibration_error(curve), debiased_calibration_error(probs, targets), of_curve)
        misses.append([abs(float(estimate) - shift) for estimate in estimates])
    return np.mean(misses, 0)


@pytest.mark.parametrize(("count", "at_most"), [(8, 0.4), (30, 0.4), (100, 0.6), (300, 0.95), (1_000, 0.9)])
def test_a_calibrated_models_error_is_nearer_to_0_than_the_plain_one(count, at_most):
    plain, debiased, of_curve = mean_errors(count, 0.0)
    assert debiased < at_most * plain
    assert of_curve < 0.95 * plain


@pytest.mark.parametrize("shift", [0.1, 0.2])
@pytest.mark.parametrize("count", [8, 30, 100, 300])
def test_a_miscalibration_is_estimated_about_as_well_as_by_the_plain_error(count, shift):
    plain, debiased, of_curve = mean_errors(count, shift)
    assert debiased < 1.1 * plain + 0.02
    assert of_curve < 1.1 * plain + 0.02
    if shift == 0.1 and count <= 30:
        assert debiased < plain


@pytest.mark.parametrize(("count", "num_bins"), [(1, 1), (19, 1), (40, 2), (299, 14), (300, 15), (10_000, 15)])
def test_a_bin_holds_twenty_examples(count, num_bins):
    """As if so many bins had been asked for; from 300 examples on all fifteen."""
    probs, targets = next(draws(count, 0.1))
    exact = debiased_calibration_error(probs, targets, num_bins)
    assert torch.equal(debiased_calibration_error(probs, targets), exact)
    if count < 300:
        assert torch.equal(debiased_calibration_error(probs, targets, 60), exact)


def test_a_curve_of_many_examples_is_taken_bin_by_bin():
    """The value that the library has always given for it, to the last bit."""
    counts = torch.tensor([0, 0, 0, 3, 40, 120, 300, 420, 500, 600, 700, 900, 1_200, 2_000, 3_217])
    confidence = torch.linspace(1 / 30, 29 / 30, 15, dtype=torch.float64)
    accuracy = (confidence - 0.03).clamp(min=0.0)
    assert float(debiased_error_of_curve(counts, confidence, accuracy)) == 0.029213133073216692
