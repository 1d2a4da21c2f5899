"""The batch mean of a signal, from a pass's own logits, from a resampled head, or from several passes; all on the device.

Samples are summed up as they are drawn, and rows are taken in chunks, so that the memory does not grow with the number of
samples. Softmax and entropies are computed in float32 or wider.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from uncertlr.estimators.mc_dropout import draw_masks
from uncertlr.integrations.heads import Head
from uncertlr.metrics.uncertainty import categorical_entropy
from uncertlr.schedulers.signals import SIGNALS, signal_maximum

CHUNK_CPU, CHUNK_ACCELERATOR = 2**17, 2**22
"""Numbers in the largest temporary tensor: on a CPU so that it stays in the cache, elsewhere so that the device is busy."""


class SampleSums:
    """Running sums over samples of one chunk of rows, [R, C] each; gives what `SIGNALS` are computed from."""

    def __init__(self, signal: str) -> None:
        self._needs_mean = signal != "expected_entropy"
        self._probs: Tensor | None = None
        self._entropy: Tensor | None = None
        self._count = 0

    def add(self, logits: Tensor) -> None:
        """Add samples, [S, R, C]."""
        probs, entropy = _softmax_and_entropy(logits, self._needs_mean)
        self._count += len(logits)
        self._entropy = entropy.sum(0) if self._entropy is None else self._entropy + entropy.sum(0)
        if probs is not None:
            self._probs = probs.sum(0) if self._probs is None else self._probs + probs.sum(0)

    @property
    def mean_probs(self) -> Tensor:
        """Mean class probabilities, [R, C]."""
        assert self._probs is not None
        return self._probs / self._count

    @property
    def predictive_entropy(self) -> Tensor:
        """Entropy of the mean in nats, [R]."""
        return self.expected_entropy if self._count == 1 else categorical_entropy(self.mean_probs)

    @property
    def expected_entropy(self) -> Tensor:
        """Mean entropy in nats, [R]."""
        assert self._entropy is not None
        return self._entropy / self._count

    @property
    def mutual_information(self) -> Tensor:
        """The difference of the two, [R]; exactly 0 for one sample."""
        return (self.predictive_entropy - self.expected_entropy).clamp(min=0.0)


@dataclass(frozen=True)
class HeadMean:
    """What resampling a head gave.

    Attributes:
        mean: the signal's batch mean over its maximum, 0-dim.
        verified: 0-dim Boolean on the device: the recorded tensors are what dropout, dense layer and logits must be.
    """

    mean: Tensor
    verified: Tensor


def mean_of_samples(signal: str, samples: list[Tensor]) -> Tensor:
    """The batch mean of a signal over its maximum, 0-dim in [0, 1].

    Args:
        signal: a key of `SIGNALS`.
        samples: logits [N, C], one tensor per sample; a single one is enough for the expected entropy.
    """
    first = samples[0]
    total = torch.zeros((), device=first.device)
    for rows in _chunks(len(first), first.shape[1], first.device):
        sums = SampleSums(signal)
        for sample in samples:
            sums.add(sample[None, rows])
        total = total + SIGNALS[signal](sums).sum()
    return _share(signal, total, first)


def can_be_head_of(head: Head, logits: Tensor) -> bool:
    """Whether the dense layer gives as many numbers as there are logits [N, C], in whole rows."""
    fits = head.linear.out_features % logits.shape[1] == 0
    return fits and len(head.dropped) * head.linear.out_features == logits.numel() and head.dropped.device == logits.device


def mean_of_head(signal: str, head: Head, logits: Tensor, num_samples: int, generator: torch.Generator) -> HeadMean:
    """Draw masks for a recorded head and average over them; checks on the way that it is the head of these logits.

    Args:
        signal: a key of `SIGNALS`.
        head: of the pass.
        logits: of the pass, [N, C].
        num_samples: masks per example.
        generator: on the logits' device; gives the masks.
    """
    weight = head.linear.weight.detach().to(head.dtype)
    bias = None if head.linear.bias is None else head.linear.bias.detach().to(head.dtype)
    given = logits.reshape(len(head.dropped), -1)
    total = torch.zeros((), device=logits.device)
    verified = torch.ones((), dtype=torch.bool, device=logits.device)
    width = max(weight.shape)
    for rows in _chunks(len(given), width, logits.device):
        features, dropped = head.features[rows], head.dropped[rows]
        recomputed = F.linear(dropped.to(head.dtype), weight, bias)
        verified &= _is_masked(dropped, features, head.p) & _agree(recomputed, given[rows])
        sums = SampleSums(signal)
        scaled = features.to(head.dtype) / _kept_share(head.p)
        for count in _sample_counts(num_samples, len(scaled) * width, logits.device):
            masks = draw_masks((count, *scaled.shape), head.p, generator)
            sampled = F.linear(scaled * masks, weight, bias)
            sums.add(sampled.reshape(count, -1, logits.shape[1]))
        total = total + SIGNALS[signal](sums).sum()
    return HeadMean(_share(signal, total, logits), verified)


def _share(signal: str, total: Tensor, logits: Tensor) -> Tensor:
    maximum = signal_maximum(signal, max(2, logits.shape[1]))
    return (total / (len(logits) * maximum)).clamp(0.0, 1.0)


def _softmax_and_entropy(logits: Tensor, probabilities: bool) -> tuple[Tensor | None, Tensor]:
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if logits.shape[-1] == 1:  # one logit is that of class 1 of two
        logits = F.pad(logits, (1, 0))
    # 0 log 0 = 0 also for a logit of minus infinity.
    shifted = (logits - logits.amax(-1, keepdim=True)).clamp_(min=-1e3)
    exponentials = shifted.exp()
    normalizer = exponentials.sum(-1)
    entropy = normalizer.log() - shifted.mul_(exponentials).sum(-1) / normalizer
    return exponentials.div_(normalizer[..., None]) if probabilities else None, entropy


def _kept_share(p: float) -> float:
    """The probability with which `draw_masks` keeps a unit: 1 - p, to a multiple of 2**-16."""
    return 1.0 - min(round(p * 2**16), 2**16 - 1) / 2**16


def _is_masked(dropped: Tensor, features: Tensor, p: float) -> Tensor:
    scaled = features / (1.0 - p)
    rounding = 4 * torch.finfo(features.dtype).eps
    return (((dropped - scaled).abs() <= rounding * scaled.abs()) | (dropped == 0)).all()


def _agree(recomputed: Tensor, logits: Tensor) -> Tensor:
    rounding = max(1e-5, *(2 * torch.finfo(each.dtype).eps for each in (recomputed, logits)))
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    largest = logits.abs().amax()
    # Infinite logits, such as those of masked classes, would allow any difference.
    return ((recomputed - logits).abs().amax() <= rounding * largest) & largest.isfinite()


def _budget(device: torch.device) -> int:
    return CHUNK_CPU if device.type == "cpu" else CHUNK_ACCELERATOR


def _chunks(rows: int, width: int, device: torch.device) -> Iterator[slice]:
    size = max(1, _budget(device) // width)
    return (slice(start, start + size) for start in range(0, rows, size))


def _sample_counts(num_samples: int, size: int, device: torch.device) -> Iterator[int]:
    most = max(1, _budget(device) // size)
    return (min(most, num_samples - start) for start in range(0, num_samples, most))
