"""Read a data set from the Hugging Face hub or from a folder in the hub's Parquet layout, and decode it once."""

import contextlib
import hashlib
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from uncertlr.data.cache import Arrays, cached
from uncertlr.data.packing import pack_texts, unpack_texts
from uncertlr.data.types import Inputs, Source
from uncertlr.errors import DataError

HUB: dict[str, tuple[str, str, str, str]] = {
    "cifar10": ("uoft-cs/cifar10", "image", "img", "label"),
    "imdb": ("stanfordnlp/imdb", "text", "text", "label"),
}
"""Name on the hub, kind, column of the inputs, column of the labels."""

TEST_SHARE = 0.2
"""Share of a set without a test split that is held out as test; which examples depends on nothing but their number."""


HUB_SECONDS = 10.0
"""How long the hub may take to answer at all."""


def read_source(name: str, kind: str, input_column: str, label_column: str) -> Source:
    """A named set of the hub, or a folder, decoded; from the cache when it was decoded before.

    With ``UNCERTLR_DATA`` set, named sets are read from that folder instead of the hub.

    Raises:
        DataError: the set is missing, unreachable, damaged or of an unusable form; says how to mend it.
    """
    if name in HUB:
        repository, kind, hub_input, hub_label = HUB[name]
        input_column, label_column = input_column or hub_input, label_column or hub_label
        local = os.environ.get("UNCERTLR_DATA")
        location = _existing(Path(local) / name, f"UNCERTLR_DATA={local} has no {name!r}") if local else repository
    else:
        location = _existing(Path(name), f"unknown data set or missing folder {name!r}")
    key = _file_hash(location) if isinstance(location, Path) else hashlib.sha256(location.encode()).hexdigest()
    columns = hashlib.sha256(f"{kind}/{input_column}/{label_column}".encode()).hexdigest()
    stem = name.rstrip("/").rpartition("/")[2]
    arrays = cached(f"{stem}-{key[:16]}-{columns[:8]}", lambda: _decode(location, name, kind, input_column, label_column))
    if name not in HUB and len(unread := arrays.get("unread", ())):
        warnings.warn(
            f"{name}: the files of split {', '.join(unread)} are not read: validation is cut from train, by the seed"
            + ("" if arrays["has_test"] else ", and a fifth of train is held out as test"),
            UserWarning,
            stacklevel=2,
        )
    return _from_arrays(arrays)


