"""From logits to class probabilities: the one place that knows the single-logit binary head."""

import torch
import torch.nn.functional as F
from torch import Tensor

from uncertlr.metrics.checks import widened

NO_CLASS = -(2**62)
"""What torch is to ignore as a target: nothing that occurs, so that its usual -100 is refused like any index of no class."""


def class_log_probs(logits: Tensor) -> Tensor:
    """Log-probabilities [..., C] from logits [..., C]; one logit [..., 1] is class 1 of two and gives [..., 2].

    Computed, and returned, in float32 at least. Values are not looked at: that would wait for the device. NaN gives NaN.

    Raises:
        TypeError: no tensor.
        ValueError: no floating-point numbers.

    >>> class_log_probs(torch.tensor([[0.0]])).exp()
    tensor([[0.5000, 0.5000]])
    """
    logits = _checked_logits(logits)
    if logits.shape[-1] == 1:
        return F.logsigmoid(torch.cat([-logits, logits], -1))
    return logits.log_softmax(-1)


def class_probs(logits: Tensor) -> Tensor:
    """Probabilities [..., C] from logits [..., C]; one logit [..., 1] is class 1 of two and gives [..., 2].

    Computed, and returned, in float32 at least. Values are not looked at: that would wait for the device. NaN gives NaN.

    Raises:
        TypeError: no tensor.
        ValueError: no floating-point numbers.

    >>> class_probs(torch.tensor([[0.0, 0.0]]))
    tensor([[0.5000, 0.5000]])
    """
    logits = _checked_logits(logits)
    if logits.shape[-1] == 1:
        return torch.sigmoid(torch.cat([-logits, logits], -1))
    return logits.softmax(-1)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean negative log-likelihood in nats, differentiable, for a training step; in float32 at least.

    Args:
        logits: [B, C], or [B, 1] for two classes.
        targets: [B], integer class indices. For one logit on a GPU their range is not looked at: that would wait for the
            device.

    Raises:
        TypeError: no tensors.
        ValueError: logits that are no floating-point numbers, targets of another shape or type, or (one logit, on the CPU)
            neither 0 nor 1.
        IndexError: (more logits, on the CPU) a target is out of range.

    >>> cross_entropy(torch.tensor([[0.0], [0.0]]), torch.tensor([0, 1]))
    tensor(0.6931)
    """
    if not isinstance(targets, Tensor):
        raise TypeError(f"cross_entropy: expected targets as a tensor, got {type(targets).__name__}; use torch.as_tensor")
    logits = _checked_logits(logits)
    if logits.ndim != 2 or targets.shape != logits.shape[:1]:
        raise ValueError(
            f"cross_entropy: expected logits [B, C] and targets [B] of the same size B, got {list(logits.shape)} and "
            f"{list(targets.shape)}"
        )
    if targets.is_floating_point():
        raise ValueError(f"cross_entropy: expected integer class indices, got {targets.dtype}; use targets.long()")
    if logits.shape[-1] == 1:
        if targets.device.type == "cpu" and not torch.compiler.is_compiling() and len(targets):
            lowest, highest = (int(end) for end in targets.aminmax())
            if lowest < 0 or highest > 1:
                label = lowest if lowest < 0 else highest
                raise ValueError(f"cross_entropy: expected targets 0 or 1 for one logit, got {label}")
        return F.binary_cross_entropy_with_logits(logits[:, 0], targets.to(logits.dtype))
    return F.cross_entropy(logits, targets.long(), ignore_index=NO_CLASS)


def _checked_logits(logits: Tensor) -> Tensor:
    """Logits in float32 at least; their values are not looked at."""
    if not isinstance(logits, Tensor):
        raise TypeError(f"logits: expected a tensor, got {type(logits).__name__}; use torch.as_tensor")
    if not logits.is_floating_point():
        raise ValueError(f"logits: expected floating-point numbers, got {logits.dtype}; use logits.float()")
    return widened(logits)
