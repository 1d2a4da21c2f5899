import numpy as np
import pytest
import torch
from torch import nn

from uncertlr.estimators import AnalyticDropout, MCDropout
from uncertlr.estimators.analytic_dropout import logit_moments
from uncertlr.estimators.gaussian import normal_points
from uncertlr.estimators.mc_dropout import draw_masks, masked_logits
from uncertlr.models import CNN, LSTMClassifier


def layer(size=64, classes=5, seed=0):
    torch.manual_seed(seed)
    return torch.randn(3, size).relu(), nn.Linear(size, classes)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_moments_are_what_sampling_tends_to_as_one_over_the_root_of_the_samples(p):
    features, linear = layer()
    linear.requires_grad_(False)
    mean, covariance = logit_moments(features, linear, p)
    errors = []
    sizes = (500, 2_000, 8_000, 32_000)
    for size in sizes:
        masks = draw_masks((size, 3, 64), p, torch.Generator().manual_seed(size))
        logits = masked_logits(features, masks, linear, p)
        centred = logits - mean
        sampled = torch.einsum("sbc,sbd->bcd", centred, centred) / size
        assert ((logits.mean(0) - mean).abs() < 6 * (covariance.diagonal(dim1=1, dim2=2) / size).sqrt()).all()
        errors.append(float((sampled - covariance).square().mean().sqrt()))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert -0.75 < slope < -0.25


@pytest.mark.parametrize("classes", [1, 2, 10])
def test_mutual_information_is_within_its_stated_band_of_many_samples(classes):
    """0.05 nats an example, over networks from unsure to sure."""
    torch.manual_seed(1)
    for scale in (0.3, 1.0, 3.0):
        model = CNN(8, 1, classes, (2, 3), 128)
        with torch.no_grad():
            model.head[1].weight.mul_(scale)
        features = torch.randn(20, 128).relu()
        exact = MCDropout(20_000, shared_masks=True).estimate_from_features(model, features)
        ours = AnalyticDropout(64).estimate_from_features(model, features)
        assert (ours.mutual_information - exact.mutual_information).abs().max() < 0.05
        assert (ours.mean_probs - exact.mean_probs).abs().max() < 0.05


def test_points_have_the_moments_of_a_standard_gaussian():
    points = normal_points(64, 10)
    assert torch.allclose(points.mean(0), torch.zeros(10, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(points.var(0, correction=0), torch.ones(10, dtype=torch.float64))
    assert (torch.corrcoef(points.T) - torch.eye(10)).abs().max() < 0.35


def test_no_noise():
    model, inputs = LSTMClassifier(50, 2, 8, 12), torch.randint(1, 50, (5, 7))
    one, two = (AnalyticDropout().estimate(model, inputs, generator=torch.Generator().manual_seed(s)) for s in (1, 2))
    assert torch.equal(one.mutual_information, two.mutual_information)


def test_a_dead_feature_vector_is_certain_of_its_bias():
    model = CNN(8, 1, 4, (2, 3), 16)
    prediction = AnalyticDropout().estimate_from_features(model, torch.zeros(2, 16))
    assert prediction.mutual_information.max() < 1e-4


def test_other_heads_are_refused():
    model = CNN(8, 1, 4, (2, 3), 16)
    model.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    with pytest.raises(ValueError, match=r"Sequential\(Dropout, Linear\).*mc_dropout"):
        AnalyticDropout().estimate_from_features(model, torch.zeros(2, 16))
    with pytest.raises(ValueError, match="num_points=1"):
        AnalyticDropout(1)
