import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Split
from tokenizers.trainers import WordLevelTrainer

from uncertlr.data.text import build_tokenizer, choose_vocabulary, encode, split_words

TEXTS = ["A good, GOOD film!<br /><br />Don't miss it.", "", "Bad film", "naïve café"]


def everything(texts):
    return np.arange(len(texts))


def words(texts, vocab_size=100, max_tokens=100):
    corpus = split_words(texts)
    vocabulary = choose_vocabulary(corpus, everything(texts), vocab_size)
    tokens = encode(corpus, everything(texts), vocabulary, max_tokens)
    return [[vocabulary[token] for token in row if token] for row in tokens]


def test_words_and_marks_in_lower_case_without_html_breaks():
    expected = ["a", "good", ",", "good", "film", "!", "don", "'", "t", "miss", "it", "."]
    assert words(TEXTS) == [expected, ["[UNK]"], ["bad", "film"], ["naïve", "café"]]


def test_the_vocabulary_is_by_frequency_then_alphabet():
    corpus = split_words(["b b a c", "c d e", "z z z z"])
    assert choose_vocabulary(corpus, np.array([0, 1]), 6) == ("[PAD]", "[UNK]", "b", "c", "a", "d")
    assert choose_vocabulary(corpus, np.array([1, 0]), 100) == ("[PAD]", "[UNK]", "b", "c", "a", "d", "e")


def test_words_outside_the_vocabulary_and_the_training_texts_are_unknown():
    corpus = split_words(["a a b", "a z b"])
    vocabulary = choose_vocabulary(corpus, np.array([0]), 3)
    assert vocabulary == ("[PAD]", "[UNK]", "a")
    assert encode(corpus, np.array([0, 1]), vocabulary, 10).tolist() == [[2, 2, 1], [2, 1, 1]]


def test_texts_are_cut_and_padded_on_the_right():
    corpus = split_words(["a b c d", "a", ""])
    vocabulary = choose_vocabulary(corpus, np.arange(3), 100)
    tokens = encode(corpus, np.array([2, 0, 1]), vocabulary, 3)
    assert tokens.dtype == np.int32
    assert tokens.tolist() == [[1, 0, 0], [2, 3, 4], [2, 0, 0]]


@pytest.mark.parametrize("text", ["[PAD]", "[PAD] [UNK]", "   ", "<br />"])
def test_no_text_contains_padding_or_is_without_a_word(text):
    (row,) = encode(split_words([text]), np.array([0]), ("[PAD]", "[UNK]"), 10)
    assert (row != 0).all()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=8), st.integers(3, 12))
def test_equals_the_vocabulary_that_tokenizers_trains(texts, vocab_size):
    reference = Tokenizer(WordLevel(unk_token="[UNK]"))
    reference.normalizer = Lowercase()
    reference.pre_tokenizer = Split(Regex(r"\w+|[^\w\s]"), behavior="removed", invert=True)
    special = ["[PAD]", "[UNK]"]
    reference.train_from_iterator(
        texts, WordLevelTrainer(vocab_size=vocab_size, special_tokens=special, show_progress=False)
    )
    vocabulary = choose_vocabulary(split_words(texts), everything(texts), vocab_size)
    assert {word: token for token, word in enumerate(vocabulary)} == reference.get_vocab()


@given(st.lists(st.text("aAbc é,.!\n<br/>", max_size=20), min_size=1, max_size=8))
def test_the_saved_tokenizer_gives_the_same_ids(texts):
    corpus = split_words(texts)
    vocabulary = choose_vocabulary(corpus, everything(texts)[: 1 + len(texts) // 2], 6)
    tokenizer = Tokenizer.from_str(build_tokenizer(vocabulary).to_str())
    for text, row in zip(texts, encode(corpus, everything(texts), vocabulary, 100).tolist(), strict=True):
        assert [token for token in row if token] == (tokenizer.encode(text).ids or [1])


def test_splitting_in_chunks_changes_nothing(monkeypatch):
    whole = split_words(TEXTS)
    monkeypatch.setattr("uncertlr.data.text.CHUNK", 1)
    parts = split_words(TEXTS)
    assert parts.words == whole.words
    assert np.array_equal(parts.ids, whole.ids)
    assert np.array_equal(parts.lengths, whole.lengths)
