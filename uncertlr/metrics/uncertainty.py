"""Entropies of predictive distributions and their decomposition; in nats.

Over the members' class probabilities, [S, B, C], the entropy of the mean (total) is the mean entropy (aleatoric) plus the
mutual information of label and weights (epistemic): Houlsby et al. 2011; Depeweg et al. 2018. The members may be samples of
Monte Carlo dropout (Gal & Ghahramani 2016). Everything is computed in float32 at least.
"""

import math

import torch
from torch import Tensor

from uncertlr.metrics.checks import ArrayLike, checked_members, checked_probs


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


def categorical_entropy(probs: ArrayLike) -> Tensor:
    """Entropy of categorical distributions in nats, [..., C] to [...], with 0 log 0 = 0 (Shannon 1948).

    Raises:
        ValueError: values that are no probabilities.

    >>> categorical_entropy(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    tensor([0.6931, 0.0000])
    """
    return entropy_of(checked_probs(probs))


def entropy_of(probs: Tensor) -> Tensor:
    """The same without a look at the values, for probabilities just made from logits: nothing waits for the device.

    >>> entropy_of(torch.tensor([[0.5, 0.5]]))
    tensor([0.6931])
    """
    entropy: Tensor = torch.special.entr(probs).sum(-1)
    return entropy


def predictive_entropy(probs: ArrayLike) -> Tensor:
    """Entropy of the members' mean in nats, [S, B, C] to [B]: total uncertainty (Gal & Ghahramani 2016).

    Raises:
        ValueError: probs are not [S, B, C], or hold values that are no probabilities.

    Two members, each certain, of different labels:

    >>> predictive_entropy(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]))
    tensor([0.6931])
    """
    return entropy_of(checked_members(probs).mean(0))


def expected_entropy(probs: ArrayLike) -> Tensor:
    """Mean of the members' entropies in nats, [S, B, C] to [B]: aleatoric uncertainty (Depeweg et al. 2018).

    Raises:
        ValueError: probs are not [S, B, C], or hold values that are no probabilities.

    >>> expected_entropy(torch.tensor([[[1.0, 0.0]], [[0.5, 0.5]]]))
    tensor([0.3466])
    """
    return _expected(checked_members(probs))


def mutual_information(probs: ArrayLike) -> Tensor:
    """Of label and model in nats, [S, B, C] to [B]: epistemic uncertainty (Houlsby et al. 2011; Depeweg et al. 2018).

    The difference of predictive and expected entropy, clamped at 0 against rounding; exactly 0 for one member.

    Raises:
        ValueError: probs are not [S, B, C], or hold values that are no probabilities.

    >>> mutual_information(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]))
    tensor([0.6931])
    >>> mutual_information(torch.tensor([[[0.3, 0.7]]]))
    tensor([0.])
    """
    members = checked_members(probs)
    return (entropy_of(members.mean(0)) - _expected(members)).clamp(min=0.0)


def _expected(members: Tensor) -> Tensor:
    if len(members) == 1:  # the predictive entropy to the last bit, in whatever order the memory lies
        return entropy_of(members.mean(0))
    return entropy_of(members).mean(0)
