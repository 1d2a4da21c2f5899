"""Texts that the splitting into words does not suit give a warning."""

import uuid

import numpy as np
import pytest

from uncertlr.data import load_data

pytestmark = pytest.mark.usefixtures("own_cache")


def sentences(alphabet, seed=0, marks=""):
    """Texts of an alphabet without spaces."""
    rng = np.random.default_rng(seed)
    letters = list(alphabet)
    return ["".join(rng.choice(letters, 8)) + marks + "".join(rng.choice(letters, 8)) + marks for _ in range(100)]


UNSUITED = {
    "Chinese": sentences("这部电影很好看我不喜欢它", marks="，"),
    "Chinese without marks": sentences("这部电影很好看我不喜欢它"),
    "Japanese": sentences("この映画はとても面白いです", marks="。"),
    "Thai": sentences("ภาพยนตร์เรื่องนี้ดีมาก"),
    "Khmer": sentences("កខគឃងចឆជឈញដឋឌឍណ"),
    "identifiers": [uuid.UUID(int=index * 2**64 + index).hex for index in range(100)],
}
EMPTY = {
    "empty": ["", "a good film"] * 50,
    "spaces": ["   \n", "a good film"] * 50,
    "only breaks": ["<br /><br />", "a good film"] * 50,
    "all": [""] * 100,
    "one": ["a good film"] * 99 + [""],
}


def write(write_set, text_features, texts):
    return str(write_set("set", text_features, train={"text": texts, "label": [0, 1] * 50}))


@pytest.mark.parametrize("script", UNSUITED)
def test_a_high_share_of_unknown_words_is_reported(write_set, text_features, script):
    with pytest.warns(UserWarning, match=r"\d% in .*vocab_size"):
        load_data(write(write_set, text_features, UNSUITED[script]))


@pytest.mark.filterwarnings("ignore:.*probe:UserWarning")
@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_split_whose_words_are_unknown_is_named(write_set, text_features, split):
    english, greek = ["a good film", "a bad film"] * 50, ["μια καλή ταινία", "μια κακή ταινία"] * 50
    labels = [0, 1] * 50
    test = {"text": greek if split == "test" else english, "label": labels}
    if split == "validation":
        rows = [f"row{row}" for row in range(100)]
        probe = load_data(str(write_set("probe", text_features, train={"text": rows, "label": labels}, test=test)))
        english = [english[row] if rows[row] in probe.vocabulary else greek[row] for row in range(100)]
    folder = write_set("set", text_features, train={"text": english, "label": labels}, test=test)
    with pytest.warns(UserWarning, match=rf"\W100% in {split}\W.*vocab_size"):
        load_data(str(folder))


@pytest.mark.filterwarnings("ignore:.*unknown words:UserWarning")
@pytest.mark.parametrize("kind", EMPTY)
def test_texts_without_a_word_are_reported(write_set, text_features, kind):
    words = [text.replace("<br />", "").strip() for text in EMPTY[kind]]
    with pytest.warns(UserWarning, match=rf"\b{words.count('')} of {len(words)}\b"):
        load_data(write(write_set, text_features, EMPTY[kind]))


@pytest.mark.parametrize("texts", [["a good film", "a bad film"] * 50, ["это хороший фильм", "плохой фильм"] * 50])
def test_texts_of_known_words_are_not(write_set, text_features, texts):
    load_data(write(write_set, text_features, texts))  # a warning would be an error
