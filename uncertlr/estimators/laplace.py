"""A Gaussian over the last layer's weights, fitted in closed form after training (MacKay 1992; Daxberger et al. 2021)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from uncertlr.estimators.gaussian import gaussian_prediction, in_rows
from uncertlr.estimators.outputs import head_inputs
from uncertlr.estimators.prediction import BLOCK, Prediction
from uncertlr.metrics import cross_entropy
from uncertlr.metrics.checks import widened
from uncertlr.metrics.probabilities import class_probs

MOST_WEIGHTS = 8_192
"""Weights of a last layer that can be fitted: their covariance takes 512 MB, its eigenvalues minutes."""


@dataclass(frozen=True)
class Laplace:
    r"""The Laplace approximation over the last dense layer, with the full generalized Gauss-Newton matrix.

    With features :math:`\phi` (a constant 1 appended, for the bias), class probabilities :math:`p` and prior precision
    :math:`\lambda`, the weights' posterior covariance is

    .. math:: \Big(\sum_n (\mathrm{diag}(p_n) - p_n p_n^\top) \otimes \phi_n \phi_n^\top + \lambda I\Big)^{-1} .

    The logits of an input are then Gaussian: their mean is the network's output. Probabilities are averaged at a few fixed
    quasi-random points of that Gaussian. Make one with `fit_laplace`.

    The covariance of C (D + 1) weights has the square of that many numbers, so layers of more than 8,192 weights are
    refused; `MCDropout` and `Ensemble` have no such limit.

    Attributes:
        covariance: [C, D + 1, C, D + 1], of the weights and biases; C is the number of logits.
        prior_precision: of every weight.
        log_marginal_likelihood: of the training data in nats, under the approximation.
        num_points: quasi-random points; a power of 2 balances them best.
    """

    covariance: Tensor
    prior_precision: float
    log_marginal_likelihood: float
    num_points: int = 32

    def estimate(self, model: nn.Module, inputs: Tensor, *, generator: torch.Generator | None = None) -> Prediction:
        """Predict a batch of inputs; `generator` is not used.

        Raises:
            ValueError: the model's last layer is not the one that was fitted, or does not give the model's output.
        """
        return self.estimate_from_features(model, _features(model, inputs))

    def estimate_from_features(
        self, model: nn.Module, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Prediction:
        """Predict from the trunk's output, [B, D]; `generator` is not used.

        Raises:
            ValueError: the model's last layer is not the one that was fitted.
        """
        head = last_layer(model)
        if self.covariance.shape[:2] != (head.out_features, head.in_features + 1):
            raise ValueError(
                f"this Laplace approximation is of a layer with {self.covariance.shape[1] - 1} inputs and "
                f"{self.covariance.shape[0]} outputs, the model's last layer has {head.in_features} and {head.out_features}"
            )
        classes = head.out_features
        with torch.no_grad():
            return in_rows(
                features,
                classes * max(classes * (head.in_features + 1), self.num_points),
                lambda rows: gaussian_prediction(head(rows), self.logit_covariance(rows), self.num_points),
            )

    def logit_covariance(self, features: Tensor) -> Tensor:
        """Covariance of the logits, [B, C, C], for features [B, D]."""
        extended = _with_constant(features).to(self.covariance)
        covariance = torch.einsum("bi,cidj,bj->bcd", extended, self.covariance, extended)
        return covariance.to(widened(features))


def fit_laplace(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], *, prior_precision: float = 0.0, num_points: int = 32
) -> Laplace:
    """Fit the last layer's Gaussian around a trained network's weights.

    Args:
        model: with `features` and a `head` that ends in a dense layer; trained, for instance, by maximum likelihood.
        batches: the training data, pairs of inputs and class indices [B], each example once, without augmentation.
        prior_precision: of every weight; 0 chooses the one of highest marginal likelihood (MacKay 1992).
        num_points: of the estimator.

    Raises:
        ValueError: the model has no such head or is more than the head of its features, the head has more than 8,192
            weights, there is no data, labels are out of range, values are not finite, or the precision is negative.
    """
    if not 0 <= prior_precision < math.inf:
        raise ValueError(f"fit_laplace: prior_precision={prior_precision} must be positive and finite, or 0 to choose it")
    head = last_layer(model)
    num_weights = head.out_features * (head.in_features + 1)
    if num_weights > MOST_WEIGHTS:
        raise ValueError(
            f"fit_laplace: a last layer with {head.in_features:,} inputs and {head.out_features:,} outputs has "
            f"{num_weights:,} weights, at most {MOST_WEIGHTS:,} can be fitted; use mc_dropout or an ensemble"
        )
    curvature = torch.zeros(num_weights, num_weights, dtype=torch.float64, device=head.weight.device)
    loss, count = 0.0, 0
    for inputs, targets in batches:
        if not len(targets):
            continue
        features = _features(model, inputs)
        with torch.no_grad():
            logits = head(features)
            loss += float(cross_entropy(logits, targets)) * len(targets)
            curvature += _curvature(features, logits)
        count += len(targets)
    if not count:
        raise ValueError("fit_laplace: there is no training data")
    if not (math.isfinite(loss) and bool(curvature.isfinite().all())):
        raise ValueError(
            f"fit_laplace: the loss of the training data is {loss}: the model's weights or inputs are not finite"
        )
    values, vectors = torch.linalg.eigh(curvature)
    values = values.clamp(min=0.0)
    weights = torch.cat([head.weight, head.bias[:, None]], 1).detach().double().flatten()

    def evidence(precision: float) -> float:
        log_ratio = torch.log1p(values / precision).sum()
        return -loss - 0.5 * float(precision * weights.square().sum() + log_ratio)

    if not prior_precision:
        prior_precision = max((10.0 ** (power / 10) for power in range(-40, 61)), key=evidence)
    covariance = (vectors / (values + prior_precision)) @ vectors.T
    shape = (head.out_features, head.in_features + 1) * 2
    return Laplace(covariance.view(shape), prior_precision, evidence(prior_precision), num_points)


def gauss_newton(features: Tensor, logits: Tensor) -> Tensor:
    """Curvature of a batch's summed loss in the weights of a dense layer, [C (D + 1), C (D + 1)].

    Args:
        features: [B, D + 1], the constant included.
        logits: [B, C], or [B, 1] for two classes.
    """
    if logits.shape[1] == 1:
        probs = logits.sigmoid()
        output = (probs * (1 - probs))[:, :, None]
    else:
        probs = class_probs(logits)
        output = torch.diag_embed(probs) - probs[:, :, None] * probs[:, None, :]
    size = logits.shape[1] * features.shape[1]
    products = torch.einsum("bcd,bi->dcbi", output, features)  # one matrix product a pair of classes
    return (products.transpose(-1, -2) @ features).permute(1, 2, 0, 3).reshape(size, size)


def _curvature(features: Tensor, logits: Tensor) -> Tensor:
    """`gauss_newton` of a batch, some rows at a time where it is too large for all of them."""
    extended, wide = _with_constant(features).double(), logits.double()
    most = max(1, BLOCK // (logits.shape[1] ** 2 * extended.shape[1]))
    parts = zip(torch.split(extended, most), torch.split(wide, most), strict=True)
    first, *others = (gauss_newton(*part) for part in parts)
    return first if not others else torch.stack([first, *others]).sum(0)


def _features(model: nn.Module, inputs: Tensor) -> Tensor:
    """What enters the last dense layer, from one pass in evaluation mode that shows that it gives the model's logits."""
    features = head_inputs(model, last_layer(model), inputs, sample=False)
    if features is None:
        raise ValueError(f"laplace: {type(model).__name__} does more with the output of its last dense layer than return it")
    return features


def last_layer(model: nn.Module) -> nn.Linear:
    """The dense layer with bias at the end of the model's head.

    Raises:
        ValueError: there is none.
    """
    head = getattr(model, "head", None)
    *others, layer = head if isinstance(head, nn.Sequential) and len(head) else [head]
    plain = all(isinstance(other, _DropoutNd | nn.Identity) for other in others)
    if not isinstance(layer, nn.Linear) or layer.bias is None or not plain:
        raise ValueError(
            "laplace needs a model with features and a head that ends in a dense layer with bias, after dropout at most"
        )
    return layer


def _with_constant(features: Tensor) -> Tensor:
    return torch.cat([features, torch.ones_like(features[:, :1])], 1)
