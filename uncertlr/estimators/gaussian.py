"""The prediction of Gaussian logits: class probabilities averaged at a few fixed points."""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from uncertlr.estimators.prediction import BLOCK, Prediction
from uncertlr.metrics.checks import widened
from uncertlr.metrics.probabilities import class_probs


def gaussian_prediction(mean: Tensor, covariance: Tensor, num_points: int) -> Prediction:
    """Average class probabilities over Gaussian logits at quasi-random points, the same for every input.

    Args:
        mean: [B, C] logits, or [B, 1] for two classes; computed in float32 at least.
        covariance: [B, C, C], may be singular.
        num_points: points of the average.
    """
    mean = widened(mean)
    points = normal_points(num_points, mean.shape[1]).to(mean)
    root = _square_root(covariance.to(mean))
    offsets = torch.einsum("sc,bdc->sbd", points, root)
    return Prediction.from_samples([class_probs(mean + offsets)])


def in_rows(features: Tensor, numbers_per_row: int, predict: Callable[[Tensor], Prediction]) -> Prediction:
    """Predict a batch of features at once if that fits, else some rows at a time.

    Args:
        features: [B, D].
        numbers_per_row: that are held for one of them.
        predict: from some rows to their prediction.
    """
    most = max(1, BLOCK // max(1, numbers_per_row))
    if len(features) <= most:
        return predict(features)
    return Prediction.join([predict(rows) for rows in torch.split(features, most)])


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
    root, failed = torch.linalg.cholesky_ex(covariance + jitter[:, None, None] * eye)
    if not bool(failed.any()):
        return root  # type: ignore[no-any-return]
    # Rounding made some of them indefinite, or the features were no numbers.
    values, vectors = torch.linalg.eigh(covariance.double().nan_to_num())
    other = (vectors * values.clamp(min=0.0).sqrt()[:, None, :]).to(covariance)
    other = torch.where(covariance.isfinite().all(-1, keepdim=True), other, torch.nan)
    return torch.where((failed > 0)[:, None, None], other, root)
