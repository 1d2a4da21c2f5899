"""Samples of a variational posterior: each pass draws all weights anew."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from uncertlr.estimators.modes import sampling_modes
from uncertlr.estimators.outputs import logits_of
from uncertlr.estimators.prediction import Prediction
from uncertlr.metrics.probabilities import class_probs
from uncertlr.models import MeanField


@dataclass(frozen=True)
class Variational:
    """Average `num_samples` full passes of a `MeanField` model, everything in evaluation mode (Blundell et al. 2015).

    All weights are random, those of the trunk too, so there are no features that samples could share: the cost is that of
    as many forward passes. A sample serves the whole batch.

    Args:
        num_samples: weight samples to average.
    """

    num_samples: int = 8

    def __post_init__(self) -> None:
        """Refuse a number of samples that is none."""
        if self.num_samples < 1:
            raise ValueError(f"Variational: num_samples={self.num_samples} must be at least 1")

    def recordable(self, model: nn.Module) -> bool:
        """Whether the estimate of a training step can be part of a CUDA graph: always, being made of the step's logits."""
        return True

    def estimate(self, model: nn.Module, inputs: Tensor, *, generator: torch.Generator | None = None) -> Prediction:
        """Predict a batch of inputs.

        Args:
            model: a `MeanField`.
            inputs: what the module within takes.
            generator: stream for the weights, on their device; None for a fresh one with seed 0.

        Raises:
            ValueError: the model is no `MeanField`, or does not return logits [B, C].
        """
        if not isinstance(model, MeanField):
            raise ValueError(f"the variational estimator needs a MeanField model, got {type(model).__name__}; wrap it")
        generator = generator or torch.Generator(model.rhos[0].device).manual_seed(0)
        with sampling_modes(model, sample=False):
            return Prediction.from_samples(
                class_probs(logits_of(model.call(inputs, model.draw(generator))))[None] for _ in range(self.num_samples)
            )

    def estimate_from_features(
        self, model: nn.Module, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Prediction:
        """Refused: the features themselves are random.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "the variational estimator samples the whole network, so it cannot start from features; use estimate"
        )
