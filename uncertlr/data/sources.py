"""Read a data set from the Hugging Face hub or from a folder in the hub's Parquet layout, and decode it once."""

import hashlib
import math
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from uncertlr.data.cache import Decoded, cached
from uncertlr.data.columns import Columns, choose_columns, declared_classes, refuse_other_columns
from uncertlr.data.fetch import fetch, load_files, refuse_empty, rows_of, schemas_of
from uncertlr.data.images import decode_all, stack
from uncertlr.data.labels import Labels, class_indices, refuse_no_label
from uncertlr.data.layout import Layout, find_layout, holds_parquet
from uncertlr.data.packing import pack_texts, unpack_texts
from uncertlr.data.types import Inputs, OnProgress, Source, ignore_progress
from uncertlr.errors import DataError

HUB: dict[str, tuple[str, str, str, str]] = {
    "cifar10": ("uoft-cs/cifar10", "image", "img", "label"),
    "imdb": ("stanfordnlp/imdb", "text", "text", "label"),
}
"""Name on the hub, kind, column of the inputs, column of the labels."""

TEST_SHARE = 0.2
"""Share of a set without a test split that is held out as test; which examples depends on nothing but their number."""

DECODING = 2
"""Part of the cache's key: raised whenever the same files would be decoded to something else."""


@dataclass(frozen=True)
class Request:
    """What is asked of a set.

    Attributes:
        name: as it was asked for.
        kind: ``"image"``, ``"text"`` or ``"auto"``.
        inputs: name of the column of inputs; empty to find it by the types.
        labels: name of the column of labels, likewise.
    """

    name: str
    kind: str
    inputs: str
    labels: str


@dataclass(frozen=True)
class Tables:
    """The two columns of a set, loaded.

    Attributes:
        columns: which they are.
        splits: the rows of ``"train"`` and, where there is one, of ``"test"``.
        files: of each split the name of each file, how it names the classes, and how many rows it has, in order.
    """

    columns: Columns
    splits: dict[str, Any]
    files: dict[str, list[tuple[str, tuple[str, ...] | None, int]]]


def read_source(
    name: str, kind: str, input_column: str, label_column: str, on_progress: OnProgress = ignore_progress
) -> Source:
    """A named set of the hub, or a folder, decoded; from the cache when it was decoded before.

    With ``UNCERTLR_DATA`` set, named sets are read from that folder instead of the hub.

    Raises:
        DataError: the set is missing, unreachable, damaged or of an unusable form; says how to mend it.
    """
    request, layout = _requested(name, kind, input_column, label_column)
    if layout:
        key = _key(request, layout.content_hash())
        arrays = cached(key, lambda: _decode(_load_folder(layout, request), request, on_progress))
    else:
        repository = HUB[name][0]
        key = _key(request, hashlib.sha256(repository.encode()).hexdigest())
        arrays = cached(key, lambda: _decode(_load_hub(repository, request), request, on_progress))
    notes = [*(layout.notes() if layout else []), *arrays["notes"].tolist()]
    for note in notes:
        warnings.warn(f"{name}: {note}", UserWarning, stacklevel=2)
    return _from_arrays(arrays)


@dataclass(frozen=True)
class Preview:
    """What is known of a set before it is decoded.

    Attributes:
        kind: ``"image"`` or ``"text"``.
        train: examples of the training set, those for validation included.
        test: examples of the test set.
        height: of the first image in pixels; None for texts.
    """

    kind: str
    train: int
    test: int
    height: int | None


def preview_source(name: str, kind: str, input_column: str, label_column: str) -> Preview | None:
    """What the footers of a set's files say; None for a set of the hub that is not in ``UNCERTLR_DATA``.

    Raises:
        DataError: files are missing or damaged, or columns cannot be used.
    """
    request, layout = _requested(name, kind, input_column, label_column)
    if layout is None:
        return None
    columns = _columns(schemas_of(layout), request, layout.class_names)
    train, test = (sum(map(rows_of, files)) for files in (layout.train, layout.test))
    if not layout.test:
        test = math.ceil(TEST_SHARE * train)
        train -= test
    return Preview(columns.kind, train, test, _first_height(layout.train[0], columns))


