"""How often each example is drawn in a bootstrap replicate."""

import math
import operator
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

_BLOCK = 2**19  # counts made at a time: they stay in the processor's cache until they are used


def bootstrap_counts(num_examples: int, num_replicates: int, seed: int = 0) -> Iterator[Tensor]:
    """Blocks of replicates; a row counts how often each of n examples is among n draws with replacement (Efron 1979).

    Rows are multinomial with n trials and equal probabilities. Independent Poisson counts are multinomial, given their
    total, and 16 random bits make one. Their rate is a little below 1, and single draws fill each row up to n. Poisson's
    probabilities are rounded to 1/65536.

    Args:
        num_examples: n, at least 1.
        num_replicates: rows in all.
        seed: any integer; the counts are made on the processor, and are the same for data on any device.

    Yields:
        [rows, n], float32, each row's sum n.

    >>> [counts.sum(1).tolist() for counts in bootstrap_counts(4, 3)]
    [[4.0, 4.0, 4.0]]
    """
    stream = np.random.Generator(np.random.SFC64(operator.index(seed) % 2**64))
    counts_of_bits = _poisson_counts(max(0.0, 1 - 4 / math.sqrt(num_examples)))
    rows = max(1, _BLOCK // num_examples)
    for start in range(0, num_replicates, rows):
        yield _fill_up(_draw(counts_of_bits, min(rows, num_replicates - start), num_examples, stream), stream)


def _poisson_counts(rate: float) -> Tensor:
    """[65536], the Poisson count for each value of 16 random bits."""
    up_to = np.cumsum([math.exp(-rate) * rate**count / math.factorial(count) for count in range(40)])
    counts = np.searchsorted(np.round(up_to * 2**16), np.arange(2**16), side="right")
    return torch.from_numpy(counts.astype(np.float32))


def _draw(counts_of_bits: Tensor, rows: int, columns: int, stream: np.random.Generator) -> Tensor:
    words = stream.bit_generator.random_raw(-(-rows * columns // 4))
    bits = words.view(np.uint16)[: rows * columns].astype(np.int32)  # the narrowest index that torch takes
    return counts_of_bits.index_select(0, torch.from_numpy(bits)).view(rows, columns)


def _fill_up(counts: Tensor, stream: np.random.Generator) -> Tensor:
    rows, columns = counts.shape
    drawn = counts.sum(1)
    counts[drawn > columns] = 0  # too many already, at most a row in thirty thousand: all of it by single draws
    missing = torch.where(drawn > columns, columns, columns - drawn).long()
    cells = columns * torch.repeat_interleave(missing)
    cells += torch.from_numpy(stream.integers(columns, size=len(cells)))
    return counts.view(-1).index_add_(0, cells, torch.ones_like(cells, dtype=counts.dtype)).view(rows, columns)
