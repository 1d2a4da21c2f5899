"""`load_data`: a name in, train, validation and test on the device out."""

import difflib
import hashlib
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from uncertlr.data.cache import cached
from uncertlr.data.embedded import digits, toy_reviews
from uncertlr.data.packing import pack_texts, unpack_texts
from uncertlr.data.sources import HUB, Preview, folder_stamp, preview_source, read_source
from uncertlr.data.text import UNKNOWN_TOKEN, Corpus, build_tokenizer, choose_vocabulary, encode, split_words
from uncertlr.data.types import DataSet, OnProgress, Source, Split, ignore_progress
from uncertlr.errors import DataError
from uncertlr.seeding import generator

EMBEDDED = {"digits": digits, "toy_reviews": toy_reviews}

UNKNOWN_SHARE = 0.3
"""Share of a split's words that may be unknown without a warning; texts without spaces have nearly 1, IMDB 0.02."""


def load_data(
    name: str,
    *,
    kind: str = "auto",
    input_column: str = "",
    label_column: str = "",
    train_examples: int = 0,
    test_examples: int = 0,
    val_fraction: float = 0.1,
    vocab_size: int = 20_000,
    max_tokens: int = 400,
    seed: int = 0,
    device: str = "cpu",
    on_progress: OnProgress = ignore_progress,
) -> DataSet:
    """Load a data set and split its training part into train and validation.

    The split is a random permutation of the source's training set, fixed by the seed: its last share is validation, and of
    the rest the first `train_examples` are train. So validation does not depend on `train_examples`. Fewer test examples
    are drawn at random too, the same ones whatever the seed.

    Args:
        name: cifar10 or imdb (from the hub, or from the folder ``UNCERTLR_DATA``), digits or toy_reviews (embedded), or the
            path of a folder in the hub's Parquet layout.
        kind: ``"image"``, ``"text"``, or ``"auto"`` to read it off the columns.
        input_column: column of the inputs; empty where there is only one that can be meant.
        label_column: column of the labels, likewise.
        train_examples: size of train; 0 for all that is left.
        test_examples: size of test; 0 for all.
        val_fraction: share of the source's training set that is validation.
        vocab_size: token ids, for texts.
        max_tokens: words of a text that are kept.
        seed: of the split.
        device: where the tensors go.
        on_progress: called where reading takes long.

    Raises:
        DataError: no such set, no network, damaged files, unusable columns, or more examples asked for than there are.
    """
    _check_sizes(name, train_examples, test_examples, val_fraction, vocab_size, max_tokens)
    source = _source(name, kind, input_column, label_column, on_progress)
    chosen, held_out = _split(name, len(source.train[1]), train_examples, val_fraction, seed)
    tested = _tested(name, len(source.test[1]), test_examples)
    fingerprint = _fingerprint(source)
    vocabulary: tuple[str, ...] = ()
    if isinstance(source.train[0], list):
        corpus = _corpus(source, "" if name in EMBEDDED else fingerprint, on_progress)
        vocabulary = choose_vocabulary(corpus, chosen, vocab_size)
        parts = (chosen, held_out, len(source.train[1]) + tested)
        inputs = [encode(corpus, examples, vocabulary, max_tokens) for examples in parts]
        if name not in EMBEDDED:
            scored = {"validation": (held_out, inputs[1]), "test": (tested, inputs[2])}
            words = {split: tokens[corpus.lengths[rows] > 0] for split, (rows, tokens) in scored.items()}
            _report_unsuited_texts(name, corpus.lengths, words)
    else:
        inputs = _parts(source.train[0], np.asarray(source.test[0]), chosen, held_out, tested)
    targets = _parts(source.train[1], source.test[1], chosen, held_out, tested)
    known = _parts(*source.true_probs, chosen, held_out, tested) if source.true_probs else [None] * 3
    train, val, test = (
        Split(*(None if part is None else torch.from_numpy(part).to(device) for part in parts))  # type: ignore[arg-type]
        for parts in zip(inputs, targets, known, strict=True)
    )
    mean, std = _statistics(train.inputs) if source.kind == "image" else (torch.zeros(0), torch.ones(0))
    return DataSet(
        name,
        source.kind,
        source.class_names,
        train,
        val,
        test,
        fingerprint,
        mean.to(device),
        std.to(device),
        vocabulary,
        build_tokenizer(vocabulary).to_str() if vocabulary else "",
    )


