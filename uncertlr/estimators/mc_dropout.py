"""Monte Carlo dropout: dropout stays on at prediction time, and several passes are averaged (Gal & Ghahramani 2016)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from uncertlr.estimators.modes import own_stream, sampling_modes, stochastic_layers
from uncertlr.estimators.prediction import Prediction
from uncertlr.metrics.probabilities import class_probs


@dataclass(frozen=True)
class MCDropout:
    """Average `num_samples` passes with dropout on; everything else, batch normalization too, is in evaluation mode.

    Where all random layers are in the model's `head`, the trunk is computed once. Where the head is a dropout and a dense
    layer, as in the report's networks, all samples are one matrix product.

    Args:
        num_samples: passes to average, T in the paper.
        shared_masks: draw one mask a sample for the whole batch instead of one for each example. Cheaper, but the errors
            of a batch's examples are then alike and its mean is noisier: for evaluation, not for a training signal.
            Only a head of dropout and dense layer can share masks; others draw for each example.
    """

    num_samples: int = 32
    shared_masks: bool = False

    def __post_init__(self) -> None:
        """Refuse a number of samples that is none."""
        if self.num_samples < 1:
            raise ValueError(f"MCDropout: num_samples={self.num_samples} must be at least 1")

    def estimate(self, model: nn.Module, inputs: Tensor, *, generator: torch.Generator | None = None) -> Prediction:
        """Predict a batch of inputs.

        Args:
            model: any module with dropout; with `features` and `head`, and no dropout in the trunk, it is fast.
            inputs: what the model takes.
            generator: stream for the masks, on the inputs' device; None for a fresh one with seed 0.

        Raises:
            ValueError: the model has no active dropout.
        """
        layers = stochastic_layers(model)
        if not layers:
            raise ValueError(
                "the model has no active dropout layer, so all Monte Carlo samples would be equal; "
                "give it dropout > 0 or use the deterministic estimator"
            )
        named = hasattr(model, "features") and isinstance(getattr(model, "head", None), nn.Module)
        if named and len(stochastic_layers(model.head)) == len(layers):  # type: ignore[arg-type]
            with sampling_modes(model, sample=False):
                features = model.features(inputs)  # type: ignore[operator]
            return self.estimate_from_features(model, features, generator=generator)
        with sampling_modes(model, sample=True), own_stream(inputs.device, generator):
            return Prediction.from_probs(torch.stack([class_probs(model(inputs)) for _ in range(self.num_samples)]))

    def estimate_from_features(
        self, model: nn.Module, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Prediction:
        """Predict from the trunk's output, [B, D]: a training step has it already.

        Raises:
            ValueError: a random layer is outside the head, or there is none.
        """
        head: nn.Module = model.head  # type: ignore[assignment]
        layers = stochastic_layers(head)
        if not layers or len(layers) != len(stochastic_layers(model)):
            raise ValueError("estimate_from_features needs dropout in model.head and nowhere else; use estimate(inputs)")
        features = features.detach()
        if fast := dropout_and_linear(head):
            dropout, linear = fast
            generator = generator or torch.Generator(features.device).manual_seed(0)
            rows = 1 if self.shared_masks else len(features)
            masks = draw_masks((self.num_samples, rows, features.shape[1]), dropout.p, generator)
            with torch.no_grad():
                return Prediction.from_probs(class_probs(masked_logits(features, masks, linear, dropout.p)))
        with sampling_modes(head, sample=True), own_stream(features.device, generator):
            repeated = features.expand(self.num_samples, *features.shape).flatten(0, 1)
            probs = class_probs(head(repeated))
        return Prediction.from_probs(probs.view(self.num_samples, len(features), -1))


def dropout_and_linear(head: nn.Module) -> tuple[nn.Dropout, nn.Linear] | None:
    """The two layers of a head that is exactly a dropout followed by a dense layer, else None."""
    if isinstance(head, nn.Sequential) and len(head) == 2:
        dropout, linear = head
        if type(dropout) is nn.Dropout and type(linear) is nn.Linear:
            return dropout, linear
    return None


def draw_masks(shape: tuple[int, ...], p: float, generator: torch.Generator) -> Tensor:
    """Masks of 16-bit integers, 1 where a unit is kept, else 0.

    Drawn from raw 16-bit integers, several times cheaper than one uniform number a unit; the probability is therefore
    rounded to a multiple of 2**-16. They are compared in place and stay integers: a CPU compares into and multiplies
    by Booleans several times slower.
    """
    count = 1
    for size in shape:
        count *= size
    words = torch.empty((count + 3) // 4, dtype=torch.int64, device=generator.device)
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int16)[:count].ge_(_cut(p) - 2**15).view(shape)


def masked_logits(features: Tensor, masks: Tensor, linear: nn.Linear, p: float) -> Tensor:
    """Logits [S, B, C] of a dense layer on dropped-out features.

    Args:
        features: [B, D].
        masks: [S, B, D], or [S, 1, D] for masks shared by the batch; 1 or True where a unit is kept.
        linear: D to C.
        p: probability that a unit is dropped; kept units are scaled by 1 / (1 - p).
    """
    scale = 1.0 / (1.0 - _cut(p) / 2**16)
    if masks.shape[1] == 1:
        # Dropping a feature is dropping a column of the weights: one product for all samples.
        weights = linear.weight * (masks * scale)
        logits = torch.einsum("bd,scd->sbc", features, weights)
    else:
        logits = (features * scale * masks) @ linear.weight.T
    return logits if linear.bias is None else logits + linear.bias


def _cut(p: float) -> int:
    return min(round(p * 2**16), 2**16 - 1)
