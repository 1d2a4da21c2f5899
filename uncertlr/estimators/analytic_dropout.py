"""Dropout before a dense layer has closed-form moments: the logits' mean and covariance need no sampling."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from uncertlr.estimators.mc_dropout import dropout_and_linear
from uncertlr.estimators.modes import sampling_modes, stochastic_layers
from uncertlr.estimators.prediction import Prediction
from uncertlr.metrics.probabilities import class_probs


@dataclass(frozen=True)
class AnalyticDropout:
    r"""The prediction under a Gaussian with the exact moments of the dropped-out logits.

    With features :math:`h`, columns :math:`w_j` of the dense layer and dropout probability :math:`p`, the logits have mean
    :math:`W h + b` and covariance

    .. math:: \frac{p}{1-p} \sum_j h_j^2 \, w_j w_j^\top .

    These are exact. Mean probabilities and mutual information are then averages over a Gaussian with these moments, at a few
    fixed quasi-random points (Sobol): an approximation, since the logits of a finite layer are not quite Gaussian. It
    has no noise from sampling, so the same features always give the same reading.

    Args:
        num_points: quasi-random points; a power of 2 balances them best.
    """

    num_points: int = 32

    def __post_init__(self) -> None:
        """Refuse a number of points that is none."""
        if self.num_points < 2:
            raise ValueError(f"AnalyticDropout: num_points={self.num_points} must be at least 2")

    def estimate(self, model: nn.Module, inputs: Tensor, *, generator: torch.Generator | None = None) -> Prediction:
        """Predict a batch of inputs; `generator` is not used.

        Raises:
            ValueError: the head is not one dropout and one dense layer, or the trunk has dropout.
        """
        _check(model)
        with sampling_modes(model, sample=False):
            features = model.features(inputs)  # type: ignore[operator]
        return self.estimate_from_features(model, features)

    def estimate_from_features(
        self, model: nn.Module, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Prediction:
        """Predict from the trunk's output, [B, D]; `generator` is not used."""
        dropout, linear = _check(model)
        with torch.no_grad():
            mean, covariance = logit_moments(features, linear, dropout.p)
            points = normal_points(self.num_points, mean.shape[1]).to(mean)
            offsets = torch.einsum("sc,bdc->sbd", points, _square_root(covariance))
            return Prediction.from_probs(class_probs(mean + offsets))


def logit_moments(features: Tensor, linear: nn.Linear, p: float) -> tuple[Tensor, Tensor]:
    """Mean [B, C] and covariance [B, C, C] of the logits of a dense layer on dropped-out features.

    Args:
        features: [B, D].
        linear: D to C.
        p: probability that a feature is dropped; kept ones are scaled by 1 / (1 - p).
    """
    weights = linear.weight
    products = weights[:, None] * weights  # [C, C, D]
    variance = features.square() * (p / (1.0 - p))
    return linear(features), (variance @ products.flatten(0, 1).T).view(-1, len(weights), len(weights))


@lru_cache
def normal_points(count: int, dimension: int) -> Tensor:
    """Quasi-random points of a standard Gaussian, [count, dimension], centred and of unit variance."""
    engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=0)  # type: ignore[no-untyped-call]
    uniform: Tensor = engine.draw(count)
    points: Tensor = torch.special.ndtri(uniform.double().clamp(1e-6, 1.0 - 1e-6))
    points = points - points.mean(0)
    return points / points.std(0, correction=0)


def _square_root(covariance: Tensor) -> Tensor:
    """A matrix whose product with its transpose is the covariance, which may be singular."""
    size = covariance.shape[-1]
    if size == 1:
        return covariance.sqrt()
    jitter = 1e-6 * covariance.diagonal(dim1=1, dim2=2).mean(1) + 1e-12
    eye = torch.eye(size, device=covariance.device, dtype=covariance.dtype)
    root: Tensor = torch.linalg.cholesky_ex(covariance + jitter[:, None, None] * eye).L
    return root


def _check(model: nn.Module) -> tuple[nn.Dropout, nn.Linear]:
    head = getattr(model, "head", None)
    layers = dropout_and_linear(head) if head is not None else None
    if layers is None or layers[0].p == 0 or len(stochastic_layers(model)) != 1:
        raise ValueError(
            "analytic_dropout needs a model whose only dropout stands in front of the last dense layer: "
            "head = Sequential(Dropout, Linear); use mc_dropout for others"
        )
    return layers
