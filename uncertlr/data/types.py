"""What a data set is, once it is in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from torch import Tensor

Inputs = np.ndarray | list[str]

OnProgress = Callable[[str, int, int], None]
"""Is called where reading a set takes long: with what is done, of how many, and how many are done."""


def ignore_progress(phase: str, total: int, done: int) -> None:
    """The default: nothing is reported."""


@dataclass(frozen=True)
class Split:
    """Examples and labels.

    Attributes:
        inputs: images as uint8 [N, C, H, W], or texts as int32 token ids [N, L], padded on the right with 0.
        targets: int64 [N], class indices.
        true_probs: [N, C] where the labels' true distribution is known, else None.
    """

    inputs: Tensor
    targets: Tensor
    true_probs: Tensor | None = None

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.targets)


@dataclass(frozen=True)
class DataSet:
    """Train, validation and test of one data set, on one device.

    Attributes:
        name: as it was asked for.
        kind: ``"image"`` or ``"text"``.
        class_names: one per class.
        train: what the network learns from.
        val: what every curve and every choice is made on.
        test: evaluated once, at the end.
        fingerprint: SHA-256 of the source's decoded content; the same from the hub and from a folder, for every seed.
        mean: [C], per-channel mean of the training images, on the scale 0 to 1.
        std: [C], per-channel standard deviation, likewise.
        vocabulary: the words by token id; empty for images.
        tokenizer: the tokenizer as JSON; empty for images.
    """

    name: str
    kind: str
    class_names: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    fingerprint: str
    mean: Tensor
    std: Tensor
    vocabulary: tuple[str, ...] = field(default=(), repr=False)
    tokenizer: str = field(default="", repr=False)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def vocab_size(self) -> int:
        """Number of token ids, the padding's and the unknown word's included; 0 for images."""
        return len(self.vocabulary)

    @cached_property
    def normalization(self) -> tuple[Tensor, Tensor]:
        """What a channel's bytes are multiplied by and what is added, [C] each: mean 0 and deviation 1 over training."""
        return 1.0 / (255.0 * self.std), -self.mean / self.std

    def decode(self, tokens: Tensor) -> str:
        """The words of one padded text [L], joined by spaces."""
        return " ".join(self.vocabulary[token] for token in tokens.tolist() if token)


@dataclass(frozen=True)
class Source:
    """A decoded data set before it is split: what is cached, and what the fingerprint is taken of.

    Attributes:
        kind: ``"image"`` or ``"text"``.
        class_names: one per class.
        train: inputs (uint8 [N, C, H, W], or a list of texts) and labels (int64 [N]).
        test: likewise.
        true_probs: of train and test, [N, C] each, where they are known.
    """

    kind: str
    class_names: tuple[str, ...]
    train: tuple[Inputs, np.ndarray]
    test: tuple[Inputs, np.ndarray]
    true_probs: tuple[np.ndarray, np.ndarray] | None = None
