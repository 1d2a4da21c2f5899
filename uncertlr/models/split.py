"""What the library's own training loop asks of a network."""

from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class SplitClassifier(Protocol):
    """A network whose logits are ``head(features(inputs))``, with all its random layers in the head.

    Estimators do not take that on trust: one pass has to show it before they use a head by itself.
    """

    head: nn.Module
    """From features to logits [B, C], or [B, 1] for two classes."""

    def features(self, inputs: Tensor) -> Tensor:
        """The deterministic trunk: inputs to features [B, D]."""
        ...

    def __call__(self, inputs: Tensor) -> Tensor:
        """Logits, ``head(features(inputs))``."""
        ...
