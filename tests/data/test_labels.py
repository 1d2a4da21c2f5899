"""Labels mean the same class in every split and file, and only what can be a class is a label."""

import datetime

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from uncertlr.data import load_data
from uncertlr.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")

CLASSES = ["ant", "bee", "cat"]
CARD = """---
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': cat
          '1': bee
          '2': ant
---
Three animals.
"""


def named(names, animals):
    """Rows whose text is the name of their class, numbered as `names` has it."""
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    columns = {"text": animals, "label": [names.index(animal) for animal in animals]}
    return datasets.Dataset.from_dict(columns, features=features).with_format("arrow")[:]


def plain(names, animals):
    """The same without the names."""
    return pa.table({"text": animals, "label": [names.index(animal) for animal in animals]})


def categories(names, animals):
    """As pandas writes a categorical column: an index into names of its own."""
    return pa.table({"text": animals, "label": pa.array(pd.Categorical(animals, categories=names))})


def assert_labels_are_the_texts(data):
    for split in (data.train, data.val, data.test):
        for tokens, target in zip(split.inputs, split.targets.tolist(), strict=True):
            assert data.decode(tokens) in (data.class_names[target], "[UNK]")


LAYOUTS = {
    "the test split lacks a class": {
        "train": named(CLASSES, CLASSES * 10),
        "test": named(["ant", "cat"], ["ant", "cat"] * 5),
    },
    "another order": {"train": named(CLASSES, CLASSES * 10), "test": named(CLASSES[::-1], CLASSES * 5)},
    "shards of one split": {
        "train-0": named(["bee", "cat"], ["bee", "cat"] * 10),
        "train-1": named(["cat", "ant"], ["ant", "cat"] * 10),
    },
    "the training split lacks a class": {
        "train": named(["ant", "cat"], ["ant", "cat"] * 10),
        "test": named(CLASSES, CLASSES * 5),
    },
    "the card names the classes": {"train": plain(CLASSES[::-1], CLASSES * 10), "test": plain(CLASSES[::-1], CLASSES * 5)},
    "the card names them in another order": {"train": named(CLASSES, CLASSES * 10), "test": named(CLASSES, CLASSES * 5)},
    "a row of the last class in the third file": {
        "train-0": named(CLASSES, ["ant", "bee"] * 10),
        "train-1": named(["bee"], ["bee"] * 5),
        "train-2": named(["cat"], ["cat"] * 5),
        "test": named(["cat", "bee"], ["cat", "bee"] * 4),
    },
}


@pytest.mark.filterwarnings("ignore:.*unknown:UserWarning", "ignore:.*no training row:UserWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_are_mapped_by_name(write_files, layout):
    files = {f"{name}.parquet": table for name, table in LAYOUTS[layout].items()}
    folder = write_files("animals", files | ({"README.md": CARD} if "card" in layout else {}))
    data = load_data(str(folder))
    assert sorted(data.class_names) == CLASSES
    assert_labels_are_the_texts(data)


def test_a_split_that_only_numbers_what_another_names_is_refused(write_files):
    files = {"train.parquet": named(CLASSES, CLASSES * 10), "test.parquet": plain(CLASSES[::-1], CLASSES * 5)}
    with pytest.raises(DataError, match="ant; bee; cat"):
        load_data(str(write_files("animals", files)))


def test_classes_that_have_no_name_in_common_are_refused(write_files):
    files = {
        "train.parquet": named(["Ant", "Bee"], ["Ant", "Bee"] * 10),
        "test.parquet": named(["ant", "bee"], ["ant", "bee"] * 5),
    }
    with pytest.raises(DataError, match=r"\bAnt; Bee\b.*\btest\b.*\bant; bee\b"):
        load_data(str(write_files("animals", files)))


def test_a_file_without_rows_has_no_say(write_files):
    files = {"train-0.parquet": named(CLASSES, CLASSES * 10), "train-1.parquet": plain(CLASSES, CLASSES).slice(0, 0)}
    assert_labels_are_the_texts(load_data(str(write_files("animals", files))))


def test_categories_of_pandas_keep_their_names(write_files):
    files = {
        "train.parquet": categories(CLASSES, CLASSES * 10),
        "test.parquet": categories(["cat", "ant"], ["cat", "ant"] * 5),
    }
    data = load_data(str(write_files("animals", files)))
    assert data.class_names == tuple(CLASSES)
    assert_labels_are_the_texts(data)


@pytest.mark.parametrize("other", [[3, 4, 5], [True, False, True]])
def test_a_category_beside_numbers_is_not_taken_for_the_label_unasked(write_files, other):
    table = categories(CLASSES, CLASSES * 10).append_column("stars", pa.array(other * 10))
    with pytest.raises(DataError, match="label_column"):
        load_data(str(write_files("animals", {"train.parquet": table})), input_column="text")


DAY = datetime.datetime(2026, 1, 1)
NO_LABELS = {
    "lists": [[0, 1], [1]] * 10,
    "lists of one length": [[0, 1], [1, 0]] * 10,
    "lists of one": [[0], [1]] * 10,
    "seconds": [1_700_000_000 + index for index in range(20)],
    "identifiers from 0 on": list(range(20)),
    "large identifiers": pa.array([2**63 + index for index in range(20)], pa.uint64()),
    "times": [DAY + datetime.timedelta(days=index) for index in range(20)],
    "structures": [{"class": 0}, {"class": 1}] * 10,
    "shares": [0.25, 0.75] * 10,
    "gaps": [0, 2_000_000_000] * 10,
    "not a number": [0.0, float("nan")] * 10,
    "missing": [0, None] * 10,
    "negative": [-1, 1] * 10,
    "names": ["no", "yes"] * 10,
}


@pytest.mark.parametrize("labels", NO_LABELS)
def test_what_is_no_class_is_refused_before_anything_is_written(write_files, own_cache, labels):
    table = pa.table({"text": ["good film", "bad film"] * 10, "label": NO_LABELS[labels]})
    folder = write_files("odd", {"train.parquet": table})
    with pytest.raises(DataError, match="'label'"):
        load_data(str(folder), label_column="label")
    assert not list(own_cache.glob("*.npz"))


@pytest.mark.parametrize("label", [-1, 0.5, float("nan"), None])
def test_a_row_without_a_class_is_named_with_its_value(write_files, label):
    table = pa.table({"text": ["good film", "bad film"] * 10, "label": [0, 1, 1, label] * 5})
    folder = write_files("odd", {"train.parquet": table})
    with pytest.raises(DataError, match=rf"\b3\b.*train\.parquet.*{label!r}"):
        load_data(str(folder), label_column="label")


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float64", "bool"])
def test_classes_may_be_numbers_of_any_width(write_files, dtype):
    labels = pa.array(np.array([0, 1] * 10).astype(dtype))
    data = load_data(
        str(write_files("widths", {"train.parquet": pa.table({"text": ["no", "yes"] * 10, "label": labels})})),
        label_column="label",
    )
    assert data.class_names == ("0", "1")
    for tokens, target in zip(data.test.inputs, data.test.targets.tolist(), strict=True):
        assert data.decode(tokens) == ("no", "yes")[target]
