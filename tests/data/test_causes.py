"""A refusal names its cause; only a file whose Parquet footer cannot be read is called damaged."""

import errno
import os

import datasets
import pyarrow as pa
import pytest

from uncertlr.data import load_data
from uncertlr.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")

GOOD = pa.table({"text": ["good film", "bad film"] * 10, "label": [1, 0] * 10})
TWO = "---\nconfigs:\n- config_name: small\n  data_files: small/*\n- config_name: large\n  data_files: large/*\n---\n"
NOTHING = "---\nconfigs:\n- config_name: default\n  data_files: nowhere/*\n---\n"
BROKEN = "---\nconfigs: [a: {\n---\n"
STRINGS = pa.table({"text": ["a"] * 4, "label": ["x", "y"] * 2})
CAUSES = {
    "several configurations": ({"small/train.parquet": GOOD, "large/train.parquet": GOOD, "README.md": TWO}, "small; large"),
    "a card that names no file": ({"train.parquet": GOOD, "README.md": NOTHING}, "nowhere"),
    "a card that is no YAML": ({"train.parquet": GOOD, "README.md": BROKEN}, "README.md"),
    "an empty test split": ({"train.parquet": GOOD, "test.parquet": GOOD.slice(0, 0)}, "test"),
    "an empty training split": ({"train.parquet": GOOD.slice(0, 0), "test.parquet": GOOD}, "train"),
    "other column types": ({"train.parquet": GOOD, "test.parquet": STRINGS}, "string"),
    "a column less": ({"train.parquet": GOOD, "test.parquet": GOOD.drop_columns(["label"])}, "test.parquet"),
    "a column less in a shard": (
        {"train-0.parquet": GOOD, "train-1.parquet": GOOD.rename_columns(["body", "label"])},
        "train-1",
    ),
    "a pointer of Git LFS": (
        {"train.parquet": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"},
        "LFS",
    ),
    "tables of text": ({"train.csv": "text,label\na,0\n"}, "CSV|csv"),
    "what save_to_disk writes": ({"train/data-00000-of-00001.arrow": "x", "dataset_dict.json": "{}"}, "load_from_disk"),
    "an empty folder": ({"LICENSE": "free"}, "Parquet"),
}


@pytest.mark.parametrize("case", CAUSES)
def test_the_cause_is_reported(write_files, case):
    files, word = CAUSES[case]
    with pytest.raises(DataError, match=word) as caught:
        load_data(str(write_files("set", files)), label_column="label")
    assert "damaged" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_what_the_disk_refuses_is_no_fault_of_the_files(write_files, monkeypatch, code):
    def refuse(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(datasets.arrow_writer.ArrowWriter, "write_table", refuse)
    with pytest.raises(DataError, match=os.strerror(code)) as caught:
        load_data(str(write_files("set", {"train.parquet": GOOD})), label_column="label")
    assert "damaged" not in str(caught.value)


def test_a_link_that_leads_nowhere_is_reported(write_files):
    folder = write_files("set", {"test.parquet": GOOD})
    (folder / "train.parquet").symlink_to("gone.parquet")
    with pytest.raises(DataError, match=r"train\.parquet"):
        load_data(str(folder), label_column="label")


def test_a_page_that_cannot_be_read_below_a_sound_footer(write_files):
    words = pa.table({"text": [f"word {index}" for index in range(5_000)], "label": [1, 0] * 2_500})
    folder = write_files("set", {"train.parquet": words})
    content = bytearray((folder / "train.parquet").read_bytes())
    content[4:2_000] = b"\xff" * 1_996
    (folder / "train.parquet").write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"train\.parquet") as caught:
        load_data(str(folder), label_column="label")
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all, but long enough", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_footer_that_cannot_be_read_is_damage(write_files, content):
    folder = write_files("set", {"train.parquet": GOOD})
    (folder / "test.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"test\.parquet.*damaged"):
        load_data(str(folder), label_column="label")
