"""Calibration of the top label: the reliability curve, ECE, MCE, and bootstrap intervals over examples."""

from dataclasses import dataclass

import torch
from torch import Tensor

from uncertlr.metrics.checks import ArrayLike, checked
from uncertlr.metrics.resampling import bootstrap_counts


@dataclass(frozen=True)
class ReliabilityCurve:
    """Confidence against accuracy in n bins of equal width.

    Attributes:
        edges: [n + 1], from 0 to 1.
        counts: [n], examples in each bin.
        confidence: [n], their mean top probability; NaN in an empty bin.
        accuracy: [n], the share that is right; NaN in an empty bin.
    """

    edges: Tensor
    counts: Tensor
    confidence: Tensor
    accuracy: Tensor


def reliability_curve(probs: ArrayLike, targets: ArrayLike, num_bins: int = 15) -> ReliabilityCurve:
    """Bin the predictions by their top probability (Guo et al. 2017).

    Bins are closed on the right, (k/n, (k+1)/n], so a confidence of exactly 1 falls in the last.

    Args:
        probs: [B, C].
        targets: [B], class indices.
        num_bins: number of bins.

    Raises:
        ValueError: shapes or labels do not fit, values are no probabilities, or there is no bin.

    >>> probs = torch.tensor([[0.75, 0.25], [0.75, 0.25], [1.0, 0.0]], dtype=torch.float64)
    >>> curve = reliability_curve(probs, torch.tensor([0, 1, 0]), num_bins=4)
    >>> curve.counts
    tensor([0, 0, 2, 1])
    >>> curve.accuracy
    tensor([   nan,    nan, 0.5000, 1.0000], dtype=torch.float64)
    """
    probs, targets = checked(probs, targets)
    confidence, hits, bins = _binned(probs, targets, num_bins)
    counts = torch.bincount(bins, minlength=num_bins)
    return ReliabilityCurve(
        _edges(num_bins, probs.device),
        counts,
        torch.bincount(bins, confidence, num_bins) / counts,  # 0 / 0 is NaN
        torch.bincount(bins, hits, num_bins) / counts,
    )


def expected_calibration_error(curve: ReliabilityCurve) -> Tensor:
    """Mean gap of confidence and accuracy, 0 to 1, weighted by the bins' counts.

    Naeini et al. 2015; Guo et al. 2017, eq. 3. Of a calibrated model it is above 0 too: see `debiased_calibration_error`.

    Raises:
        TypeError: not a curve.

    >>> probs = torch.tensor([[0.75, 0.25], [0.75, 0.25], [1.0, 0.0]], dtype=torch.float64)
    >>> expected_calibration_error(reliability_curve(probs, torch.tensor([0, 1, 0])))
    tensor(0.1667, dtype=torch.float64)
    """
    return (_gaps(curve) * curve.counts).sum() / curve.counts.sum()


def maximum_calibration_error(curve: ReliabilityCurve, min_count: int = 1) -> Tensor:
    """Largest gap of confidence and accuracy, 0 to 1 (Naeini et al. 2015; Guo et al. 2017, eq. 5).

    NaN where no bin is large enough.

    Args:
        curve: of the predictions.
        min_count: a bin with fewer examples is left out.

    Raises:
        TypeError: not a curve.

    >>> probs = torch.tensor([[0.75, 0.25], [0.75, 0.25], [1.0, 0.0]], dtype=torch.float64)
    >>> maximum_calibration_error(reliability_curve(probs, torch.tensor([0, 1, 0])))
    tensor(0.2500, dtype=torch.float64)
    """
    gaps = _gaps(curve)[curve.counts >= min_count]
    return gaps.max() if len(gaps) else gaps.new_tensor(torch.nan)


def bootstrap_intervals(
    probs: ArrayLike,
    targets: ArrayLike,
    num_replicates: int = 200,
    level: float = 0.95,
    seed: int = 0,
    num_bins: int = 15,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of accuracy, loss, brier and ece under resampling of the examples (Efron 1979).

    A replicate weighs each example by how often it is drawn; every score is then a product of weights and a small matrix.
    The ECE of a sample is biased upward, and a resample's is so twice over. The interval of a clear miscalibration is sound;
    that of a well calibrated model lies above the truth, and may lie above the estimate: it is no test of calibration.

    Args:
        probs: [B, C].
        targets: [B], class indices.
        num_replicates: resamples.
        level: of the interval.
        seed: of the resampling.
        num_bins: bins of the ECE.

    Raises:
        ValueError: shapes or labels do not fit, values are no probabilities, there is no bin or replicate, or the level is
            not between 0 and 1.

    >>> always_right = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    >>> bootstrap_intervals(always_right, torch.tensor([0, 0]))["accuracy"]
    (1.0, 1.0)
    """
    if num_replicates < 1 or not 0 < level < 1:
        raise ValueError(f"expected num_replicates >= 1 and 0 < level < 1, got {num_replicates} and {level}")
    probs, targets = (each.cpu() for each in checked(probs, targets))
    hits, losses, squares, gaps = _scores_by_example(probs, targets, num_bins)
    loss, brier = losses.mean(), squares.mean()  # taken off, since the sums below are of single precision
    scores = torch.cat([torch.stack([hits, losses - loss, squares - brier]), gaps]).float()
    blocks = [scores @ counts.T for counts in bootstrap_counts(len(targets), num_replicates, seed)]
    means = torch.cat(blocks, 1).double() / len(targets)
    replicates = {"accuracy": means[0], "loss": loss + means[1], "brier": brier + means[2], "ece": means[3:].abs().sum(0)}
    tails = means.new_tensor([(1 - level) / 2, (1 + level) / 2])
    return {name: tuple(torch.quantile(values, tails).tolist()) for name, values in replicates.items()}


def _scores_by_example(probs: Tensor, targets: Tensor, num_bins: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What each example adds to accuracy, loss and brier, [B], and to the gap of each bin that has any, [bins, B]."""
    confidence, hits, bins = _binned(probs, targets, num_bins)
    gaps = confidence.new_zeros(num_bins, len(targets)).scatter_(0, bins[None], (confidence - hits)[None])
    label_probs = probs.double().gather(1, targets[:, None])[:, 0]
    losses = -label_probs.clamp(min=torch.finfo(torch.float32).tiny).log()
    squares = probs.double().square().sum(1) - 2 * label_probs + 1
    return hits, losses, squares, gaps[torch.bincount(bins, minlength=num_bins) > 0]


def _binned(probs: Tensor, targets: Tensor, num_bins: int) -> tuple[Tensor, Tensor, Tensor]:
    """Each example's top probability, whether that class is right (1.0 or 0.0), and its bin, [B]."""
    if num_bins < 1:
        raise ValueError(f"expected at least one bin, got num_bins = {num_bins}")
    confidence, predicted = probs.max(1)
    bins = torch.bucketize(confidence.double(), _edges(num_bins, probs.device)[1:-1])
    return confidence.double(), (predicted == targets).double(), bins


def _edges(num_bins: int, device: torch.device) -> Tensor:
    return torch.arange(num_bins + 1, dtype=torch.float64, device=device) / num_bins


def _gaps(curve: ReliabilityCurve) -> Tensor:
    if not isinstance(curve, ReliabilityCurve):
        raise TypeError(f"expected a ReliabilityCurve, got {type(curve).__name__}: use reliability_curve(probs, targets)")
    return torch.where(curve.counts > 0, (curve.confidence - curve.accuracy).abs(), 0.0)
