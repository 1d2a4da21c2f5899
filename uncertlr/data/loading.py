"""`load_data`: a name in, train, validation and test on the device out."""

import difflib
import hashlib
from pathlib import Path

import numpy as np
import torch

from uncertlr.data.embedded import digits, toy_reviews
from uncertlr.data.sources import HUB, read_source
from uncertlr.data.text import build_tokenizer, encode, vocabulary_of
from uncertlr.data.types import DataSet, Inputs, Source, Split
from uncertlr.errors import DataError
from uncertlr.streams import generator

EMBEDDED = {"digits": digits, "toy_reviews": toy_reviews}


def load_data(
    name: str,
    *,
    kind: str = "auto",
    input_column: str = "",
    label_column: str = "",
    train_examples: int = 0,
    val_fraction: float = 0.1,
    vocab_size: int = 20_000,
    max_tokens: int = 400,
    seed: int = 0,
    device: str = "cpu",
) -> DataSet:
    """Load a data set and split its training part into train and validation.

    The split is a random permutation of the source's training set, fixed by the seed: its last share is validation, and of
    the rest the first `train_examples` are train. So validation does not depend on `train_examples`.

    Args:
        name: cifar10 or imdb (from the hub, or from the folder ``UNCERTLR_DATA``), digits or toy_reviews (embedded), or the
            path of a folder in the hub's Parquet layout.
        kind: ``"image"``, ``"text"``, or ``"auto"`` to read it off the columns.
        input_column: column of the inputs; empty where there is only one that can be meant.
        label_column: column of the labels, likewise.
        train_examples: size of train; 0 for all that is left.
        val_fraction: share of the source's training set that is validation.
        vocab_size: token ids, for texts.
        max_tokens: words of a text that are kept.
        seed: of the split.
        device: where the tensors go.

    Raises:
        DataError: no such set, no network, damaged files, unusable columns, or more examples asked for than there are.
    """
    if name in EMBEDDED:
        source = EMBEDDED[name]()
    elif name in HUB or Path(name).is_dir():
        source = read_source(name, kind, input_column, label_column)
    else:
        raise DataError(_unknown(name))
    labels = source.train[1]
    chosen, held_out = _split(name, len(labels), train_examples, val_fraction, seed)
    inputs = source.train[0]
    vocabulary: tuple[str, ...] = ()
    tokenizer_json = ""
    if source.kind == "text":
        tokenizer = build_tokenizer([inputs[index] for index in chosen], vocab_size)
        vocabulary, tokenizer_json = vocabulary_of(tokenizer), tokenizer.to_str()
        parts = [encode(tokenizer, list(texts), max_tokens) for texts in _parts(source, chosen, held_out)]
    else:
        parts = [np.asarray(images) for images in _parts(source, chosen, held_out)]
    targets = [labels[chosen], labels[held_out], source.test[1]]
    known: list[np.ndarray] | list[None] = [None] * 3
    if source.true_probs:
        known = [source.true_probs[0][chosen], source.true_probs[0][held_out], source.true_probs[1]]
    train, val, test = (
        Split(
            torch.from_numpy(part).to(device),
            torch.from_numpy(target).to(device),
            None if probs is None else torch.from_numpy(probs).to(device),
        )
        for part, target, probs in zip(parts, targets, known, strict=True)
    )
    mean, std = _statistics(train.inputs) if source.kind == "image" else (torch.zeros(0), torch.ones(0))
    return DataSet(
        name,
        source.kind,
        source.class_names,
        train,
        val,
        test,
        _fingerprint(source),
        mean.to(device),
        std.to(device),
        vocabulary,
        tokenizer_json,
    )


def _split(name: str, count: int, train_examples: int, val_fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = torch.randperm(count, generator=generator(seed, 0, "split")).numpy()
    validation = max(1, round(count * val_fraction))
    left = count - validation
    if train_examples > left or left < 2:
        raise DataError(
            f"{name}: train_examples={train_examples}, but only {left} of {count} training examples are left beside "
            f"{validation} for validation; ask for fewer, or lower val_fraction"
        )
    return order[: train_examples or left], order[left:]


def _parts(source: Source, chosen: np.ndarray, held_out: np.ndarray) -> list[Inputs]:
    inputs = source.train[0]
    if isinstance(inputs, list):
        return [[inputs[index] for index in chosen], [inputs[index] for index in held_out], source.test[0]]
    return [inputs[chosen], inputs[held_out], source.test[0]]


def _statistics(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel on the scale 0 to 1, from exact counts of the 256 values."""
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = torch.bincount(images[:, channel].flatten().cpu(), minlength=256).double()
        mean = (counts @ values) / counts.sum()
        means.append(mean)
        stds.append(((counts @ values.square()) / counts.sum() - mean**2).clamp(min=1e-12).sqrt())
    return torch.stack(means).float(), torch.stack(stds).float()


def _fingerprint(source: Source) -> str:
    digest = hashlib.sha256("/".join([source.kind, *source.class_names]).encode())
    for inputs, labels in (source.train, source.test):
        content = inputs.tobytes() if isinstance(inputs, np.ndarray) else "\0".join(inputs).encode("utf-8", "surrogatepass")
        digest.update(content)
        digest.update(labels.tobytes())
    return digest.hexdigest()


def _unknown(name: str) -> str:
    known = [*HUB, *EMBEDDED]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown data set {name!r}; {hint}choose {', '.join(known)}, or an existing folder in the hub's Parquet layout"
