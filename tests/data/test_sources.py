"""What can be wrong with a data set, and which error it gives."""

import datasets
import httpx
import huggingface_hub
import numpy as np
import pytest

from uncertlr.data import folder_fingerprint, load_data
from uncertlr.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")

TEXTS = {"text": ["good film", "bad film"] * 10, "label": [1, 0] * 10}


@pytest.fixture
def no_network(monkeypatch):
    def fail(*_args, **_kwargs):
        raise httpx.ConnectError("[Errno -2] Name or service not known")

    monkeypatch.delenv("UNCERTLR_DATA", raising=False)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", fail)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_: pytest.fail("asked a hub that cannot be reached"))


def refusal(folder, **columns):
    with pytest.raises(DataError) as caught:
        load_data(str(folder), **columns)
    return str(caught.value)


@pytest.mark.parametrize(("name", "near"), [("cifar100", "cifar10"), ("imbd", "imdb"), ("digit", "digits")])
def test_an_unknown_name_suggests_the_nearest(name, near):
    with pytest.raises(DataError, match=f"'{name}'.*'{near}'"):
        load_data(name)


def test_a_missing_folder_is_reported_with_what_there_is():
    message = refusal("./no/such/folder")
    assert all(name in message for name in ("./no/such/folder", "cifar10", "imdb", "digits", "toy_reviews"))


@pytest.mark.parametrize("made", [True, False])
def test_a_set_that_uncertlr_data_lacks(tmp_path, monkeypatch, made):
    folder = tmp_path / "data"
    if made:
        (folder / "imdb").mkdir(parents=True)
    monkeypatch.setenv("UNCERTLR_DATA", str(folder))
    message = refusal("imdb")
    assert f"UNCERTLR_DATA={folder}" in message
    assert str(folder / "imdb") in message


def test_a_file_of_uncertlr_data_that_is_not_read_is_named(write_files, monkeypatch):
    files = dict.fromkeys(("train.parquet", "test.parquet", "more.parquet"), TEXTS)
    monkeypatch.setenv("UNCERTLR_DATA", str(write_files("imdb", files).parent))
    with pytest.warns(UserWarning, match=r"imdb.*more\.parquet"):
        load_data("imdb")


def test_a_link_that_leads_nowhere_is_no_unknown_name(tmp_path):
    (tmp_path / "birds").symlink_to(tmp_path / "gone")
    assert str(tmp_path / "gone") in refusal(tmp_path / "birds")


def test_no_network_says_so_at_once_and_names_uncertlr_data(no_network):
    message = refusal("cifar10")
    assert "Name or service not known" in message
    assert "cifar10" in message
    assert "UNCERTLR_DATA" in message


def test_offline_mode_says_so_at_once(tmp_path, monkeypatch):
    monkeypatch.delenv("UNCERTLR_DATA", raising=False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "empty")
    message = refusal("imdb")
    assert "OfflineModeIsEnabled" in message
    assert "UNCERTLR_DATA" in message


def test_the_hub_and_a_folder_give_the_same_set(write_set, text_features, monkeypatch):
    folder = write_set("imdb", text_features, train=TEXTS, test=TEXTS)
    splits = datasets.load_dataset(str(folder), cache_dir=str(folder.parents[1] / "arrow"))
    monkeypatch.setenv("UNCERTLR_DATA", str(folder.parent))
    local = load_data("imdb")
    monkeypatch.delenv("UNCERTLR_DATA")
    asked = []
    splits["unsupervised"] = splits["train"].map(lambda _: {"label": -1})
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda *_args, **_kwargs: None)
    monkeypatch.setattr(datasets, "load_dataset", lambda name: asked.append(name) or splits)
    hub = load_data("imdb")
    load_data("imdb")
    assert asked == ["stanfordnlp/imdb"]
    assert hub.fingerprint == local.fingerprint
    assert np.array_equal(hub.train.inputs, local.train.inputs)


@pytest.mark.parametrize("keep", [0, 0.5, 0.98])
def test_a_truncated_parquet(write_set, text_features, keep):
    folder = write_set("cut", text_features, train=TEXTS)
    (file,) = folder.glob("**/*.parquet")
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep)])
    message = refusal(folder)
    assert str(file) in message
    assert "damaged" in message


@pytest.mark.parametrize("columns", [{"input_column": "review"}, {"label_column": "stars"}])
def test_a_wrong_column_names_those_there_are(write_set, text_features, columns):
    folder = write_set("reviews", text_features, train=TEXTS)
    message = refusal(folder, **columns)
    assert all(part in message for part in (repr(next(iter(columns.values()))), "text; label"))


def test_columns_that_cannot_be_distinguished(write_set):
    folder = write_set("two", train={"title": ["a", "b"] * 10, "body": ["c", "d"] * 10, "label": [0, 1] * 10})
    assert "title (string); body (string)" in refusal(folder)
    assert "label_column" in refusal(folder, input_column="body")
    data = load_data(str(folder), input_column="body", label_column="label")
    assert {data.decode(tokens) for tokens in data.train.inputs} == {"c", "d"}


