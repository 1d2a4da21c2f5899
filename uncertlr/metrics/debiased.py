"""Calibration error without the bias of small bins (Kumar, Liang & Ma 2019)."""

import math
from typing import Literal

import torch
from torch import Tensor

from uncertlr.metrics.checks import check_probs_and_targets


def debiased_calibration_error(
    probs: Tensor, targets: Tensor, num_bins: int = 15, norm: Literal["l1", "l2"] = "l1"
) -> Tensor:
    r"""Calibration error of the top label with the sampling noise of the bins taken off; 0-dim, at least 0.

    Even a calibrated model's bins show gaps :math:`|\bar p_b - \bar y_b|`, because an accuracy over :math:`n_b` examples is
    noisy; the plain error adds them up. For ``l2``, each squared gap is reduced by the estimated variance of its accuracy,
    :math:`\bar y_b (1 - \bar y_b) / (n_b - 1)` (Definition 4.3); the root of the weighted sum is taken, of 0 if that is
    negative. For ``l1``, the mean excess of the gap when the accuracy is drawn anew from a Gaussian with that accuracy and
    its variance over :math:`n_b` is subtracted (their section on other norms, here in closed form: the mean of a folded
    Gaussian).

    Bins hold equally many examples, but equal confidences share a bin. A bin of one example is not corrected.

    Args:
        probs: [B, C].
        targets: [B], class indices.
        num_bins: number of bins; fewer are filled where there are fewer distinct confidences.
        norm: ``l1`` is comparable to the ECE, ``l2`` is the root mean square.

    Raises:
        ValueError: shapes or labels do not fit, there is no bin, or the norm is unknown.

    >>> probs = torch.tensor([[0.75, 0.25]] * 4, dtype=torch.float64)
    >>> debiased_calibration_error(probs, torch.tensor([0, 0, 0, 1]))
    tensor(0., dtype=torch.float64)
    """
    check_probs_and_targets(probs, targets)
    if num_bins < 1 or norm not in ("l1", "l2"):
        raise ValueError(f"expected num_bins >= 1 and norm 'l1' or 'l2', got {num_bins} and {norm!r}")
    top, predicted = probs.max(1)
    confidence, hits = top.double(), (predicted == targets).double()
    bins = equal_mass_bins(confidence, num_bins)
    counts = torch.bincount(bins, minlength=num_bins).double()
    accuracy = torch.bincount(bins, hits, num_bins) / counts.clamp(min=1)
    gaps = (torch.bincount(bins, confidence, num_bins) / counts.clamp(min=1) - accuracy).abs()
    return _debiased(counts, gaps, accuracy, norm)


def debiased_error_of_curve(
    counts: Tensor, confidence: Tensor, accuracy: Tensor, norm: Literal["l1", "l2"] = "l1"
) -> Tensor:
    """The same from a stored reliability curve, whose bins are of equal width; 0-dim, at least 0.

    Args:
        counts: [n], examples in each bin.
        confidence: [n], their mean top probability; anything in an empty bin.
        accuracy: [n], the share that is right; likewise.
        norm: ``l1`` or ``l2``.

    >>> curve = torch.tensor([0, 4]), torch.tensor([float("nan"), 0.75]), torch.tensor([float("nan"), 0.75])
    >>> debiased_error_of_curve(*curve)
    tensor(0., dtype=torch.float64)
    """
    full = counts > 0
    counts, confidence, accuracy = counts[full].double(), confidence[full].double(), accuracy[full].double()
    return _debiased(counts, (confidence - accuracy).abs(), accuracy, norm)


def _debiased(counts: Tensor, gaps: Tensor, accuracy: Tensor, norm: str) -> Tensor:
    noise = accuracy * (1 - accuracy)
    share = counts / counts.sum()
    if norm == "l2":
        squares = (gaps.square() - noise / (counts - 1).clamp(min=1)) * share
        return squares.sum().clamp(min=0.0).sqrt()
    excess = _folded_mean(gaps, (noise / counts.clamp(min=1)).sqrt()) - gaps
    return ((gaps - excess) * share).sum().clamp(min=0.0)


def equal_mass_bins(values: Tensor, num_bins: int) -> Tensor:
    """The bin of each value, [B], for bins of as nearly equal counts as ties allow.

    >>> equal_mass_bins(torch.tensor([0.1, 0.4, 0.2, 0.3]), 2)
    tensor([0, 1, 0, 1])
    """
    ordered = values.sort().values
    starts = torch.arange(1, num_bins, device=values.device) * len(values) // num_bins
    return torch.bucketize(values, ordered[starts], right=True)


def _folded_mean(mean: Tensor, deviation: Tensor) -> Tensor:
    """The expectation of the absolute value of a Gaussian."""
    ratio = mean / deviation.clamp(min=1e-300)
    density = deviation * math.sqrt(2 / math.pi) * torch.exp(-0.5 * ratio.square())
    return torch.where(deviation > 0, density + mean * torch.special.erf(ratio / math.sqrt(2)), mean)