def _parts(
    train: np.ndarray, test: np.ndarray, chosen: np.ndarray, held_out: np.ndarray, tested: np.ndarray
) -> list[np.ndarray]:
    """Of a source's train and test: what is for training, for validation and for test."""
    return [train[chosen], train[held_out], test if len(tested) == len(test) else test[tested]]


def _report_unsuited_texts(name: str, lengths: np.ndarray, scored: dict[str, np.ndarray]) -> None:
    """Warn of texts that the splitting into words does not suit.

    Args:
        name: of the set.
        lengths: words of all its texts.
        scored: token ids of the texts of validation and test that have words.
    """
    if empty := int((lengths == 0).sum()):
        warnings.warn(
            f"{name}: {empty} of {len(lengths)} texts are empty, and are read as one unknown word each",
            UserWarning,
            stacklevel=3,
        )
    shares = {split: _unknown_share(tokens) for split, tokens in scored.items()}
    if max(shares.values()) > UNKNOWN_SHARE:
        listed = " and ".join(f"{share:.0%} in {split}" for split, share in shares.items() if share > UNKNOWN_SHARE)
        warnings.warn(
            f"{name}: share of unknown words, in no training text or too rare: {listed}; put spaces "
            "between the words of a script without spaces, else take more training texts or a larger vocab_size",
            UserWarning,
            stacklevel=3,
        )


def _unknown_share(tokens: np.ndarray) -> float:
    words = np.count_nonzero(tokens)
    return float(np.count_nonzero(tokens == UNKNOWN_TOKEN) / words) if words else 0.0


def _check_sizes(
    name: str, train_examples: int, test_examples: int, val_fraction: float, vocab_size: int, max_tokens: int
) -> None:
    if train_examples < 0 or test_examples < 0:
        what, value = ("train", train_examples) if train_examples < 0 else ("test", test_examples)
        raise DataError(f"{name}: {what}_examples={value} is negative; use 0 for all")
    if not 0 < val_fraction < 1:
        raise DataError(f"{name}: val_fraction={val_fraction} must lie between 0 and 1")
    if vocab_size < 3:
        raise DataError(f"{name}: vocab_size={vocab_size} must be at least 3: padding, unknown, and a word")
    if max_tokens < 1:
        raise DataError(f"{name}: max_tokens={max_tokens} must be at least 1")


@lru_cache
def known_kind(name: str, kind: str = "auto") -> str:
    """What a data set holds as far as it is known before it is read: image, text, or `kind` where only its files say so.

    Raises:
        DataError: no data set has this name.
    """
    if name in EMBEDDED:
        return EMBEDDED[name]().kind
    if name in HUB:
        return HUB[name][1]
    path = Path(name)
    if path.is_file():
        raise DataError(f"{name} is a file; name the folder that holds it and the set's other files")
    if path.is_symlink() and not path.exists():
        raise DataError(f"{name} is a link to {path.readlink()}, which is not there; mend the link, or name another folder")
    if not name or not path.is_dir():
        raise DataError(_unknown(name))
    return kind