def _first_height(path: Path, columns: Columns) -> int | None:
    if columns.kind != "image":
        return None
    with path.open("rb") as file:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=1, columns=[columns.inputs]):
            rows = batch.column(0).to_pylist()
            return decode_all(rows, f"{path}: column {columns.inputs!r}")[0].shape[0] if rows else None
    return None


def _requested(name: str, kind: str, input_column: str, label_column: str) -> tuple[Request, Layout | None]:
    """What is asked for, with the columns of a named set; and where it lies, if it is not to be fetched from the hub."""
    if name not in HUB:
        return Request(name, kind, input_column, label_column), find_layout(Path(name))
    _, kind, hub_input, hub_label = HUB[name]
    return Request(name, kind, input_column or hub_input, label_column or hub_label), _local_copy(name)


def folder_stamp(folder: Path) -> tuple[tuple[str, ...], ...]:
    """Changes whenever what would be read of a folder does; empty where there is nothing to read."""
    return find_layout(folder).stamp() if holds_parquet(folder) else ()


def _local_copy(name: str) -> Layout | None:
    data = os.environ.get("UNCERTLR_DATA")
    if not data:
        return None
    folder = Path(data).expanduser() / name
    if not holds_parquet(folder):
        raise DataError(f"UNCERTLR_DATA={data} has no {name!r}: expected Parquet files in {folder}, in the hub's layout")
    return find_layout(folder)


def _key(request: Request, content: str) -> str:
    columns = hashlib.sha256(f"{DECODING}/{request.kind}/{request.inputs}/{request.labels}".encode()).hexdigest()
    stem = re.sub(r"[^A-Za-z0-9]+", "_", request.name.rstrip("/").rpartition("/")[2])[:40]
    return f"{stem}-{content[:16]}-{columns[:8]}"


def _load_folder(layout: Layout, request: Request) -> Tables:
    schemas = schemas_of(layout)
    first = next(iter(schemas.values()))
    columns = _columns(schemas, request, layout.class_names)
    splits, counts = load_files(layout, first, columns, request.name)
    names = [declared_classes(schema, columns.labels) for schema in schemas.values()]
    if not any(names):
        names = [layout.class_names.get(columns.labels)] * len(names)
    remaining = iter(zip(schemas, names, strict=True))
    files = {split: [(*next(remaining), rows) for rows in each] for split, each in counts.items()}
    return Tables(columns, splits, files)


def _columns(schemas: dict[str, pa.Schema], request: Request, named: dict[str, tuple[str, ...]]) -> Columns:
    """The columns to load, checked in all files before any row is read."""
    first = next(iter(schemas.values()))
    columns = choose_columns(first, request.name, request.kind, request.inputs, request.labels, named)
    refuse_other_columns(schemas, columns, request.name)
    refuse_no_label(first.field(columns.labels).type, columns.labels, request.name)
    return columns


def _load_hub(repository: str, request: Request) -> Tables:
    fetched = fetch(repository, request.name)
    if "train" not in fetched:
        raise DataError(f"{request.name} has no split named 'train'; it has {', '.join(fetched)}")
    splits = {split: fetched[split] for split in ("train", "test") if split in fetched}
    for split, rows in splits.items():
        refuse_empty(split, len(rows), request.name)
    schemas = {split: rows.features.arrow_schema for split, rows in splits.items()}
    columns = _columns(schemas, request, {})
    names = {split: declared_classes(schema, columns.labels) for split, schema in schemas.items()}
    return Tables(columns, splits, {split: [(split, names[split], len(rows))] for split, rows in splits.items()})


