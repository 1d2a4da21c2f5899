"""Texts to token ids: lower case, words and punctuation marks, the training set's most frequent ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase, Replace
from tokenizers.normalizers import Sequence as NormalizerSequence
from tokenizers.pre_tokenizers import Split
from tokenizers.trainers import WordLevelTrainer

PAD, UNKNOWN = "[PAD]", "[UNK]"
UNKNOWN_TOKEN = 1
"""Token id of any word outside the vocabulary."""

CHUNK = 5_000
"""Texts that are split at once: bounds the memory that the tokenizer's own objects take."""


@dataclass(frozen=True)
class Corpus:
    """Texts split into words, before any vocabulary is chosen: the same for every seed and every size of vocabulary.

    Attributes:
        words: all words that occur, in alphabetical order.
        ids: int32, the texts' words one text after another, as places in `words`.
        lengths: int64 [N], words of each text.
    """

    words: tuple[str, ...]
    ids: np.ndarray
    lengths: np.ndarray


def split_words(texts: Sequence[str]) -> Corpus:
    """Split texts into lower-case words: runs of letters and digits, or single punctuation marks.

    Line breaks of HTML count as spaces.
    """
    tokenizer = _tokenizer(WordLevel(unk_token=UNKNOWN))
    tokenizer.train_from_iterator(texts, WordLevelTrainer(vocab_size=2**31, special_tokens=[], show_progress=False))
    vocabulary = tokenizer.get_vocab()
    words = tuple(sorted(vocabulary))
    places = np.empty(len(words), dtype=np.int32)
    places[[vocabulary[word] for word in words]] = np.arange(len(words), dtype=np.int32)
    ids, lengths = [np.zeros(0, dtype=np.int32)], []
    for start in range(0, len(texts), CHUNK):
        for encoding in tokenizer.encode_batch_fast(list(texts[start : start + CHUNK])):
            ids.append(np.array(encoding.ids, dtype=np.int32))
            lengths.append(len(ids[-1]))
    return Corpus(words, places[np.concatenate(ids)], np.array(lengths, dtype=np.int64))


def choose_vocabulary(corpus: Corpus, examples: np.ndarray, vocab_size: int) -> tuple[str, ...]:
    """The most frequent words of some texts, by token id; ties are broken by the alphabet.

    Args:
        corpus: all texts.
        examples: which of them are for training; no others have a say.
        vocab_size: most token ids to use; id 0 is padding and id 1 any other word.
    """
    ids, _ = _words_of(corpus, examples)
    counts = np.bincount(ids, minlength=len(corpus.words))
    frequent = np.argsort(-counts, kind="stable")[: min(vocab_size - 2, np.count_nonzero(counts))]
    return (PAD, UNKNOWN, *(corpus.words[place] for place in frequent.tolist()))


def encode(corpus: Corpus, examples: np.ndarray, vocabulary: tuple[str, ...], max_tokens: int) -> np.ndarray:
    """Token ids of some texts, int32 [N, L], padded with 0; only the first `max_tokens` words of each are kept.

    An empty text becomes one unknown word, so that every text has a last word.
    """
    places = {word: place for place, word in enumerate(corpus.words)}
    token_of = np.full(len(corpus.words), UNKNOWN_TOKEN, dtype=np.int32)
    token_of[[places[word] for word in vocabulary[2:]]] = np.arange(2, len(vocabulary), dtype=np.int32)
    ids, lengths = _words_of(corpus, examples, max_tokens)
    tokens = np.zeros((len(examples), max(1, int(lengths.max(initial=0)))), dtype=np.int32)
    tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = token_of[ids]
    tokens[lengths == 0, 0] = UNKNOWN_TOKEN
    return tokens


def build_tokenizer(vocabulary: tuple[str, ...]) -> Tokenizer:
    """A tokenizer that gives any text the token ids that `encode` gives the data set's."""
    ids = {word: token for token, word in enumerate(vocabulary)}
    tokenizer = _tokenizer(WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in (PAD, UNKNOWN)])
    return tokenizer


def _words_of(corpus: Corpus, examples: np.ndarray, limit: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The words of some texts, one text after another, and how many each has; at most `limit` of each."""
    starts = np.concatenate([[0], np.cumsum(corpus.lengths)])[examples]
    lengths = corpus.lengths[examples]
    if limit is not None:
        lengths = np.minimum(lengths, limit)
    before = np.cumsum(lengths) - lengths
    return corpus.ids[np.repeat(starts - before, lengths) + np.arange(lengths.sum())], lengths


def _tokenizer(model: WordLevel) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = NormalizerSequence([Replace("<br />", " "), Lowercase()])
    tokenizer.pre_tokenizer = Split(Regex(r"\w+|[^\w\s]"), behavior="removed", invert=True)
    return tokenizer
