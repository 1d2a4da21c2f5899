"""A deep ensemble: networks trained from different seeds, averaged (Lakshminarayanan et al. 2017)."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from uncertlr.estimators.modes import sampling_modes
from uncertlr.estimators.outputs import logits_of
from uncertlr.estimators.prediction import Prediction
from uncertlr.metrics.probabilities import class_probs


@dataclass(frozen=True)
class Ensemble:
    """Average the members of an `nn.ModuleList`, each in evaluation mode, one pass each."""

    def estimate(self, model: nn.Module, inputs: Tensor, *, generator: torch.Generator | None = None) -> Prediction:
        """Predict a batch of inputs; `generator` is not used.

        Args:
            model: the members, an `nn.ModuleList` of one or more networks for the same inputs and classes.
            inputs: what each member takes.
            generator: not used.

        Raises:
            ValueError: the model is no list of members, or an empty one, or a member does not return logits [B, C].
        """
        with sampling_modes(model, sample=False):
            return Prediction.from_samples(class_probs(logits_of(member(inputs)))[None] for member in _members(model))

    def estimate_from_features(
        self, model: nn.Module, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Prediction:
        """Refused: each member has a trunk, and so features, of its own.

        Raises:
            ValueError: always.
        """
        raise ValueError("each member of an ensemble has features of its own; use estimate(members, inputs)")


def _members(model: nn.Module) -> Iterable[nn.Module]:
    if not isinstance(model, nn.ModuleList) or len(model) == 0:
        raise ValueError(f"the ensemble estimator needs an nn.ModuleList of trained networks, got {type(model).__name__}")
    return model
