"""One clear error for predictions and labels that do not fit together."""

from torch import Tensor


def check_probs_and_targets(probs: Tensor, targets: Tensor) -> None:
    """Refuse anything but probs [B, C] and targets [B] with B at least 1.

    Raises:
        ValueError: names the shapes.
    """
    if probs.ndim != 2 or targets.ndim != 1 or len(probs) != len(targets) or len(targets) == 0:
        raise ValueError(
            f"expected probs [B, C] and targets [B] of the same length B > 0, got {list(probs.shape)} and "
            f"{list(targets.shape)}"
        )
