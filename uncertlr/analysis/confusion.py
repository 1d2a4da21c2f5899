"""Which classes a network takes for which, and how unsure it is where it does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

FEWEST = 8
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
    """A row a pair of classes that occurs: label, class that the network gives, examples, and both shares of `Confusion`."""
    rows, columns = np.nonzero(confusion.counts)
    return pd.DataFrame(
        {
            "label": [confusion.classes[row] for row in rows],
            "predicted": [confusion.classes[column] for column in columns],
            "examples": confusion.counts[rows, columns],
            "share": confusion.shares[rows, columns],
            "entropy_over_maximum": confusion.entropy[rows, columns],
        }
    )


def confusion_words(confusion: Confusion) -> str:
    """How unsure the network is where it is right and where it is wrong: on the whole, in the commonest error, by class."""
    names, counts, total = confusion.classes, confusion.counts, np.nan_to_num(confusion.entropy) * confusion.counts
    wrong = counts * (1 - np.eye(len(names), dtype=int))
    if not wrong.any():
        return "No example is taken for another class."
    label, given = np.unravel_index(wrong.argmax(), wrong.shape)
    text = f"Entropy, on average and as a share of its maximum: {total[wrong > 0].sum() / wrong.sum():.0%} of the errors"
    if np.trace(counts):
        text += f", {np.trace(total) / np.trace(counts):.0%} where the network is right"
    text += (
        f". The commonest error is {names[label]} taken for {names[given]}, {counts[label, given]:,} of "
        f"{counts[label].sum():,}: {confusion.entropy[label, given]:.0%}"
    )
    if counts[label, label]:
        text += f", and {confusion.entropy[label, label]:.0%} where {names[label]} is recognized"
    of_label = pd.DataFrame({"errors": wrong.sum(axis=1), "entropy": total.sum(axis=1)})
    of_label = of_label.div(counts.sum(axis=1), axis=0).dropna()
    rank = float(of_label.corr("spearman").iloc[0, 1])
    if math.isnan(rank) or len(of_label) < FEWEST:
        return f"{text}."
    together = "go together" if rank > 0.6 else "run against each other" if rank < -0.6 else "show no clear relation"
    return (
        f"{text}. By class, the share of errors and the mean entropy {together} (rank correlation {rank:+.2f} over "
        f"{len(of_label)} classes)."
    )
