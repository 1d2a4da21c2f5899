"""Monte Carlo dropout: dropout stays on at prediction time, and several passes are averaged (Gal & Ghahramani 2016)."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from uncertlr.estimators.modes import (
    drew_nothing,
    own_stream,
    sampling_modes,
    stateful_layers,
    stochastic_layers,
    stream_states,
)
from uncertlr.estimators.outputs import head_inputs, logits_of
from uncertlr.estimators.prediction import BLOCK, Prediction
from uncertlr.metrics.probabilities import class_probs


@dataclass(frozen=True)
class MCDropout:
    """Average `num_samples` passes with dropout on; layers that keep running statistics are in evaluation mode.

    All other layers are in training mode while they are sampled, so that dropout is drawn wherever it is called: in layers
    of its own, in functions that look at the flag of the module around them, and in encoder layers with a fast path for
    evaluation. Other random layers, such as noise and stochastic depth, are sampled with it.

    Where one pass has shown that the model's `head` holds all that is random and gives the model's output, the trunk is
    computed once. Where the head is a dropout and a dense layer, as in the report's networks, all samples are one matrix
    product. Samples beyond 16 MB are added to running sums.

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

    def recordable(self, model: nn.Module) -> bool:
        """Whether the estimate of a training step can be part of a CUDA graph: with a head of dropout and dense layer."""
        head = getattr(model, "head", None)
        return head is not None and dropout_and_linear(head) is not None

    def estimate(self, model: nn.Module, inputs: Tensor, *, generator: torch.Generator | None = None) -> Prediction:
        """Predict a batch of inputs.

        Args:
            model: any module with dropout; with all of it in its `head` it is fast.
            inputs: what the model takes.
            generator: stream for the masks, on the inputs' device; None for a fresh one with seed 0.

        Raises:
            ValueError: the model has no active dropout layer, draws no random number in spite of one, or does not return
                logits [B, C].

        Warns:
            UserWarning: random numbers are drawn and yet all samples agree.
        """
        layers = stochastic_layers(model)
        if not layers:
            raise ValueError(
                "the model has no active dropout layer, so all Monte Carlo samples would be equal; give it a "
                "torch.nn.Dropout with p > 0 (dropout that is only called as a function cannot be seen), or use the "
                "deterministic estimator"
            )
        head = getattr(model, "head", None)
        if isinstance(head, nn.Module) and len(stochastic_layers(head)) == len(layers):
            features = head_inputs(model, head, inputs, sample=True)
            if features is not None and layers_agree(head, features):
                return self.estimate_from_features(model, features, generator=generator)
        fixed = stateful_layers(model, lambda: model(inputs))
        with sampling_modes(model, sample=True, fixed=fixed), own_stream(generator):
            samples = _Samples(layers)
            prediction = Prediction.from_samples(
                class_probs(samples.seen(logits_of(model(inputs)))) for _ in range(self.num_samples)
            )
            samples.check()
        return prediction

    def estimate_from_features(
        self, model: nn.Module, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Prediction:
        """Predict from the trunk's output, [B, D]: a training step has it already.

        Raises:
            ValueError: a random layer is outside the head, there is none, or the head draws no random number.

        Warns:
            UserWarning: random numbers are drawn and yet all samples agree.
        """
        head: nn.Module = model.head  # type: ignore[assignment]
        layers = stochastic_layers(head)
        if not layers or len(layers) != len(stochastic_layers(model)):
            raise ValueError("estimate_from_features needs dropout in model.head and nowhere else; use estimate(inputs)")
        features = features.detach()
        if fast := dropout_and_linear(head):
            return self._in_one_product(features, *fast, generator)
        fixed = stateful_layers(head, lambda: head(features))
        with sampling_modes(head, sample=True, fixed=fixed), own_stream(generator):
            samples = _Samples(layers)
            prediction = Prediction.from_samples(
                class_probs(samples.seen(head(features.expand(count, *features.shape).flatten(0, 1)), count))
                for count in self._blocks(features.numel())
            )
            samples.check()
        return prediction

    def _in_one_product(
        self, features: Tensor, dropout: nn.Dropout, linear: nn.Linear, generator: torch.Generator | None
    ) -> Prediction:
        generator = generator or torch.Generator(features.device).manual_seed(0)
        rows = 1 if self.shared_masks else len(features)
        inputs, outputs = features.shape[1], linear.out_features
        # Shared masks need the weights of each sample, others the features.
        size = max(outputs * inputs if self.shared_masks else rows * inputs, len(features) * outputs)
        with torch.no_grad():
            return Prediction.from_samples(
                class_probs(
                    masked_logits(features, draw_masks((count, rows, inputs), dropout.p, generator), linear, dropout.p)
                )
                for count in self._blocks(size)
            )

    def _blocks(self, size: int) -> Iterator[int]:
        """How many samples are computed at a time, where one sample needs `size` numbers; all at once if they fit."""
        most = max(1, BLOCK // max(1, size))
        for start in range(0, self.num_samples, most):
            yield min(most, self.num_samples - start)


@dataclass
class _Samples:
    """Watches that samples differ: random numbers are drawn, and logits change by more than rounding."""

    layers: list[nn.Module]
    start: list[Tensor] = field(default_factory=stream_states)
    first: Tensor | None = None
    spread: Tensor = field(default_factory=lambda: torch.zeros(()))
    count: int = 0

    def seen(self, logits: Tensor, count: int = 1) -> Tensor:
        """Note the logits of some samples, [count * B, C], and give them back as [count, B, C]."""
        samples = logits.view(count, len(logits) // count, *logits.shape[1:])
        self.count += count
        if self.first is None:
            self.first = samples[0]
        if samples.numel():
            self.spread = torch.maximum(self.spread.to(logits.device), (samples - self.first).abs().amax().float())
        return samples

    def check(self) -> None:
        """Refuse, or warn of, samples that all agree; logits that are no numbers are no agreement."""
        if self.first is None or self.first.numel() == 0:
            return
        rounding = torch.finfo(self.first.dtype).eps * float(self.first.abs().amax())
        if not float(self.spread) <= rounding:
            return
        names = ", ".join(sorted({type(layer).__name__ for layer in self.layers}))
        if drew_nothing(self.start):
            raise ValueError(
                f"the model has dropout ({len(self.layers)} x {names} with p > 0) but drew no random number, so all samples "
                "are equal: see that forward calls these layers in training mode, or use the deterministic estimator"
            )
        if self.count == 1:
            return
        warnings.warn(
            f"all samples agree although dropout ({len(self.layers)} x {names}) is on: it acts on zeros, or the logits do "
            "not depend on it; mutual information is 0",
            UserWarning,
            stacklevel=3,
        )


def layers_agree(head: nn.Module, features: Tensor) -> bool:
    """Whether the dense layer alone gives what the head gives without dropout; True for heads that are run as they are."""
    layers = dropout_and_linear(head)
    if not layers or not features.numel():
        return True
    if features.ndim != 2:
        return False
    _, linear = layers
    with sampling_modes(head, sample=False):
        whole, product = head(features), nn.functional.linear(features, linear.weight, linear.bias)
    tolerance = 8 * torch.finfo(whole.dtype).eps
    return torch.allclose(whole, product, tolerance, tolerance * float(whole.abs().amax()), equal_nan=True)


def dropout_and_linear(head: nn.Module) -> tuple[nn.Dropout, nn.Linear] | None:
    """The two layers of a head that is exactly a dropout followed by a dense layer, else None.

    A probability of 1, or one that 16 bits cannot distinguish from 0, is left to the layers themselves.
    """
    if isinstance(head, nn.Sequential) and len(head) == 2:
        dropout, linear = head
        if type(dropout) is nn.Dropout and type(linear) is nn.Linear and _sampled_in_16_bits(dropout.p):
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
        weights = linear.weight * (masks * scale).to(linear.weight.dtype)
        logits = torch.einsum("bd,scd->sbc", features, weights)
    else:
        logits = (features * scale * masks) @ linear.weight.T
    return logits if linear.bias is None else logits + linear.bias


def _cut(p: float) -> int:
    return min(round(p * 2**16), 2**16 - 1)


def _sampled_in_16_bits(p: float) -> bool:
    return p == 0 or (_cut(p) > 0 and p < 1)