def folder_stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of every Parquet file of a folder; empty where there is none."""
    files = [(path, path.stat()) for path in sorted(folder.glob("**/*.parquet"))]
    return tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in files)


def _existing(folder: Path, problem: str) -> Path:
    if not any(folder.glob("**/*.parquet")):
        raise DataError(f"{problem}: expected Parquet files in {folder}, in the layout of the Hugging Face hub")
    return folder


def _file_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("**/*.parquet")):
        digest.update(str(path.relative_to(folder)).encode())
        try:
            digest.update(path.read_bytes())
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}); mend its permissions, or fetch it again") from error
    return digest.hexdigest()


def _decode(location: Path | str, name: str, kind: str, input_column: str, label_column: str) -> Arrays:
    splits = _load(location, name)
    train, test = _train_and_test(splits, name)
    input_column, label_column, kind = _columns(train, name, kind, input_column, label_column)
    names = getattr(train.features[label_column], "names", None)
    labels = [_labels(split, label_column, name) for split in (train, test)]
    class_names = names or [str(index) for index in range(int(max(part.max() for part in labels)) + 1)]
    if not names:
        _refuse_gaps(np.unique(np.concatenate(labels)), label_column, name)
    if max(part.max() for part in labels) >= len(class_names) or len(class_names) < 2:
        raise DataError(f"{name}: column {label_column!r} must hold the classes 0 to C - 1 of at least two classes")
    read = _images if kind == "image" else _texts
    inputs = [read(split, input_column, name) for split in (train, test)]
    if kind == "image" and inputs[0].shape[1:] != inputs[1].shape[1:]:
        raise DataError(f"{name}: training images are {inputs[0].shape[1:]}, test images {inputs[1].shape[1:]}")
    return {
        "kind": np.array(kind),
        "class_names": np.array(class_names),
        "unread": np.array(sorted(set(splits) - {"train", "test"}) if len(splits) > 1 else [], dtype=str),
        "has_test": np.array("test" in splits),
        **{f"{part}_inputs": values for part, values in zip(("train", "test"), inputs, strict=True)},
        **{f"{part}_labels": values for part, values in zip(("train", "test"), labels, strict=True)},
    }


def _load(location: Path | str, name: str) -> Any:
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # what goes wrong is told once, by the error below
    try:
        if isinstance(location, str):
            _reach_hub(location)
            return datasets.load_dataset(location)
        with tempfile.TemporaryDirectory() as scratch:  # the decoded form is cached, so Arrow copies are not kept
            return datasets.load_dataset(str(location), cache_dir=scratch, keep_in_memory=True)
    except Exception as error:  # the hub's client and Arrow raise many kinds
        if isinstance(location, str):
            raise DataError(
                f"{name} could not be fetched from the Hugging Face hub ({location}): {_first_line(error)}; connect to "
                f"the network, or set UNCERTLR_DATA to a folder that holds {name}/ in the hub's Parquet layout"
            ) from error
        raise DataError(
            f"{name} could not be read from {location}: {_first_line(error.__cause__ or error)}; a file is damaged or "
            "cut short: fetch it again"
        ) from error


def _reach_hub(repository: str) -> None:
    """Ask the hub once, since `datasets` asks for half a minute; what the hub answers is for `datasets` to judge."""
    import datasets
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    if datasets.config.HF_HUB_OFFLINE:  # then datasets looks in its own cache only, at once
        return
    with contextlib.suppress(HfHubHTTPError):
        HfApi(endpoint=datasets.config.HF_ENDPOINT).dataset_info(repository, timeout=HUB_SECONDS)


def _train_and_test(splits: Any, name: str) -> tuple[Any, Any]:
    if "train" not in splits and (len(splits) > 1 or set(splits) <= {"validation", "test"}):
        raise DataError(
            f"{name} has no split named 'train'; it has {', '.join(splits)}. Name the file to train on "
            "train-00000-of-00001.parquet; without a test file a fifth of it is held out"
        )
    if "test" in splits and "train" in splits:
        return splits["train"], splits["test"]
    (whole,) = (splits["train"],) if "train" in splits else splits.values()
    if len(whole) < 2:
        raise DataError(f"{name} has no test split, and with {len(whole)} examples none can be held out; add examples")
    held_out = whole.train_test_split(TEST_SHARE, seed=0)
    return held_out["train"], held_out["test"]


def _columns(split: Any, name: str, kind: str, input_column: str, label_column: str) -> tuple[str, str, str]:
    found = {column: type(feature).__name__ for column, feature in split.features.items()}
    for column in (input_column, label_column):
        if column and column not in found:
            raise DataError(f"{name} has no column {column!r}; it has {', '.join(found)}")
    kinds = {"Image": "image", "Value": "text"}
    texts = {column for column, feature in split.features.items() if getattr(feature, "dtype", "") == "string"}
    candidates = [
        column
        for column, feature in found.items()
        if column != label_column and ((feature == "Image" and kind != "text") or (column in texts and kind != "image"))
    ]
    input_column = input_column or _only(candidates, name, "input_column", found)
    labels = [column for column, feature in found.items() if feature == "ClassLabel"]
    label_column = label_column or _only(labels, name, "label_column", found)
    if found[input_column] == "Image":
        actual = "image"
    elif input_column in texts:
        actual = "text"
    else:
        raise DataError(
            f"{name}: column {input_column!r} holds {kinds.get(found[input_column], found[input_column])} "
            "values, neither images nor texts; name another input_column"
        )
    if kind not in ("auto", actual):
        raise DataError(f"{name}: column {input_column!r} holds {actual}s, but data_kind={kind!r}; use data_kind='auto'")
    return input_column, label_column, actual


def _only(candidates: list[str], name: str, parameter: str, found: dict[str, str]) -> str:
    if len(candidates) != 1:
        columns = ", ".join(f"{column} ({kind})" for column, kind in found.items())
        raise DataError(f"{name}: set {parameter}, which cannot be told from the columns: {columns}")
    return candidates[0]


def _refuse_gaps(found: np.ndarray, column: str, name: str) -> None:
    gaps = sorted(set(range(int(found[-1]) + 1)) - set(found.tolist()))
    if gaps:
        shown = ", ".join(map(str, gaps[:3])) + (", ..." if len(gaps) > 3 else "")
        raise DataError(
            f"{name}: the labels of column {column!r} run from {found[0]} to {found[-1]}, but class {shown} is in no row; "
            "number the classes from 0 without gaps, or declare them as a datasets.ClassLabel"
        )


def _labels(split: Any, column: str, name: str) -> np.ndarray:
    values = split[column][:] if len(split) else []
    try:
        labels = np.array(values, dtype=np.int64)
        if len(labels) and labels.min() >= 0 and (labels == np.array(values)).all():
            return labels
    except (TypeError, ValueError):
        pass
    named = any(isinstance(value, str) for value in values)
    mend = f"; turn names into indices first: dataset.class_encode_column({column!r})" if named else ""
    raise DataError(f"{name}: column {column!r} must hold a class index of 0 or more in every row{mend}")


def _images(split: Any, column: str, name: str) -> np.ndarray:
    pictures = split.select_columns([column])
    try:
        grey = pictures[0][column].mode in ("1", "L")
        images = [np.asarray(row[column].convert("L" if grey else "RGB"), dtype=np.uint8) for row in pictures]
    except Exception as error:  # Pillow raises many kinds for a damaged image, and a missing one is None
        raise DataError(
            f"{name}: column {column!r} has an image that is missing or cannot be decoded ({_first_line(error)}); "
            "remove it, or fetch the file again"
        ) from error
    shapes = {image.shape[:2] for image in images}
    if len(shapes) > 1 or any(height != width for height, width in shapes):
        sizes = ", ".join(f"{height} x {width}" for height, width in sorted(shapes)[:3])
        raise DataError(f"{name}: images must be square and all of one size, found {sizes}; resize them first")
    stacked = np.stack(images)
    return stacked[:, None] if grey else np.ascontiguousarray(stacked.transpose(0, 3, 1, 2))


def _texts(split: Any, column: str, name: str) -> np.ndarray:
    texts = split[column][:]
    if any(text is None for text in texts):
        raise DataError(f"{name}: column {column!r} has rows without a text; remove them")
    return pack_texts(texts)


def _from_arrays(arrays: Arrays) -> Source:
    kind = str(arrays["kind"])

    def part(which: str) -> tuple[Inputs, np.ndarray]:
        inputs = arrays[f"{which}_inputs"]
        return (inputs if kind == "image" else unpack_texts(inputs)), arrays[f"{which}_labels"]

    return Source(kind, tuple(arrays["class_names"].tolist()), part("train"), part("test"))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
