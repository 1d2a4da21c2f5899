"""Entropies of predictive distributions and their decomposition; in nats.

Over the members' class probabilities, [S, B, C], the entropy of the mean (total) is the mean entropy (aleatoric) plus the
mutual information of label and weights (epistemic): Houlsby et al. 2011; Depeweg et al. 2018. The members may be samples of
Monte Carlo dropout (Gal & Ghahramani 2016).
"""

import math

import torch
from torch import Tensor

from uncertlr.metrics.checks import check_members


def max_entropy(num_classes: int) -> float:
    """The largest entropy over `num_classes` classes, log C nats.

    Raises:
        ValueError: there is no class.

    >>> round(max_entropy(10), 4)
    2.3026
    """
    if num_classes < 1:
        raise ValueError(f"expected at least one class, got {num_classes}")
    return math.log(num_classes)


def categorical_entropy(probs: Tensor) -> Tensor:
    """Entropy of categorical distributions in nats, [..., C] to [...], with 0 log 0 = 0 (Shannon 1948).

    >>> categorical_entropy(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    tensor([0.6931, 0.0000])
    """
    entropy: Tensor = torch.special.entr(probs).sum(-1)
    return entropy


def predictive_entropy(probs: Tensor) -> Tensor:
    """Entropy of the members' mean in nats, [S, B, C] to [B]: total uncertainty (Gal & Ghahramani 2016).

    Raises:
        ValueError: probs are not [S, B, C].

    Two members, each certain, of different labels:

    >>> predictive_entropy(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]))
    tensor([0.6931])
    """
    check_members(probs)
    return categorical_entropy(probs.mean(0))


def expected_entropy(probs: Tensor) -> Tensor:
    """Mean of the members' entropies in nats, [S, B, C] to [B]: aleatoric uncertainty (Depeweg et al. 2018).

    Raises:
        ValueError: probs are not [S, B, C].

    >>> expected_entropy(torch.tensor([[[1.0, 0.0]], [[0.5, 0.5]]]))
    tensor([0.3466])
    """
    check_members(probs)
    if len(probs) == 1:  # the same to the last bit, in whatever order the memory lies
        return predictive_entropy(probs)
    return categorical_entropy(probs).mean(0)


def mutual_information(probs: Tensor) -> Tensor:
    """Of label and model in nats, [S, B, C] to [B]: epistemic uncertainty (Houlsby et al. 2011; Depeweg et al. 2018).

    The difference of predictive and expected entropy, clamped at 0 against rounding; exactly 0 for one member.

    Raises:
        ValueError: probs are not [S, B, C].

    >>> mutual_information(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]))
    tensor([0.6931])
    >>> mutual_information(torch.tensor([[[0.3, 0.7]]]))
    tensor([0.])
    """
    return (predictive_entropy(probs) - expected_entropy(probs)).clamp(min=0.0)
