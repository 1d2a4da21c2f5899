"""Temperature scaling: one number, fitted on held-out examples, that mends a model's confidence (Guo et al. 2017)."""

import math

import torch
from torch import Tensor

from uncertlr.metrics.checks import ArrayLike, checked, checked_probs

LOWEST, HIGHEST = 0.01, 100.0
"""Bounds of a fitted temperature: data that a model separates perfectly has none."""

_SMALLEST = torch.finfo(torch.float32).tiny


def fit_temperature(probs: ArrayLike, targets: ArrayLike) -> float:
    """The temperature of lowest negative log-likelihood, between `LOWEST` and `HIGHEST`.

    The likelihood is concave in the inverse temperature, so bisection on its slope finds the one maximum. Where more
    confidence is always better, as for examples that are all classified correctly, it is `LOWEST`.

    Args:
        probs: [B, C], of held-out examples; their logarithms are the logits.
        targets: [B], class indices.

    Raises:
        ValueError: shapes or labels do not fit, or values are no probabilities.

    >>> fit_temperature(torch.tensor([[0.9, 0.1]] * 4), torch.tensor([0, 0, 0, 1])) > 1
    True
    """
    probs, targets = checked(probs, targets)
    logits = probs.double().clamp(min=_SMALLEST).log()
    chosen = logits.gather(1, targets[:, None])[:, 0].mean()

    def slope(temperature: float) -> float:
        scaled = (logits / temperature).softmax(1)
        return float((scaled * logits).sum(1).mean() - chosen)  # of the loss in the inverse temperature

    low, high = LOWEST, HIGHEST
    if slope(low) <= 0:
        return low
    while high / low > 1 + 1e-9:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return high


def scale_probs(probs: ArrayLike, temperature: float) -> Tensor:
    """Probabilities [..., C] at another temperature: above 1 less confident, below 1 more; the top class stays.

    Raises:
        ValueError: values are no probabilities, or the temperature is not positive and finite.

    >>> scale_probs(torch.tensor([0.9, 0.1]), 2.0)
    tensor([0.7500, 0.2500])
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f"expected a finite temperature above 0, got {temperature}")
    scaled: Tensor = (checked_probs(probs).clamp(min=_SMALLEST).log() / temperature).softmax(-1)
    return scaled
