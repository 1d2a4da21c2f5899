"""From logits to class probabilities: the one place that knows the single-logit binary head."""

import torch
import torch.nn.functional as F
from torch import Tensor


def class_log_probs(logits: Tensor) -> Tensor:
    """Log-probabilities [..., C] from logits [..., C]; one logit [..., 1] is class 1 of two and gives [..., 2].

    >>> class_log_probs(torch.tensor([[0.0]])).exp()
    tensor([[0.5000, 0.5000]])
    """
    if logits.shape[-1] == 1:
        return F.logsigmoid(torch.cat([-logits, logits], -1))
    return logits.log_softmax(-1)


def class_probs(logits: Tensor) -> Tensor:
    """Probabilities [..., C] from logits [..., C]; one logit [..., 1] is class 1 of two and gives [..., 2].

    >>> class_probs(torch.tensor([[0.0, 0.0]]))
    tensor([[0.5000, 0.5000]])
    """
    if logits.shape[-1] == 1:
        return torch.sigmoid(torch.cat([-logits, logits], -1))
    return logits.softmax(-1)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean negative log-likelihood in nats, differentiable, for a training step.

    Args:
        logits: [B, C], or [B, 1] for two classes.
        targets: [B], class indices.

    >>> cross_entropy(torch.tensor([[0.0], [0.0]]), torch.tensor([0, 1]))
    tensor(0.6931)
    """
    if logits.shape[-1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0], targets.to(logits.dtype))
    return F.cross_entropy(logits, targets)
