"""Dropout before a dense layer has closed-form moments: the logits' mean and covariance need no sampling."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from uncertlr.estimators.gaussian import gaussian_prediction, in_rows
from uncertlr.estimators.mc_dropout import dropout_and_linear, layers_agree
from uncertlr.estimators.modes import stochastic_layers
from uncertlr.estimators.outputs import head_inputs
from uncertlr.estimators.prediction import Prediction
from uncertlr.metrics.checks import HALF

LARGEST_PRODUCT = 2**27
"""Numbers in the products of pairs of weight rows, C x C x D, 512 MB of float32."""


@dataclass(frozen=True)
class AnalyticDropout:
    r"""The prediction under a Gaussian with the exact moments of the dropped-out logits.

    With features :math:`h`, columns :math:`w_j` of the dense layer and dropout probability :math:`p`, the logits have mean
    :math:`W h + b` and covariance

    .. math:: \frac{p}{1-p} \sum_j h_j^2 \, w_j w_j^\top .

    These are exact. Mean probabilities and mutual information are then averages over a Gaussian with these moments, at a few
    fixed quasi-random points (Sobol): an approximation, since the logits of a finite layer are not quite Gaussian. It
    has no noise from sampling, so the same features always give the same prediction. Computed in float32 at least.

    Its memory grows with the square of the number of classes C: C x C x D numbers, D features, may be at most 2**27 (1,024
    classes with 128 features). Beyond that it refuses; `MCDropout` has no such limit.

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
            ValueError: the head is not one dropout and one dense layer, it is not all that is random, the model is more than
                the head of its features, or there are too many classes.
        """
        _check(model)
        head: nn.Module = model.head  # type: ignore[assignment]
        features = head_inputs(model, head, inputs, sample=True)
        if features is None or not layers_agree(head, features):
            raise ValueError(
                f"analytic_dropout: {type(model).__name__} is not head(features), or draws random numbers outside its head; "
                "use mc_dropout"
            )
        return self.estimate_from_features(model, features)

    def estimate_from_features(
        self, model: nn.Module, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Prediction:
        """Predict from the trunk's output, [B, D]; `generator` is not used.

        Raises:
            ValueError: the head is not one dropout and one dense layer, it is not all that is random, or there are too many
                classes.
        """
        dropout, linear = _check(model)
        classes = linear.out_features
        with torch.no_grad():
            return in_rows(
                features,
                classes * max(classes, self.num_points),
                lambda rows: gaussian_prediction(*logit_moments(rows, linear, dropout.p), self.num_points),
            )


def logit_moments(features: Tensor, linear: nn.Linear, p: float) -> tuple[Tensor, Tensor]:
    """Mean [B, C] and covariance [B, C, C] of the logits of a dense layer on dropped-out features.

    Args:
        features: [B, D].
        linear: D to C.
        p: probability that a feature is dropped; kept ones are scaled by 1 / (1 - p).
    """
    if linear.weight.dtype in HALF:
        linear = copy.deepcopy(linear).float()
    weights, features = linear.weight, features.to(linear.weight.dtype) if features.dtype in HALF else features
    products = weights[:, None] * weights  # [C, C, D]
    variance = features.square() * (p / (1.0 - p))
    return linear(features), (variance @ products.flatten(0, 1).T).view(-1, len(weights), len(weights))


def _check(model: nn.Module) -> tuple[nn.Dropout, nn.Linear]:
    head = getattr(model, "head", None)
    layers = dropout_and_linear(head) if head is not None else None
    if layers is None or not 0 < layers[0].p < 1 or len(stochastic_layers(model)) != 1:
        raise ValueError(
            "analytic_dropout needs a model whose only dropout stands in front of the last dense layer: "
            "head = Sequential(Dropout, Linear); use mc_dropout for others"
        )
    classes, width = layers[1].weight.shape
    if classes * classes * width > LARGEST_PRODUCT:
        raise ValueError(
            f"analytic_dropout: {classes:,} classes with {width:,} features need {classes * classes * width:,} numbers "
            f"(C x C x D, at most {LARGEST_PRODUCT:,}); use mc_dropout"
        )
    return layers
