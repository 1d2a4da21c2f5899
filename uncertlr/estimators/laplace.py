"""A Gaussian over the last layer's weights, fitted in closed form after training (MacKay 1992; Daxberger et al. 2021)."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from uncertlr.estimators.gaussian import gaussian_prediction
from uncertlr.estimators.modes import sampling_modes
from uncertlr.estimators.prediction import Prediction
from uncertlr.metrics import cross_entropy
from uncertlr.metrics.probabilities import class_probs


@dataclass(frozen=True)
class Laplace:
    r"""The Laplace approximation over the last dense layer, with the full generalized Gauss-Newton matrix.

    With features :math:`\phi` (a constant 1 appended, for the bias), class probabilities :math:`p` and prior precision
    :math:`\lambda`, the weights' posterior covariance is

    .. math:: \Big(\sum_n (\mathrm{diag}(p_n) - p_n p_n^\top) \otimes \phi_n \phi_n^\top + \lambda I\Big)^{-1} .

    The logits of an input are then Gaussian: their mean is the network's output. Probabilities are averaged at a few fixed
    quasi-random points of that Gaussian. Make one with `fit_laplace`.

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
            ValueError: the model's last layer is not the one that was fitted.
        """
        with sampling_modes(model, sample=False):
            features = model.features(inputs)  # type: ignore[operator]
        return self.estimate_from_features(model, features)

    def estimate_from_features(
        self, model: nn.Module, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Prediction:
        """Predict from the trunk's output, [B, D]; `generator` is not used."""
        head = last_layer(model)
        if self.covariance.shape[:2] != (head.out_features, head.in_features + 1):
            raise ValueError(
                f"this Laplace approximation is of a layer with {self.covariance.shape[1] - 1} inputs and "
                f"{self.covariance.shape[0]} outputs, the model's last layer has {head.in_features} and {head.out_features}"
            )
        with torch.no_grad():
            return gaussian_prediction(head(features), self.logit_covariance(features), self.num_points)

    def logit_covariance(self, features: Tensor) -> Tensor:
        """Covariance of the logits, [B, C, C], for features [B, D]."""
        extended = _with_constant(features).to(self.covariance)
        return torch.einsum("bi,cidj,bj->bcd", extended, self.covariance, extended).to(features)


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
        ValueError: the model has no such head, there is no data, or the precision is negative.
    """
    if prior_precision < 0:
        raise ValueError(f"fit_laplace: prior_precision={prior_precision} must be positive, or 0 to choose it")
    head = last_layer(model)
    num_weights = head.out_features * (head.in_features + 1)
    curvature = torch.zeros(num_weights, num_weights, dtype=torch.float64, device=head.weight.device)
    loss = 0.0
    with sampling_modes(model, sample=False):
        for inputs, targets in batches:
            features = model.features(inputs)  # type: ignore[operator]
            logits = head(features)
            loss += float(cross_entropy(logits, targets)) * len(targets)
            curvature += gauss_newton(_with_constant(features).double(), logits.double())
    if not loss:
        raise ValueError("fit_laplace: there is no training data")
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


def last_layer(model: nn.Module) -> nn.Linear:
    """The dense layer with bias at the end of the model's head.

    Raises:
        ValueError: there is none.
    """
    head = getattr(model, "head", None)
    layer = head[-1] if isinstance(head, nn.Sequential) and len(head) else head
    if not isinstance(layer, nn.Linear) or layer.bias is None:
        raise ValueError("laplace needs a model with features and a head that ends in a dense layer with bias")
    return layer


def _with_constant(features: Tensor) -> Tensor:
    return torch.cat([features, torch.ones_like(features[:, :1])], 1)
