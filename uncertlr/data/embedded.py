"""Two small sets that need no network: real handwritten digits, and reviews whose true class probabilities are known."""

from copy import deepcopy
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from uncertlr.data.types import Source

LABEL_NOISE = 0.1
"""Share of `toy_reviews` whose label is flipped at random."""

_POSITIVE = [
    "great",
    "wonderful",
    "moving",
    "brilliant",
    "funny",
    "charming",
    "superb",
    "touching",
    "clever",
    "delightful",
    "honest",
    "gripping",
]
_NEGATIVE = [
    "dull",
    "awful",
    "boring",
    "clumsy",
    "tedious",
    "weak",
    "shallow",
    "silly",
    "lifeless",
    "annoying",
    "predictable",
    "hollow",
]
_NEUTRAL = [
    "the",
    "a",
    "this",
    "film",
    "movie",
    "story",
    "plot",
    "actor",
    "scene",
    "director",
    "camera",
    "music",
    "ending",
    "of",
    "and",
    "with",
    "was",
    "is",
    "in",
    "it",
    "long",
    "short",
    "first",
    "last",
    "time",
    "people",
    "city",
    "night",
    "day",
    "work",
    "cast",
    "screen",
    "script",
    "part",
    "role",
    "year",
]


def digits() -> Source:
    """1,797 handwritten digits of 8 x 8 pixels (Alpaydin & Kaynak 1998), as scikit-learn ships them; a fifth is test."""
    rows = np.loadtxt(_digits_file(), delimiter=",")
    images, labels = rows[:, :-1], rows[:, -1]
    images = (images.reshape(-1, 1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(labels))
    test, train = order[: len(order) // 5], order[len(order) // 5 :]
    return Source(
        "image",
        tuple(str(digit) for digit in range(10)),
        (images[train], labels[train].astype(np.int64)),
        (images[test], labels[test].astype(np.int64)),
    )


def _digits_file() -> Path:
    """Where scikit-learn keeps its digits; importing it to read them would take as long as importing torch."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"


def toy_reviews() -> Source:
    """3,000 generated reviews of 5 to 40 words, 1,000 of them test, with known P(label | words).

    A review's words are drawn with a mood of its own; the label is drawn from a logistic function of the difference of
    positive and negative words, and flipped with probability `LABEL_NOISE`. So no model can be certain, and
    ``true_probs`` says how certain it may be.
    """
    return deepcopy(_generated_reviews())


@cache
def _generated_reviews() -> Source:
    rng = np.random.default_rng(20_260_101)
    positive, negative, neutral = np.array(_POSITIVE), np.array(_NEGATIVE), np.array(_NEUTRAL)
    texts, probs = [], []

    def drawn(words: np.ndarray, count: int) -> np.ndarray:  # what Generator.choice does, without its checks
        return words[rng.integers(0, len(words), count)]

    for _ in range(3_000):
        length, mood = int(rng.integers(5, 41)), rng.normal(0.0, 1.0)
        opinion = rng.random(length) < 0.3
        good = rng.random(length) < 1.0 / (1.0 + np.exp(-mood))
        words = np.where(
            opinion,
            np.where(good, drawn(positive, length), drawn(negative, length)),
            drawn(neutral, length),
        )
        balance = float((opinion & good).sum()) - float((opinion & ~good).sum())
        clean = 1.0 / (1.0 + np.exp(-0.8 * balance))
        probs.append(LABEL_NOISE + (1.0 - 2.0 * LABEL_NOISE) * clean)
        texts.append(" ".join(words))
    favourable = np.array(probs)
    labels = (rng.random(len(favourable)) < favourable).astype(np.int64)
    true_probs = np.stack([1.0 - favourable, favourable], 1).astype(np.float32)
    return Source(
        "text",
        ("negative", "positive"),
        (texts[:2_000], labels[:2_000]),
        (texts[2_000:], labels[2_000:]),
        (true_probs[:2_000], true_probs[2_000:]),
    )