def _decode(tables: Tables, request: Request, on_progress: OnProgress) -> Decoded:
    columns, name = tables.columns, request.name
    class_names, labels = _labels_of_splits(tables, name)  # first, since images take long
    read = _images if columns.kind == "image" else _texts
    inputs: dict[str, list[Any]] = {
        split: read(rows, columns.inputs, f"{name}: column {columns.inputs!r} of {split}", on_progress)
        for split, rows in tables.splits.items()
    }
    if "test" not in inputs:
        inputs, labels = _hold_out_test(inputs["train"], labels["train"], name)
    notes = _notes_on_classes(class_names, labels, name)
    if columns.kind == "image":
        packed, grey = stack(list(inputs.values()), name)
        if grey:
            notes.append(f"{grey} images are grey and become three equal channels, since others have colours")
    else:
        packed = [pack_texts(texts) for texts in inputs.values()]
    return {
        "kind": np.array(columns.kind),
        "class_names": np.array(class_names),
        "notes": np.array(notes, dtype=str),
        **{f"{split}_inputs": values for split, values in zip(inputs, packed, strict=True)},
        **{f"{split}_labels": values for split, values in labels.items()},
    }


def _labels_of_splits(tables: Tables, name: str) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """The class names and the labels of each split, mapped file by file."""
    column = tables.columns.labels
    parts: dict[str, list[Labels]] = {}
    for split, files in tables.files.items():
        values, start = tables.splits[split][column][:], 0
        parts[split] = []
        for where, names, rows in files:
            if rows:
                parts[split].append(Labels(where, values[start : start + rows], names))
            start += rows
    class_names, indices = class_indices([part for each in parts.values() for part in each], column, name)
    remaining = iter(indices)
    return class_names, {split: np.concatenate([next(remaining) for _ in each]) for split, each in parts.items()}


def _hold_out_test(inputs: list[Any], labels: np.ndarray, name: str) -> tuple[dict[str, list[Any]], dict[str, np.ndarray]]:
    """A set without a test split as train and test."""
    import datasets

    if len(labels) < 2:
        raise DataError(f"{name} has no test split, and with {len(labels)} examples none can be held out; add examples")
    rows = datasets.Dataset.from_dict({"row": range(len(labels))}).train_test_split(TEST_SHARE, seed=0)
    places = {split: rows[split]["row"][:] for split in ("train", "test")}
    return (
        {split: [inputs[place] for place in chosen] for split, chosen in places.items()},
        {split: labels[chosen] for split, chosen in places.items()},
    )


def _notes_on_classes(class_names: tuple[str, ...], labels: dict[str, np.ndarray], name: str) -> list[str]:
    """What to say of classes that only the test split has."""
    learned, tested = (np.unique(labels[split]) for split in ("train", "test"))
    shown = ["; ".join(class_names[index] for index in each) for each in (learned, tested)]
    if not np.isin(tested, learned).any():
        raise DataError(f"{name}: train holds the classes {shown[0]}, and test {shown[1]}: none in common; name them alike")
    missing = [class_names[index] for index in np.setdiff1d(tested, learned)]
    if not missing:
        return []
    return [f"{'; '.join(missing[:5])} of the test split is in no training row, so no network can learn it"]


def _images(rows: Any, column: str, where: str, on_progress: OnProgress) -> list[np.ndarray]:
    import datasets

    rows = rows.select_columns([column])
    if isinstance(rows.features[column], datasets.Image):
        rows = rows.cast_column(column, datasets.Image(decode=False))
    return decode_all(_reported((row[column] for row in rows), len(rows), on_progress), where)


def _reported(values: Iterator[Any], total: int, on_progress: OnProgress) -> Iterator[Any]:
    for done, value in enumerate(values):
        if done % 500 == 0:
            on_progress("decoding", total, done)
        yield value


def _texts(rows: Any, column: str, where: str, on_progress: OnProgress) -> list[str]:
    on_progress("decoding", len(rows), 0)
    texts: list[Any] = rows[column][:]
    if None in texts:
        raise DataError(f"row {texts.index(None)} of {where} has no text; remove all such rows")
    return texts


def _from_arrays(arrays: Decoded) -> Source:
    kind = str(arrays["kind"])

    def part(which: str) -> tuple[Inputs, np.ndarray]:
        inputs = arrays[f"{which}_inputs"]
        return (inputs if kind == "image" else unpack_texts(inputs)), arrays[f"{which}_labels"]

    return Source(kind, tuple(arrays["class_names"].tolist()), part("train"), part("test"))
