"""How good predicted class probabilities are; all in the field's usual definitions.

Probabilities [B, C] and targets [B] may be tensors or NumPy arrays; values that are none are refused (`ValueError`).
"""

import torch
from torch import Tensor

from uncertlr.metrics.calibration import (
    expected_calibration_error,
    maximum_calibration_error,
    reliability_curve,
)
from uncertlr.metrics.checks import ArrayLike, checked

TINY = torch.finfo(torch.float32).tiny
"""Smallest normal float32: keeps the log-likelihood of an impossible event finite (87.3 nats)."""


def accuracy(probs: ArrayLike, targets: ArrayLike) -> Tensor:
    """Share of examples whose most probable class is the label; probs [B, C], targets [B].

    >>> accuracy(torch.tensor([[0.9, 0.1], [0.8, 0.2]]), torch.tensor([0, 1]))
    tensor(0.5000)
    """
    probs, targets = checked(probs, targets)
    return (probs.argmax(-1) == targets).float().mean()


def negative_log_likelihood(probs: ArrayLike, targets: ArrayLike) -> Tensor:
    """Mean negative log-probability of the label, in nats; finite even where that probability is 0.

    >>> negative_log_likelihood(torch.tensor([[0.5, 0.5]]), torch.tensor([1]))
    tensor(0.6931)
    """
    probs, targets = checked(probs, targets)
    return -probs.gather(1, targets[:, None]).clamp(min=TINY).log().mean()


def brier(probs: ArrayLike, targets: ArrayLike) -> Tensor:
    """Mean squared distance of the probabilities from the one-hot label, summed over classes: 0 to 2 (Brier 1950).

    >>> brier(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    tensor(2.)
    """
    probs, targets = checked(probs, targets)
    return (probs - torch.nn.functional.one_hot(targets, probs.shape[1])).square().sum(1).mean()


def precision_recall_f1(probs: ArrayLike, targets: ArrayLike) -> tuple[Tensor, Tensor, Tensor]:
    """Precision, recall and F1: of class 1 where there are two classes, else the unweighted mean over the classes.

    A ratio with an empty denominator counts as 0, and so does a class that is absent (scikit-learn's ``zero_division=0``).

    Args:
        probs: [B, C].
        targets: [B], class indices.

    Raises:
        ValueError: shapes or labels do not fit, or values are no probabilities.

    >>> precision_recall_f1(torch.tensor([[0.1, 0.9], [0.2, 0.8]]), torch.tensor([1, 0]))
    (tensor(0.5000, dtype=torch.float64), tensor(1., dtype=torch.float64), tensor(0.6667, dtype=torch.float64))
    """
    probs, targets = checked(probs, targets)
    num_classes = probs.shape[1]
    predicted = probs.argmax(-1)
    hits, given, present = (
        torch.bincount(labels, minlength=num_classes).double()
        for labels in (targets[predicted == targets], predicted, targets)
    )
    precision = hits / given.clamp(min=1)
    recall = hits / present.clamp(min=1)
    f1 = 2 * hits / (given + present).clamp(min=1)
    if num_classes == 2:
        return precision[1], recall[1], f1[1]
    return precision.mean(), recall.mean(), f1.mean()


def scores(probs: ArrayLike, targets: ArrayLike, num_bins: int = 15) -> dict[str, float]:
    """All scores of a set of predictions as plain numbers: loss, accuracy, brier, ece, mce, precision, recall, f1.

    Args:
        probs: [B, C].
        targets: [B], class indices.
        num_bins: bins of the calibration errors.

    Raises:
        ValueError: shapes or labels do not fit, values are no probabilities, or there is no bin.

    >>> result = scores(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    >>> {name: round(value, 4) for name, value in result.items()}
    {'loss': 0.837, 'accuracy': 0.5, 'brier': 0.625, 'ece': 0.25, 'mce': 0.25, 'precision': 0.0, 'recall': 0.0, 'f1': 0.0}
    """
    probs, targets = checked(probs, targets)
    curve = reliability_curve(probs, targets, num_bins)
    precision, recall, f1 = precision_recall_f1(probs, targets)
    return {
        "loss": float(negative_log_likelihood(probs, targets)),
        "accuracy": float(accuracy(probs, targets)),
        "brier": float(brier(probs, targets)),
        "ece": float(expected_calibration_error(curve)),
        "mce": float(maximum_calibration_error(curve)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
    }
