"""Entropies of predictive distributions and their decomposition; in nats."""

import math

import torch
from torch import Tensor


def max_entropy(num_classes: int) -> float:
    """The largest entropy over `num_classes` classes, log C nats."""
    return math.log(num_classes)


def categorical_entropy(probs: Tensor) -> Tensor:
    """Entropy of categorical distributions, [..., C] to [...], with 0 log 0 = 0.

    >>> categorical_entropy(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    tensor([0.6931, 0.0000])
    """
    entropy: Tensor = torch.special.entr(probs).sum(-1)
    return entropy


def predictive_entropy(probs: Tensor) -> Tensor:
    """Entropy of the members' mean, [S, B, C] to [B]: total uncertainty."""
    return categorical_entropy(probs.mean(0))


def expected_entropy(probs: Tensor) -> Tensor:
    """Mean of the members' entropies, [S, B, C] to [B]: aleatoric uncertainty."""
    return categorical_entropy(probs).mean(0)


def mutual_information(probs: Tensor) -> Tensor:
    """Of label and model, [S, B, C] to [B]: the difference of the two entropies, clamped at 0 (Houlsby et al. 2011)."""
    return (predictive_entropy(probs) - expected_entropy(probs)).clamp(min=0.0)
