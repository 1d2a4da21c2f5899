"""The prediction of Gaussian logits: class probabilities averaged at a few fixed points."""

from functools import lru_cache

import torch
from torch import Tensor

from uncertlr.estimators.prediction import Prediction
from uncertlr.metrics.probabilities import class_probs


def gaussian_prediction(mean: Tensor, covariance: Tensor, num_points: int) -> Prediction:
    """Average class probabilities over Gaussian logits at quasi-random points, the same for every input.

    Args:
        mean: [B, C] logits, or [B, 1] for two classes.
        covariance: [B, C, C], may be singular.
        num_points: points of the average.
    """
    points = normal_points(num_points, mean.shape[1]).to(mean)
    offsets = torch.einsum("sc,bdc->sbd", points, _square_root(covariance))
    return Prediction.from_probs(class_probs(mean + offsets))


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
