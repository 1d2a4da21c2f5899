"""Calibration of the top label: the reliability curve, ECE, MCE, and bootstrap intervals over examples."""

from dataclasses import dataclass

import torch
from torch import Tensor

from uncertlr.metrics.checks import check_probs_and_targets


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


def reliability_curve(probs: Tensor, targets: Tensor, num_bins: int = 15) -> ReliabilityCurve:
    """Bin the predictions by their top probability (Guo et al. 2017).

    Bins are closed on the right, (k/n, (k+1)/n], so a confidence of exactly 1 falls in the last.

    Args:
        probs: [B, C].
        targets: [B], class indices.
        num_bins: number of bins.
    """
    confidence, hits, bins = _binned(probs, targets, num_bins)
    counts = torch.bincount(bins, minlength=num_bins)
    empty_is_nan = counts.double() / counts  # 0 / 0 is NaN, else 1
    return ReliabilityCurve(
        torch.linspace(0, 1, num_bins + 1, dtype=torch.float64),
        counts,
        torch.bincount(bins, confidence, num_bins) / counts * empty_is_nan,
        torch.bincount(bins, hits, num_bins) / counts * empty_is_nan,
    )


def expected_calibration_error(curve: ReliabilityCurve) -> Tensor:
    """Mean gap of confidence and accuracy, weighted by the bins' counts (Naeini et al. 2015)."""
    gaps = (curve.confidence - curve.accuracy).abs().nan_to_num(0.0)
    return (gaps * curve.counts).sum() / curve.counts.sum()


def maximum_calibration_error(curve: ReliabilityCurve, min_count: int = 1) -> Tensor:
    """Largest gap of confidence and accuracy over the bins with at least `min_count` examples (Naeini et al. 2015)."""
    gaps = (curve.confidence - curve.accuracy).abs().nan_to_num(0.0)
    return torch.where(curve.counts >= min_count, gaps, 0.0).max()


def bootstrap_intervals(
    probs: Tensor,
    targets: Tensor,
    num_replicates: int = 200,
    level: float = 0.95,
    seed: int = 0,
    num_bins: int = 15,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of accuracy, loss, brier and ece under resampling of the examples (Efron 1979).

    A replicate weighs each example by how often it is drawn; every score is then a product of weights and a small matrix.

    Args:
        probs: [B, C].
        targets: [B], class indices.
        num_replicates: resamples.
        level: of the interval.
        seed: of the resampling.
        num_bins: bins of the ECE.
    """
    confidence, hits, bins = _binned(probs, targets, num_bins)
    count = len(targets)
    in_bin = torch.nn.functional.one_hot(bins, num_bins).double()
    label_probs = probs.double().gather(1, targets[:, None])[:, 0]
    squares = probs.double().square().sum(1) - 2 * label_probs + 1
    columns = torch.cat(
        [
            torch.stack([hits, -label_probs.clamp(min=1.1754944e-38).log(), squares], 1),
            in_bin * (confidence - hits)[:, None],
        ],
        1,
    )
    generator = torch.Generator(probs.device).manual_seed(seed)
    rows = []
    for _ in range(num_replicates):
        drawn = torch.randint(count, (count,), generator=generator, device=probs.device)
        rows.append(torch.bincount(drawn, minlength=count).double() @ columns / count)
    sums = torch.stack(rows)
    replicates = {"accuracy": sums[:, 0], "loss": sums[:, 1], "brier": sums[:, 2], "ece": sums[:, 3:].abs().sum(1)}
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64, device=probs.device)
    return {name: tuple(torch.quantile(values, tails).tolist()) for name, values in replicates.items()}


def _binned(probs: Tensor, targets: Tensor, num_bins: int) -> tuple[Tensor, Tensor, Tensor]:
    check_probs_and_targets(probs, targets)
    confidence, predicted = probs.max(1)
    bins = (torch.ceil(confidence.double() * num_bins).long() - 1).clamp(0, num_bins - 1)
    return confidence.double(), (predicted == targets).double(), bins
