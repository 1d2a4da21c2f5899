"""Texts and images in every form that Arrow and pandas write them in; other columns are named with their type."""

import decimal
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from uncertlr.data import load_data
from uncertlr.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")

WORDS = ["good film", "bad film"] * 10
LABELS = [1, 0] * 10


def picture_file(value):
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


FILES = [picture_file(100 * label) for label in LABELS]
TEXTS = {
    "string": pa.array(WORDS),
    "large_string": pa.array(WORDS, pa.large_string()),
    "string_view": pa.array(WORDS, pa.string_view()),
    "categories": pa.array(pd.Categorical(WORDS)),
    "categories of large strings": pa.array(WORDS, pa.large_string()).dictionary_encode(),
    "pandas": pa.Table.from_pandas(pd.DataFrame({"text": WORDS}))["text"],
}
IMAGES = {
    "bytes": pa.array(FILES, pa.binary()),
    "large bytes": pa.array(FILES, pa.large_binary()),
    "binary_view": pa.array(FILES, pa.binary_view()),
    "structure": pa.array(
        [{"bytes": file, "path": None} for file in FILES], pa.struct({"bytes": pa.binary(), "path": pa.string()})
    ),
    "structure in another order": pa.array(
        [{"path": "a.png", "bytes": file} for file in FILES], pa.struct({"path": pa.string(), "bytes": pa.binary()})
    ),
    "structure of large types": pa.array(
        [{"bytes": file, "path": None} for file in FILES], pa.struct({"bytes": pa.large_binary(), "path": pa.large_string()})
    ),
}
NEITHER = {
    "list": pa.array([[[0, 1], [2, 3]]] * 20, pa.list_(pa.list_(pa.uint8()))),
    "double": pa.array([0.5] * 20),
    "timestamp": pa.array(pd.date_range("2026-01-01", periods=20)),
    "fixed_size_binary": pa.array([b"BMP"] * 20, pa.binary(3)),
    "binary": pa.array([text.encode() for text in WORDS], pa.binary()),
    "struct": pa.array([{"x": 1}] * 20),
    "decimal": pa.array([decimal.Decimal(1)] * 20),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("given", [True, False])
def test_texts_of_every_type(write_files, kind, given):
    folder = write_files("set", {"train.parquet": pa.table({"text": TEXTS[kind], "label": LABELS})})
    data = load_data(str(folder), input_column="text" if given else "", label_column="label")
    assert data.kind == "text"
    for tokens, target in zip(data.train.inputs, data.train.targets.tolist(), strict=True):
        assert data.decode(tokens) == ("bad film", "good film")[target]


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("given", [True, False])
def test_images_of_every_type(write_files, kind, given):
    folder = write_files("set", {"train.parquet": pa.table({"picture": IMAGES[kind], "label": LABELS})})
    data = load_data(str(folder), input_column="picture" if given else "", label_column="label")
    assert data.kind == "image"
    assert (data.train.inputs[:, 0, 0, 0] == 100 * data.train.targets).all()


@pytest.mark.parametrize("kind", NEITHER)
def test_what_is_neither_is_named_with_its_type(write_files, kind):
    folder = write_files("set", {"train.parquet": pa.table({"thing": NEITHER[kind], "label": LABELS})})
    with pytest.raises(DataError, match=kind) as caught:
        load_data(str(folder), input_column="thing", label_column="label")
    assert "'thing'" in str(caught.value)
    assert "damaged" not in str(caught.value)
    assert kind != "fixed_size_binary" or "cast(pyarrow.binary())" in str(caught.value)


@pytest.mark.parametrize("kind", ["list", "double", "fixed_size_binary"])
def test_the_columns_of_a_set_without_images_and_texts_are_named(write_files, kind):
    folder = write_files("set", {"train.parquet": pa.table({"thing": NEITHER[kind], "label": LABELS})})
    with pytest.raises(DataError, match=r"no column of images or texts.*thing \("):
        load_data(str(folder), label_column="label")


def test_a_name_that_two_columns_share_is_reported(write_files):
    table = pa.Table.from_arrays([TEXTS["string"], TEXTS["string"], pa.array(LABELS)], names=["text", "text", "label"])
    with pytest.raises(DataError, match="two columns"):
        load_data(str(write_files("set", {"train.parquet": table})), label_column="label")


def test_for_bytes_that_are_asked_for_as_texts_the_cast_is_named(write_files):
    folder = write_files("set", {"train.parquet": pa.table({"thing": NEITHER["binary"], "label": LABELS})})
    with pytest.raises(DataError, match="decode"):
        load_data(str(folder), kind="text", label_column="label")


def test_images_that_are_only_paths_are_refused(write_files):
    paths = pa.array([{"bytes": None, "path": "1.png"}] * 20, pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    folder = write_files("set", {"train.parquet": pa.table({"picture": paths, "label": LABELS})})
    with pytest.raises(DataError, match="path"):
        load_data(str(folder), label_column="label")


def test_other_columns_may_have_any_type(write_files):
    others = {
        "seen": NEITHER["timestamp"],
        "note": TEXTS["string_view"],
        "tags": NEITHER["list"],
        "price": NEITHER["decimal"],
    }
    folder = write_files("set", {"train.parquet": pa.table({"text": TEXTS["string"], "label": LABELS, **others})})
    assert load_data(str(folder), input_column="text", label_column="label").kind == "text"
