"""Confusion matrices, with the predictive entropy of each of their cells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix, and the uncertainty of each of its cells.

    Attributes:
        classes: names of the C classes.
        counts: int [C, C], examples by label (rows) and by the class that the network gives (columns).
        entropy: [C, C], their mean predictive entropy as a share of its maximum log C; NaN where there are none.
    """

    classes: tuple[str, ...]
    counts: np.ndarray
    entropy: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """[C, C], the counts as shares of their label's examples; NaN for a label without any."""
        of_label = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(self.counts, of_label, out=np.full(self.counts.shape, np.nan), where=of_label > 0))

    @property
    def by_class(self) -> pd.DataFrame:
        """A row per label: ``examples``, ``error_rate``, and ``entropy``, the mean as a share of log C; NaN without any."""
        examples = self.counts.sum(axis=1)
        number = np.where(examples > 0, examples, np.nan)
        wrong = (examples - np.diag(self.counts)) / number
        entropy = (np.nan_to_num(self.entropy) * self.counts).sum(axis=1) / number
        return pd.DataFrame({"examples": examples, "error_rate": wrong, "entropy": entropy}, index=list(self.classes))


def tabulate(predictions: pd.DataFrame, classes: Sequence[str]) -> Confusion:
    """Count a run's predictions and average their entropies.

    Args:
        predictions: a row per example, with ``label``, ``predicted`` (indices of classes) and ``predictive_entropy`` (nats).
        classes: names, by index.
    """
    counts, total = (np.zeros((len(classes), len(classes))) for _ in range(2))
    place = (predictions["label"].to_numpy(), predictions["predicted"].to_numpy())
    np.add.at(counts, place, 1)
    np.add.at(total, place, predictions["predictive_entropy"].to_numpy())
    mean = np.divide(total, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return Confusion(tuple(classes), counts.astype(int), mean / math.log(len(classes)))
