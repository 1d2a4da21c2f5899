"""What every estimator returns: the one place where uncertainty is decomposed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from uncertlr.metrics.uncertainty import categorical_entropy


@dataclass(frozen=True)
class Prediction:
    """The prediction for a batch of B inputs over C classes, and how sure it is; entropies in nats.

    The decomposition is that of Depeweg et al. (2018): the entropy of the mean (total) is the mean entropy (aleatoric) plus
    the mutual information of label and weights (epistemic).

    Attributes:
        mean_probs: [B, C], the members' class probabilities, averaged.
        predictive_entropy: [B], entropy of `mean_probs`.
        expected_entropy: [B], mean of the members' entropies.
        mutual_information: [B], the difference, clamped at 0; exactly 0 for one member.
        num_samples: number of members.
    """

    mean_probs: Tensor
    predictive_entropy: Tensor
    expected_entropy: Tensor
    mutual_information: Tensor
    num_samples: int

    @classmethod
    def from_probs(cls, probs: Tensor) -> Self:
        """From the members' class probabilities, [S, B, C]."""
        mean_probs = probs.mean(0)
        predictive = categorical_entropy(mean_probs)
        # One member disagrees with nobody, whatever rounding says.
        expected = categorical_entropy(probs).mean(0) if len(probs) > 1 else predictive
        information = (predictive - expected).clamp(min=0.0)
        return cls(mean_probs, predictive, expected, information, len(probs))

    @classmethod
    def join(cls, parts: "Sequence[Prediction]", order: Tensor) -> Self:
        """One prediction from those of several batches: examples in the given order of the joined batches."""
        return cls(
            torch.cat([part.mean_probs for part in parts])[order],
            torch.cat([part.predictive_entropy for part in parts])[order],
            torch.cat([part.expected_entropy for part in parts])[order],
            torch.cat([part.mutual_information for part in parts])[order],
            parts[0].num_samples,
        )


class Estimator(Protocol):
    """A way to get a `Prediction` from a model. It leaves the model and the global random stream as they were."""

    def estimate(self, model: nn.Module, inputs: Tensor, *, generator: torch.Generator | None = None) -> Prediction:
        """Predict a batch of inputs."""
        ...

    def estimate_from_features(
        self, model: nn.Module, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Prediction:
        """Predict from what the trunk has computed already, [B, D]; for models whose random layers are all in the head."""
        ...
