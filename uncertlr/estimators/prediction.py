"""What every estimator returns: the one place where uncertainty is decomposed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from uncertlr.metrics.checks import ArrayLike, checked_members
from uncertlr.metrics.probabilities import class_probs
from uncertlr.metrics.uncertainty import entropy_of

BLOCK = 2**22
"""Numbers that are held at a time, 16 MB of float32: samples beyond it are added to running sums."""


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
    def from_probs(cls, probs: ArrayLike) -> Self:
        """From the members' class probabilities, [S, B, C].

        Raises:
            ValueError: another shape, or values that are no probabilities.
        """
        return cls.from_samples([checked_members(probs)])

    @classmethod
    def from_logits(cls, logits: Tensor) -> Self:
        """From the members' logits, [S, B, C], or [S, B, 1] for two classes; nothing waits for the device."""
        return cls.from_samples([class_probs(logits)])

    @classmethod
    def from_samples(cls, blocks: Iterable[Tensor]) -> Self:
        """From blocks of members' class probabilities, [s, B, C] each, as `class_probs` gives them; they are not checked.

        Up to `BLOCK` numbers are kept and averaged at once. Of more, sums of probabilities and of entropies are kept, so
        that the memory does not grow with the number of members.

        Raises:
            ValueError: there is no member.
        """
        waiting: list[Tensor] = []
        sums: _Sums | None = None
        for probs in blocks:
            if waiting and sum(map(torch.Tensor.numel, waiting)) + probs.numel() > BLOCK:
                sums, waiting = _Sums.of(waiting).plus(sums), []
            waiting.append(probs)
        if sums is not None:
            return cls._from_sums(_Sums.of(waiting).plus(sums))
        if not waiting or sum(map(len, waiting)) == 0:
            raise ValueError("expected at least one sample [s, B, C], got none")
        members = waiting[0] if len(waiting) == 1 else torch.cat(waiting)
        mean_probs = members.mean(0)
        predictive = entropy_of(mean_probs)
        # One member disagrees with nobody, whatever rounding says.
        expected = entropy_of(members).mean(0) if len(members) > 1 else predictive
        return cls(mean_probs, predictive, expected, (predictive - expected).clamp(min=0.0), len(members))

    @classmethod
    def _from_sums(cls, sums: "_Sums") -> Self:
        mean_probs, expected = sums.probs / sums.count, sums.entropies / sums.count
        predictive = entropy_of(mean_probs)
        return cls(mean_probs, predictive, expected, (predictive - expected).clamp(min=0.0), sums.count)

    @classmethod
    def join(cls, parts: "Sequence[Prediction]", order: Tensor | None = None) -> Self:
        """One prediction from those of several batches: examples in the given order of the joined ones, or as they come."""

        def joined(name: str) -> Tensor:
            values = torch.cat([getattr(part, name) for part in parts])
            return values if order is None else values[order]

        return cls(
            joined("mean_probs"),
            joined("predictive_entropy"),
            joined("expected_entropy"),
            joined("mutual_information"),
            parts[0].num_samples,
        )


@dataclass(frozen=True)
class _Sums:
    """Sums over members: of their probabilities [B, C] and of their entropies [B]."""

    probs: Tensor
    entropies: Tensor
    count: int

    @classmethod
    def of(cls, blocks: list[Tensor]) -> Self:
        return cls(
            torch.stack([block.sum(0) for block in blocks]).sum(0),
            torch.stack([entropy_of(block).sum(0) for block in blocks]).sum(0),
            sum(map(len, blocks)),
        )

    def plus(self, other: "_Sums | None") -> "_Sums":
        if other is None:
            return self
        return _Sums(self.probs + other.probs, self.entropies + other.entropies, self.count + other.count)


class Estimator(Protocol):
    """A way to get a `Prediction` from a model. It leaves the model and the global random streams as they were."""

    def estimate(self, model: nn.Module, inputs: Tensor, *, generator: torch.Generator | None = None) -> Prediction:
        """Predict a batch of inputs."""
        ...

    def estimate_from_features(
        self, model: nn.Module, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Prediction:
        """Predict from what the trunk has computed already, [B, D]; for models whose random layers are all in the head."""
        ...
