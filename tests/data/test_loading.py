import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from uncertlr.data import load_data, train_batches
from uncertlr.errors import DataError


def rows(split):
    return {tuple(row) for row in split.inputs.flatten(1).tolist()}


def same_split(one, other):
    return torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets)


def test_validation_and_test_do_not_depend_on_the_number_of_training_examples():
    whole, part = load_data("digits"), load_data("digits", train_examples=100)
    assert len(part.train) == 100
    assert torch.equal(part.train.inputs, whole.train.inputs[:100])
    assert same_split(part.val, whole.val)
    assert same_split(part.test, whole.test)


def test_fewer_test_examples_are_the_same_ones_for_every_seed_and_of_all_classes():
    whole, part, other = (
        load_data("digits"),
        load_data("digits", test_examples=100),
        load_data("digits", test_examples=100, seed=1),
    )
    assert len(part.test) == 100
    assert same_split(part.test, other.test)
    assert same_split(part.train, whole.train)
    assert same_split(part.val, whole.val)
    assert rows(part.test) <= rows(whole.test)
    assert len(part.test.targets.unique()) == 10
    assert part.fingerprint == whole.fingerprint
    texts = load_data("toy_reviews", test_examples=50)
    assert len(texts.test) == len(texts.test.inputs) == len(texts.test.true_probs) == 50


def test_splits_are_disjoint_and_together_complete():
    data = load_data("digits", val_fraction=0.25)
    assert len(data.val) == round(0.25 * 1438)
    assert len(data.train) + len(data.val) + len(data.test) == 1797
    assert not rows(data.train) & rows(data.val)
    assert not rows(data.train) & rows(data.test)


def test_the_seed_moves_train_and_validation_but_never_test():
    one, other, again = (load_data("digits", seed=seed) for seed in (0, 1, 0))
    assert same_split(one.train, again.train)
    assert not same_split(one.val, other.val)
    assert same_split(one.test, other.test)
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    ("sizes", "problem"),
    [
        ({"train_examples": 1295}, "train_examples=1295.* 1294 .* 1438"),
        ({"test_examples": 1000}, "test_examples=1000.* 359"),
        ({"test_examples": -1}, "test_examples=-1"),
        ({"train_examples": -1}, "train_examples=-1"),
        ({"val_fraction": 1.5}, "val_fraction=1.5.* 0 .* 1"),
        ({"val_fraction": 0.9999}, " 0 .* 1438"),
        ({"vocab_size": 2}, "vocab_size=2.* 3"),
        ({"max_tokens": 0}, "max_tokens=0.* 1"),
    ],
)
def test_sizes_that_make_no_sense(sizes, problem):
    with pytest.raises(DataError, match=problem):
        load_data("digits", **sizes)


def test_mean_and_deviation_are_those_of_the_training_images():
    data = load_data("digits", train_examples=300)
    pixels = data.train.inputs.double() / 255
    torch.testing.assert_close(data.mean.double(), pixels.mean((0, 2, 3)), atol=1e-6, rtol=0)
    torch.testing.assert_close(data.std.double(), pixels.std((0, 2, 3), correction=0), atol=1e-6, rtol=0)


def test_the_vocabulary_is_taken_from_the_training_texts_alone():
    data = load_data("toy_reviews", train_examples=5)
    seen = {word for tokens in data.train.inputs for word in data.decode(tokens).split()}
    assert set(data.vocabulary) == {"[PAD]", "[UNK]", *seen}
    assert data.vocab_size == len(data.vocabulary)
    assert "[UNK]" in {word for tokens in data.test.inputs for word in data.decode(tokens).split()}


