"""One pass in evaluation mode: the network's own softmax, no epistemic part."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from uncertlr.estimators.modes import sampling_modes
from uncertlr.estimators.outputs import logits_of
from uncertlr.estimators.prediction import Prediction


@dataclass(frozen=True)
class Deterministic:
    """Predict with dropout off. Mutual information is 0 by construction."""

    def recordable(self, model: nn.Module) -> bool:
        """Whether the estimate of a training step can be part of a CUDA graph: always."""
        return True

    def estimate(self, model: nn.Module, inputs: Tensor, *, generator: torch.Generator | None = None) -> Prediction:
        """One pass through the model; `generator` is not used.

        Raises:
            ValueError: the model does not return logits [B, C].
        """
        with sampling_modes(model, sample=False):
            return Prediction.from_logits(logits_of(model(inputs)).unsqueeze(0))

    def estimate_from_features(
        self, model: nn.Module, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Prediction:
        """One pass through the head; `generator` is not used."""
        with sampling_modes(model.head, sample=False):  # type: ignore[arg-type]
            return Prediction.from_logits(model.head(features).unsqueeze(0))  # type: ignore[operator]
