"""Which files of a folder are read, as which split, and what the cache notices."""

import os
import warnings

import pytest

from uncertlr.data import load_data
from uncertlr.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")


def rows(word, count=20):
    return {"text": [word] * count, "label": [0, 1] * (count // 2)}


def words_of(data):
    train = {data.decode(tokens) for split in (data.train, data.val) for tokens in split.inputs}
    return train, {data.decode(tokens) for tokens in data.test.inputs}


def load_quietly(folder):
    """Load with the warnings as text."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = load_data(str(folder), label_column="label")
    return data, " ".join(str(each.message) for each in caught)


@pytest.mark.parametrize(
    ("name", "decoy"),
    [
        ("exp [1]", "exp 1"),
        ("a*b", "aab"),
        ("what?", "whats"),
        ("x::y", "x"),
        ("#1 {a,b}", "a"),
        ("~birds", "birds"),
        ("[!a]", "b"),
        ("50%20off", "50 off"),
        ("птицы", "x"),
        ("hf:--x", "x"),
    ],
)
def test_a_folder_of_any_name_is_itself(write_files, text_features, name, decoy):
    write_files(decoy, {"train.parquet": rows("wrong"), "test.parquet": rows("wrong")}, text_features)
    folder = write_files(name, {"train.parquet": rows("right"), "test.parquet": rows("right")}, text_features)
    assert words_of(load_data(str(folder))) == ({"right"}, {"right"})


def test_a_file_of_any_name_is_itself(write_files, text_features):
    files = {"train [1].parquet": rows("one"), "train 1.parquet": rows("two"), "test *.parquet": rows("one")}
    data = load_data(str(write_files("odd", files, text_features)))
    assert words_of(data) == ({"one", "two"}, {"one"})
    assert len(data.train) + len(data.val) == 40


SPLITS = {
    "capital letters": ({"Train.parquet": "a", "Test.parquet": "b"}, ("a", "b"), ""),
    "capital folders and endings": ({"TRAIN/0.PARQUET": "a", "TEST/0.PARQUET": "b"}, ("a", "b"), ""),
    "one more beside the shards": (
        {"data/train-00000-of-00001.parquet": "a", "train-extra.parquet": "b", "data/test-00000-of-00001.parquet": "c"},
        ("ab", "c"),
        "",
    ),
    "other words": ({"Training_1.parquet": "a", "training 2.parquet": "b", "Evaluation.parquet": "c"}, ("ab", "c"), ""),
    "a folder each": ({"x/train-0.parquet": "a", "y/Test-0.parquet": "b", "y/Train-0.parquet": "c"}, ("ac", "b"), ""),
    "no split at all": ({"part-0.parquet": "a", "part-1.parquet": "a"}, ("a", "a"), ""),
    "some without a split": (
        {"part-0.parquet": "b", "part-1.parquet": "b", "train_more.parquet": "a"},
        ("a", "a"),
        "part-0",
    ),
    "another format": (
        {"train.parquet": "a", "test.parquet": "a", "extra.csv": "text,label\nb,0\n"},
        ("a", "a"),
        "extra.csv",
    ),
    "a validation file": ({"train.parquet": "a", "test.parquet": "a", "Dev.parquet": "b"}, ("a", "a"), "Dev.parquet"),
    "hidden files": (
        {"train.parquet": "a", "test.parquet": "b", "._train.parquet": "x,y", ".cache/train.parquet": "c"},
        ("a", "b"),
        "",
    ),
}


@pytest.mark.filterwarnings("ignore:.*unknown:UserWarning")
@pytest.mark.parametrize("case", SPLITS)
def test_every_file_is_read_or_named(write_files, text_features, case):
    files, (train, test), named = SPLITS[case]
    written = {name: word if "," in word else rows(word) for name, word in files.items()}
    data, output = load_quietly(write_files("set", written, text_features))
    assert words_of(data) in ((set(train), set(test)), (set(train), {"[UNK]"}))
    read = sum(word in train + test and "," not in word and "/." not in f"/{name}" for name, word in files.items())
    assert len(data.train) + len(data.val) + len(data.test) == 20 * read
    assert (named in output) if named else ("not read" not in output)


@pytest.mark.parametrize(
    "names",
    [
        ("trainset.parquet", "testset.parquet"),
        ("train_test.parquet", "test.parquet"),
        ("train/test.parquet", "train/train.parquet"),
        ("data/train-00000-of-00002.parquet",),
        ("data/birds-00000-of-00001.parquet", "data/fish-00000-of-00001.parquet"),
        ("test.parquet", "dev.parquet"),
        ("Test.parquet",),
    ],
)
def test_names_that_do_not_show_the_splits_are_refused(write_files, text_features, names):
    folder = write_files("set", {name: rows("a") for name in names}, text_features)
    with pytest.raises(DataError, match="train|test|00001"):
        load_data(str(folder))


def card(train, test):
    entries = "".join(f"  - split: {split}\n    path: {path}\n" for split, path in (("train", train), ("test", test)))
    return f"---\nconfigs:\n- config_name: default\n  data_files:\n{entries}---\n"


def test_the_card_says_which_files_belong_to_a_split(write_files, text_features):
    files = {"a.parquet": rows("one"), "b.parquet": rows("two"), "README.md": card("a.parquet", "b*")}
    folder = write_files("set", files, text_features)
    assert words_of(load_quietly(folder)[0])[0] == {"one"}
    (folder / "README.md").write_text(card("b.parquet", "a.parquet"))
    assert words_of(load_quietly(folder)[0])[0] == {"two"}


def swap_names(folder):
    (folder / "train.parquet").rename(folder / "x")
    (folder / "test.parquet").rename(folder / "train.parquet")
    (folder / "x").rename(folder / "test.parquet")


def relink(folder):
    (folder / "train.parquet").rename(folder / "hidden")
    (folder / "train.parquet").symlink_to("test.parquet")
    (folder / "hidden").unlink()


CHANGES = {
    "the card appears": lambda folder: (folder / "README.md").write_text(card("test.parquet", "train.parquet")),
    "another card": lambda folder: (folder / ".huggingface.yaml").write_text(
        card("test.parquet", "train.parquet").strip("-\n")
    ),
    "files change their names": swap_names,
    "a link leads elsewhere": relink,
    "a file goes": lambda folder: (
        (folder / "train.parquet").unlink(),
        (folder / "test.parquet").rename(folder / "train.parquet"),
    ),
    "same size, same time": lambda folder: replace_in_place(folder),
}


def replace_in_place(folder):
    stat = (folder / "train.parquet").stat()
    (folder / "train.parquet").write_bytes((folder / "test.parquet").read_bytes())
    os.utime(folder / "train.parquet", ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.filterwarnings("ignore:.*unknown:UserWarning")
@pytest.mark.parametrize("change", CHANGES)
def test_the_cache_notices_all_that_decides_the_result(write_files, text_features, change):
    folder = write_files("set", {"train.parquet": rows("one"), "test.parquet": rows("two")}, text_features)
    assert words_of(load_data(str(folder)))[0] == {"one"}
    CHANGES[change](folder)
    assert words_of(load_data(str(folder)))[0] == {"two"}


def test_class_names_of_the_card_are_part_of_the_result(write_files):
    import pyarrow as pa

    def named(names):
        listed = "".join(f"          '{index}': {name}\n" for index, name in enumerate(names))
        return (
            "---\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: label\n    dtype:\n"
            f"      class_label:\n        names:\n{listed}---\n"
        )

    folder = write_files("set", {"train.parquet": pa.table(rows("a")), "README.md": named(["no", "yes"])})
    assert load_data(str(folder)).class_names == ("no", "yes")
    (folder / "README.md").write_text(named(["yes", "no"]))
    assert load_data(str(folder)).class_names == ("yes", "no")


def test_linked_folders_are_read_once(write_files, text_features):
    files = {"data/train.parquet": rows("one"), "data/test.parquet": rows("two")}
    elsewhere = write_files("elsewhere", files, text_features)
    folder = elsewhere.with_name("set")
    folder.mkdir()
    (folder / "data").symlink_to(elsewhere / "data")
    (folder / "again").symlink_to(elsewhere / "data")
    (elsewhere / "data" / "loop").symlink_to(folder)
    data = load_quietly(folder)[0]
    assert len(data.train) + len(data.val) == len(data.test) == 20


def test_runs_in_the_folder_of_the_data_are_no_data(write_files, text_features):
    files = {
        "birds.parquet": rows("one"),
        "runs/birds-none-s0-0/predictions.parquet": {"probs": [0.5]},
        "runs/birds-none-s0-0/run.json": "{}",
    }
    folder = write_files("set", {name: each for name, each in files.items() if "predictions" not in name}, text_features)
    write_files("set", {"runs/birds-none-s0-0/predictions.parquet": {"probs": [0.5]}})
    data, output = load_quietly(folder)
    assert len(data.train) + len(data.val) + len(data.test) == 20
    assert output == "" or "unknown" in output
