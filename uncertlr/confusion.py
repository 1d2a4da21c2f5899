"""Which classes a network takes for which, and how unsure it is where it does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

FEWEST = 5
"""Classes below which a rank correlation over them says nothing."""


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


def tabulate(predictions: pd.DataFrame, classes: Sequence[str]) -> Confusion:
    """Count a run's predictions and average their entropies.

    Args:
        predictions: a row an example, with ``label``, ``predicted`` (indices of classes) and ``predictive_entropy`` (nats).
        classes: names, by index.
    """
    counts, total = (np.zeros((len(classes), len(classes))) for _ in range(2))
    place = (predictions["label"].to_numpy(), predictions["predicted"].to_numpy())
    np.add.at(counts, place, 1)
    np.add.at(total, place, predictions["predictive_entropy"].to_numpy())
    mean = np.divide(total, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return Confusion(tuple(classes), counts.astype(int), mean / math.log(len(classes)))


def confusion_table(confusion: Confusion) -> pd.DataFrame:
    """A row a pair of classes that occurs: label, class that the network gives, examples, mean entropy over its maximum."""
    rows, columns = np.nonzero(confusion.counts)
    return pd.DataFrame(
        {
            "label": [confusion.classes[row] for row in rows],
            "predicted": [confusion.classes[column] for column in columns],
            "examples": confusion.counts[rows, columns],
            "entropy": confusion.entropy[rows, columns],
        }
    )


def confusion_words(confusion: Confusion) -> str:
    """The commonest error, how unsure the network is there, and whether it is unsure of the classes that it gets wrong."""
    names, counts, entropy = confusion.classes, confusion.counts, confusion.entropy
    wrong = counts * (1 - np.eye(len(names), dtype=int))
    if not wrong.any():
        return "The network gets every example right."
    label, given = np.unravel_index(wrong.argmax(), wrong.shape)
    text = (
        f"The commonest error: {names[label]} taken for {names[given]}, {counts[label, given]:,} of "
        f"{counts[label].sum():,} examples. There the entropy is {entropy[label, given]:.0%} of its maximum on average"
    )
    if counts[label, label]:
        text += f", and {entropy[label, label]:.0%} where {names[label]} is recognized"
    of_label = pd.DataFrame({"errors": wrong.sum(axis=1), "entropy": np.nansum(entropy * counts, axis=1)})
    of_label = of_label.div(counts.sum(axis=1), axis=0).dropna()
    rank = float(of_label.corr("spearman").iloc[0, 1])
    if math.isnan(rank) or len(of_label) < FEWEST:
        return f"{text}."
    together = (
        "go together" if rank > 0.6 else "run against each other" if rank < -0.6 else "have little to do with each other"
    )
    return (
        f"{text}. By class, the share of errors and the mean entropy {together} (rank correlation {rank:+.2f} over "
        f"{len(of_label)} classes)."
    )
