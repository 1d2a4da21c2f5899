"""Does uncertainty separate wrong predictions from right ones?"""

import torch
from torch import Tensor

from uncertlr.metrics.checks import ArrayLike, checked, checked_uncertainty


def error_auroc(uncertainty: ArrayLike, probs: ArrayLike, targets: ArrayLike) -> Tensor:
    """The chance that a wrong prediction is more uncertain than a right one, ties counted half; 0-dim.

    This is the area under the ROC curve of uncertainty as a detector of errors (Mann & Whitney 1947; Hendrycks & Gimpel
    2017): 0.5 for an uncertainty that carries no information, 1 where every error is more uncertain than every success.

    Args:
        uncertainty: [B], in any unit; infinities are ordered as any other value.
        probs: [B, C], whose top class is the prediction.
        targets: [B], class indices.

    Returns:
        NaN where all predictions are right, or all wrong.

    Raises:
        ValueError: shapes or labels do not fit, values are no probabilities, or an uncertainty is NaN.

    >>> probs = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]])
    >>> error_auroc(1 - probs.amax(1), probs, torch.tensor([0, 1, 0]))
    tensor(1., dtype=torch.float64)
    """
    probs, targets = checked(probs, targets)
    uncertainty = checked_uncertainty(uncertainty, targets)
    wrong = probs.argmax(1) != targets
    num_wrong = int(wrong.sum())
    pairs = num_wrong * (len(targets) - num_wrong)
    if pairs == 0:
        return torch.tensor(torch.nan, dtype=torch.float64, device=probs.device)
    ordered = uncertainty.sort().values
    # the mean rank of each group of equal values: half-way between its first and its last
    first, last = (torch.searchsorted(ordered, uncertainty, right=right) for right in (False, True))
    ranks = (first + last + 1).double() / 2
    area: Tensor = (ranks[wrong].sum() - num_wrong * (num_wrong + 1) / 2) / pairs
    return area