def test_the_saved_tokenizer_reads_a_text_as_the_data_set_does():
    data = load_data("toy_reviews", vocab_size=30)
    tokenizer = Tokenizer.from_str(data.tokenizer)
    assert tokenizer.get_vocab_size() == data.vocab_size == 30
    for tokens in data.test.inputs[:20]:
        words = data.decode(tokens).replace("[UNK]", "unheard")
        assert tokenizer.encode(words).ids == [token for token in tokens.tolist() if token]


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_any_folder_of_images(write_set, image_features, pictures, own_cache, mode, channels):
    images = pictures(20, 6, 6, mode)
    folder = write_set("pets", image_features, train={"img": images, "label": [0, 1] * 10})
    data = load_data(str(folder))
    assert data.kind == "image"
    assert data.class_names == ("cat", "dog")
    assert data.train.inputs.shape == (14, channels, 6, 6)
    assert (len(data.val), len(data.test)) == (2, 4)
    expected = {tuple(np.asarray(image).reshape(36, channels).T.flatten().tolist()) for image in images}
    assert rows(data.train) | rows(data.val) | rows(data.test) == expected
    assert next(train_batches(data, 8, 0, 1, augment=True)).inputs.shape == (8, channels, 6, 6)


def test_any_folder_of_texts_with_many_classes(write_set, own_cache):
    columns = {"body": [f"word{index % 5}" for index in range(50)], "topic": [index % 5 for index in range(50)]}
    folder = write_set("topics", train=columns, test=columns)
    data = load_data(str(folder), label_column="topic")
    assert (data.kind, data.num_classes, len(data.test)) == ("text", 5, 50)
    for tokens, target in zip(data.test.inputs, data.test.targets.tolist(), strict=True):
        assert data.decode(tokens) == f"word{target}"


@pytest.mark.filterwarnings("ignore:.*unknown words:UserWarning")
@pytest.mark.parametrize("only", ["train", "birds"])
def test_of_a_single_split_a_fifth_is_test_whatever_the_seed(write_set, text_features, own_cache, only):
    columns = {"text": [f"word{index}" for index in range(40)], "label": [0, 1] * 20}
    folder = str(write_set("single", text_features, **{only: columns}))
    one, other = load_data(folder, seed=0), load_data(folder, seed=1)
    assert len(one.test) == 8
    assert torch.equal(one.test.targets, other.test.targets)
    assert one.fingerprint == other.fingerprint


def test_new_content_is_decoded_anew(write_set, text_features, own_cache):
    columns = {"text": ["good", "bad"] * 10, "label": [1, 0] * 10}
    folder = write_set("reviews", text_features, train=columns)
    before = load_data(str(folder)).fingerprint
    other = write_set("other", text_features, train=columns | {"text": ["great", "bad"] * 10})
    (other / "data/train-00000-of-00001.parquet").replace(folder / "data/train-00000-of-00001.parquet")
    assert load_data(str(folder)).fingerprint != before
    assert "great" in load_data(str(folder)).vocabulary


def test_embedded_sets_write_no_cache(own_cache):
    load_data("digits")
    load_data("toy_reviews")
    assert not own_cache.exists()


@pytest.mark.data
@pytest.mark.usefixtures("real_data")
def test_cifar10():
    data = load_data("cifar10", train_examples=1_000)
    assert (len(data.train), len(data.val), len(data.test)) == (1_000, 5_000, 10_000)
    assert data.test.inputs.shape == (10_000, 3, 32, 32)
    assert data.class_names[3] == "cat"
    assert torch.bincount(data.test.targets).tolist() == [1_000] * 10
    assert data.mean.tolist() == pytest.approx([0.491, 0.482, 0.447], abs=0.02)  # the well-known means of CIFAR-10


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.usefixtures("real_data")
def test_imdb():
    data = load_data("imdb")
    assert (len(data.train), len(data.val), len(data.test)) == (22_500, 2_500, 25_000)
    assert data.class_names == ("neg", "pos")
    assert data.train.inputs.shape == (22_500, 400)
    assert data.vocab_size == 20_000
    assert data.vocabulary[:6] == ("[PAD]", "[UNK]", "the", ".", ",", "and")
    assert torch.bincount(data.test.targets).tolist() == [12_500, 12_500]