def check_data(
    name: str,
    *,
    kind: str = "auto",
    input_column: str = "",
    label_column: str = "",
    train_examples: int = 0,
    test_examples: int = 0,
    val_fraction: float = 0.1,
) -> Preview | None:
    """Find what `load_data` would refuse, as far as it can be known before the set is decoded.

    Args:
        name: and the rest: as for `load_data`.
        kind: what the inputs are.
        input_column: column of the inputs.
        label_column: column of the labels.
        train_examples: size of train.
        test_examples: size of test.
        val_fraction: share that is validation.

    Returns:
        What is known of the set; None where it has to be fetched first.

    Raises:
        DataError: as `load_data`.
    """
    seen = _preview(name, kind, input_column, label_column)
    if seen:
        _split(name, seen.train, train_examples, val_fraction, seed=0)
        _tested(name, seen.test, test_examples)
    return seen


@lru_cache
def _preview(name: str, kind: str, input_column: str, label_column: str) -> Preview | None:
    known_kind(name)
    if name not in EMBEDDED:
        return preview_source(name, kind, input_column, label_column)
    source = _source(name, kind, input_column, label_column)
    height = source.train[0].shape[2] if isinstance(source.train[0], np.ndarray) else None
    return Preview(source.kind, len(source.train[1]), len(source.test[1]), height)


def folder_fingerprint(name: str, kind: str = "auto", input_column: str = "", label_column: str = "") -> str:
    """The fingerprint of what a folder holds now; empty for a named set, or where no such folder is here.

    Args:
        name: and the rest: as for `load_data`.
        kind: what the inputs are.
        input_column: column of the inputs.
        label_column: column of the labels.

    Raises:
        DataError: the folder's files are damaged or unusable.
    """
    stamp = () if name in HUB or name in EMBEDDED else folder_stamp(Path(name))
    return _fingerprint_at(stamp, name, kind, input_column, label_column) if stamp else ""


@lru_cache
def _fingerprint_at(stamp: tuple[object, ...], name: str, kind: str, input_column: str, label_column: str) -> str:
    return _fingerprint(_source(name, kind, input_column, label_column))


def _source(name: str, kind: str, input_column: str, label_column: str, on_progress: OnProgress = ignore_progress) -> Source:
    known_kind(name)
    if name in EMBEDDED:
        source = EMBEDDED[name]()
        if input_column or label_column:
            raise DataError(f"{name} is embedded and has no columns; leave input_column and label_column empty")
    else:
        source = read_source(name, kind, input_column, label_column, on_progress)
    if kind not in ("auto", source.kind):
        raise DataError(f"{name} holds {source.kind}s, but data_kind={kind!r}; use data_kind='auto'")
    return source


def _corpus(source: Source, fingerprint: str, on_progress: OnProgress) -> Corpus:
    """The words of training and test texts; kept in the cache where there is a fingerprint to keep them under."""
    texts = (*source.train[0], *source.test[0])
    if not fingerprint:
        return _words_of_embedded(texts)

    def make() -> dict[str, np.ndarray]:
        on_progress("splitting texts into words", len(texts), 0)
        corpus = split_words(texts)
        return {"words": pack_texts(corpus.words), "ids": corpus.ids, "lengths": corpus.lengths}

    stored = cached(f"words-{fingerprint[:24]}", make)
    return Corpus(tuple(unpack_texts(stored["words"])), stored["ids"], stored["lengths"])


@lru_cache(maxsize=1)
def _words_of_embedded(texts: tuple[str, ...]) -> Corpus:
    return split_words(texts)


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


def _tested(name: str, count: int, test_examples: int) -> np.ndarray:
    """Which of a source's test examples are evaluated, in their order."""
    if test_examples > count:
        raise DataError(f"{name}: test_examples={test_examples}, but there are {count} test examples; ask for fewer")
    if not test_examples:
        return np.arange(count)
    return np.sort(torch.randperm(count, generator=generator(0, 0, "test examples")).numpy()[:test_examples])


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
    known, asked = [*HUB, *EMBEDDED], Path(name).name
    near = difflib.get_close_matches(asked, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    where = f"there is no folder {name!r}; " if asked != name else ""
    choices = f"choose {', '.join(known)}, or an existing folder in the hub's Parquet layout"
    return f"unknown data set {asked!r}; {hint}{where}{choices}"
