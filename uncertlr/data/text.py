"""Texts to token ids: lower case, words and punctuation marks, the training set's most frequent ones."""

from collections.abc import Sequence

import numpy as np
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase, Replace
from tokenizers.normalizers import Sequence as NormalizerSequence
from tokenizers.pre_tokenizers import Split
from tokenizers.trainers import WordLevelTrainer

PAD, UNKNOWN = "[PAD]", "[UNK]"


def build_tokenizer(texts: Sequence[str], vocab_size: int) -> Tokenizer:
    """A word-level tokenizer whose vocabulary is the most frequent words of `texts`.

    Words are runs of letters and digits, or single punctuation marks; line breaks of HTML count as spaces. Ties are broken
    by the alphabet, so the vocabulary is a function of the texts alone.

    Args:
        texts: the training texts.
        vocab_size: most token ids to use; id 0 is padding and id 1 any other word.
    """
    tokenizer = _tokenizer()
    tokenizer.train_from_iterator(
        texts, WordLevelTrainer(vocab_size=vocab_size, special_tokens=[PAD, UNKNOWN], show_progress=False)
    )
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> np.ndarray:
    """Token ids of texts, int32 [N, L], padded with 0; only the first `max_tokens` words of each are kept.

    An empty text becomes one unknown word, so that every text has a last word.
    """
    tokenizer.enable_truncation(max_tokens)
    rows = [encoding.ids or [1] for encoding in tokenizer.encode_batch_fast(list(texts))]
    ids = np.zeros((len(rows), max((len(row) for row in rows), default=1)), dtype=np.int32)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
    return ids


def vocabulary_of(tokenizer: Tokenizer) -> tuple[str, ...]:
    """The words in the order of their ids."""
    ids = tokenizer.get_vocab()
    return tuple(sorted(ids, key=ids.__getitem__))


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel(unk_token=UNKNOWN))
    tokenizer.normalizer = NormalizerSequence([Replace("<br />", " "), Lowercase()])
    tokenizer.pre_tokenizer = Split(Regex(r"\w+|[^\w\s]"), behavior="removed", invert=True)
    return tokenizer
