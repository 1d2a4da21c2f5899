"""One clear error for tensors that do not fit together."""

import torch
from torch import Tensor


def check_probs_and_targets(probs: Tensor, targets: Tensor) -> None:
    """Refuse anything but probs [B, C] and int64 targets [B] from 0 to C - 1, with B at least 1.

    Raises:
        ValueError: names the shapes, the type, or the label.
    """
    if probs.ndim != 2 or targets.ndim != 1 or len(probs) != len(targets) or len(targets) == 0:
        raise ValueError(
            f"expected probs [B, C] and targets [B] of the same length B > 0, got {list(probs.shape)} and "
            f"{list(targets.shape)}"
        )
    if targets.dtype != torch.int64:
        raise ValueError(f"expected targets of type torch.int64, got {targets.dtype}: use targets.long()")
    lowest, highest = int(targets.min()), int(targets.max())
    if lowest < 0 or highest >= probs.shape[1]:
        label = lowest if lowest < 0 else highest
        raise ValueError(f"expected labels from 0 to {probs.shape[1] - 1}, one for each column of probs, got {label}")


def check_members(probs: Tensor) -> None:
    """Refuse anything but probs [S, B, C] with S at least 1: without the sample axis an entropy would be of something else.

    Raises:
        ValueError: names the shape.
    """
    if probs.ndim != 3 or len(probs) == 0:
        raise ValueError(f"expected probs [S, B, C], S > 0 samples first, got {list(probs.shape)}")