def test_a_column_of_another_kind(write_set, text_features):
    folder = write_set("reviews", text_features, train=TEXTS)
    for name, options, parts in (
        (folder, {"input_column": "text", "kind": "image"}, ("'text'", "string", "data_kind='image'", "data_kind='auto'")),
        (folder, {"input_column": "label"}, ("'label'", "int64")),
        ("digits", {"kind": "text"}, ("digits", "data_kind='text'", "data_kind='auto'")),
        ("digits", {"input_column": "img"}, ("digits", "input_column", "label_column")),
    ):
        message = refusal(name, **options)
        assert all(part in message for part in parts), message


@pytest.mark.parametrize("labels", [[-1, 1], [None, 1], [0.5, 1.0], ["no", "yes"], ["0", "1"]])
def test_labels_must_be_class_indices(write_set, labels):
    folder = write_set("labels", train={"text": ["a", "b"] * 10, "label": labels * 10})
    assert "'label'" in refusal(folder, label_column="label")


def test_one_class_is_too_few(write_set):
    folder = write_set("one", train={"text": ["a", "b"] * 10, "label": [0] * 20})
    assert "'label'" in refusal(folder, label_column="label")


def test_missing_texts(write_set, text_features):
    folder = write_set("gaps", text_features, train={"text": ["a", None] * 10, "label": [0, 1] * 10})
    assert "row 1 " in refusal(folder)


@pytest.mark.parametrize(
    ("sizes", "found"), [([(8, 9)], "8 x 9"), ([(8, 8), (6, 6)], "6 x 6, 8 x 8"), ([(8, 8), (8, 6)], "8 x 6")]
)
def test_images_must_be_square_and_of_one_size(write_set, image_features, pictures, sizes, found):
    images = [image for size in sizes for image in pictures(20 // len(sizes), *size)]
    folder = write_set("shapes", image_features, train={"img": images, "label": [0, 1] * 10})
    assert found in refusal(folder)


def test_training_and_test_images_must_agree(write_set, image_features, pictures):
    splits = {name: {"img": pictures(20, size, size), "label": [0, 1] * 10} for name, size in (("train", 8), ("test", 6))}
    assert "6 x 6, 8 x 8" in refusal(write_set("sizes", image_features, **splits))


@pytest.mark.parametrize("image", [{"bytes": b"no image", "path": None}, None])
def test_an_image_that_cannot_be_decoded(write_set, image_features, pictures, image):
    folder = write_set("broken", image_features, train={"img": [*pictures(19), image], "label": [0, 1] * 10})
    assert "row 19" in refusal(folder)


def test_several_splits_without_train(write_set, text_features):
    folder = write_set("odd", text_features, test=TEXTS, validation=TEXTS)
    assert "'train'" in refusal(folder)


def test_too_small_to_hold_out_a_test_set(write_set, text_features):
    folder = write_set("lonely", text_features, train={"text": ["a"], "label": [0]})
    assert all(part in refusal(folder) for part in (str(folder), " 1 "))


def test_decoding_leaves_nothing_in_the_cache_of_datasets(write_set, text_features, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    load_data(str(write_set("reviews", text_features, train=TEXTS)))
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize("only", ["test", "validation"])
def test_a_folder_without_a_train_file_is_refused(write_set, text_features, only):
    folder = write_set("odd", text_features, **{only: TEXTS})
    message = refusal(folder)
    assert "'train'" in message
    assert only in message
    assert "train.parquet" in message


def test_labels_that_skip_a_class_are_refused(write_set):
    texts = TEXTS | {"label": [1, 2] * 10}
    message = refusal(write_set("gap", train=texts, test=texts), label_column="label")
    assert all(part in message for part in ("'label'", "1 to 2", "class 0"))


def test_for_labels_that_are_names_the_way_to_indices_is_named(write_set):
    texts = TEXTS | {"label": ["bad", "good"] * 10}
    message = refusal(write_set("names", train=texts), label_column="label")
    assert "dataset.class_encode_column('label')" in message


@pytest.mark.parametrize("others", [(), ("test",)])
def test_a_validation_file_that_is_not_read_is_named_each_time(write_set, text_features, others):
    folder = write_set("three", text_features, **dict.fromkeys(("train", "validation", *others), TEXTS))
    for _ in range(2):  # the second time from the cache
        with pytest.warns(UserWarning, match="data/validation"):
            data = load_data(str(folder))
        assert len(data.train) + len(data.val) + len(data.test) == (40 if others else 20)


def test_a_folders_fingerprint_follows_its_files(write_set, text_features):
    folder = write_set("reviews", text_features, train=TEXTS)
    before = folder_fingerprint(str(folder))
    assert before == load_data(str(folder)).fingerprint
    other = datasets.Dataset.from_dict(TEXTS | {"label": [0, 1] * 10}, features=text_features)
    other.to_parquet(folder / "data" / "train-00000-of-00001.parquet")
    assert folder_fingerprint(str(folder)) == load_data(str(folder)).fingerprint != before
    assert folder_fingerprint("digits") == folder_fingerprint("cifar10") == folder_fingerprint(str(folder / "no")) == ""
