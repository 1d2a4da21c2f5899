import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from uncertlr.metrics import expected_calibration_error, fit_temperature, reliability_curve, scale_probs
from uncertlr.metrics.temperature import HIGHEST, LOWEST


def sharpened(factor, count=20_000, num_classes=4):
    """Labels drawn from a softmax, and the probabilities of logits that are `factor` times too large."""
    torch.manual_seed(0)
    logits = 1.5 * torch.randn(count, num_classes, dtype=torch.float64)
    targets = torch.multinomial(logits.softmax(1), 1)[:, 0]
    return (factor * logits).softmax(1), targets


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found(factor):
    probs, targets = sharpened(factor)
    temperature = fit_temperature(probs, targets)
    assert temperature == pytest.approx(factor, rel=0.05)
    error = expected_calibration_error(reliability_curve(scale_probs(probs, temperature), targets))
    assert error < 0.015
    assert error <= expected_calibration_error(reliability_curve(probs, targets)) + 0.002


def test_the_slope_at_the_temperature_found_is_nought():
    probs, targets = sharpened(2.0, count=300)
    inverse = torch.tensor(1 / fit_temperature(probs, targets), dtype=torch.float64, requires_grad=True)
    F.cross_entropy(inverse * probs.log(), targets).backward()
    assert abs(float(inverse.grad)) < 1e-6


@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_no_data_gets_a_higher_loss_or_another_class(count, num_classes, seed):
    stream = torch.Generator().manual_seed(seed)
    probs = (3 * torch.randn(count, num_classes, generator=stream, dtype=torch.float64)).softmax(1)
    targets = torch.randint(num_classes, (count,), generator=stream)
    temperature = fit_temperature(probs, targets)
    scaled = scale_probs(probs, temperature)
    assert LOWEST <= temperature <= HIGHEST
    assert F.nll_loss(scaled.log(), targets) <= F.nll_loss(probs.log(), targets) + 1e-9
    assert torch.equal(scaled.argmax(1), probs.argmax(1))


def test_separable_and_hopeless_data_end_at_the_bounds():
    probs = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    assert fit_temperature(probs, torch.tensor([0, 1])) == LOWEST
    assert fit_temperature(probs, torch.tensor([1, 0])) == HIGHEST
    certain = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert LOWEST <= fit_temperature(certain, torch.tensor([0, 1])) <= HIGHEST
    assert torch.isfinite(scale_probs(certain, 5.0)).all()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_without_sense_is_refused(temperature):
    with pytest.raises(ValueError, match=f"temperature.* {temperature}$"):
        scale_probs(torch.tensor([0.5, 0.5]), temperature)
