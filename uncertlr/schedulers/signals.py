"""Signals: which number of a prediction steers the rate, as a share of its own maximum.

A share means the same for two classes and for ten: 1.5 nats of entropy is 65 % of the maximum with ten classes and can
never be reached with two.
"""

import math
from collections.abc import Callable
from typing import Protocol

from torch import Tensor


class Uncertainty(Protocol):
    """What a signal is computed from: any object with these tensors over a batch, entropies in nats."""

    @property
    def mean_probs(self) -> Tensor:
        """Predictive class probabilities, [B, C]."""
        ...

    @property
    def predictive_entropy(self) -> Tensor:
        """Entropy of `mean_probs`, [B]."""
        ...

    @property
    def expected_entropy(self) -> Tensor:
        """Mean entropy of the members, [B]."""
        ...

    @property
    def mutual_information(self) -> Tensor:
        """Difference of the two entropies, [B]."""
        ...


SIGNALS: dict[str, Callable[[Uncertainty], Tensor]] = {
    "predictive_entropy": lambda prediction: prediction.predictive_entropy,
    "expected_entropy": lambda prediction: prediction.expected_entropy,
    "mutual_information": lambda prediction: prediction.mutual_information,
    "one_minus_max_prob": lambda prediction: 1.0 - prediction.mean_probs.amax(-1),
}


def signal_maximum(name: str, num_classes: int) -> float:
    """The largest value a signal can take: log C nats for the entropies, 1 - 1/C for one minus the top probability."""
    return 1.0 - 1.0 / num_classes if name == "one_minus_max_prob" else math.log(num_classes)


def read_signal(name: str, prediction: Uncertainty) -> Tensor:
    """The batch mean of a signal over its maximum: a 0-dim tensor in [0, 1] on the prediction's device.

    Args:
        name: a key of `SIGNALS`.
        prediction: the uncertainty of one batch.

    Raises:
        ValueError: unknown name.
    """
    if name not in SIGNALS:
        raise ValueError(f"unknown signal {name!r}; choose one of {', '.join(SIGNALS)}")
    maximum = signal_maximum(name, prediction.mean_probs.shape[-1])
    return (SIGNALS[name](prediction).mean() / maximum).clamp(0.0, 1.0)
