import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from scipy import stats

from uncertlr.metrics import resampling
from uncertlr.metrics.resampling import bootstrap_counts


def counts(num_examples, num_replicates, seed=0):
    return torch.cat(list(bootstrap_counts(num_examples, num_replicates, seed)))


def fits(observed, probabilities):
    """Chi-square test; cells that expect less than five are put together."""
    observed, expected = np.asarray(observed), np.asarray(probabilities) * sum(observed)
    rare = expected < 5
    if rare.any():
        observed, expected = (np.append(cells[~rare], cells[rare].sum()) for cells in (observed, expected))
    return stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-3


@pytest.mark.parametrize("num_examples", [1, 2, 3, 15, 17, 100, 1_000])
def test_each_replicate_draws_as_many_examples_as_there_are(num_examples):
    drawn = counts(num_examples, 199)
    assert drawn.shape == (199, num_examples)
    assert (drawn >= 0).all()
    assert torch.equal(drawn, drawn.round())
    assert (drawn.sum(1) == num_examples).all()


@pytest.mark.parametrize("num_examples", [4, 20])
def test_replicates_are_multinomial(num_examples):
    """Counts of two of the examples and of all others together, against the multinomial's probabilities."""
    observed = Counter(map(tuple, counts(num_examples, 40_000)[:, :2].long().tolist()))
    cells = [cell for cell in itertools.product(range(num_examples + 1), repeat=2) if sum(cell) <= num_examples]
    law = stats.multinomial(num_examples, [1 / num_examples, 1 / num_examples, 1 - 2 / num_examples])
    assert fits([observed[cell] for cell in cells], law.pmf([[*cell, num_examples - sum(cell)] for cell in cells]))


def test_no_example_is_drawn_more_often_than_another():
    drawn = counts(400, 500)
    assert fits(drawn.sum(0).long().numpy(), np.full(400, 1 / 400))
    observed = np.bincount(drawn.long().flatten(), minlength=401)
    assert fits(observed, stats.binom.pmf(np.arange(401), 400, 1 / 400))


def test_the_weighted_mean_spreads_as_that_of_draws_does():
    values = torch.arange(400.0)
    means = counts(400, 4_000) @ values / 400
    assert float(means.std()) == pytest.approx(float(values.std(correction=0)) / 20, rel=0.04)


@pytest.mark.parametrize("rate", [0.98, 3.0])
def test_a_row_that_drew_too_many_is_drawn_anew(monkeypatch, rate):
    poisson_counts = resampling._poisson_counts
    monkeypatch.setattr(resampling, "_poisson_counts", lambda _: poisson_counts(rate))  # about half of the rows, or all
    drawn = counts(50, 2_000)
    assert (drawn.sum(1) == 50).all()
    assert fits(np.bincount(drawn.long().flatten(), minlength=51), stats.binom.pmf(np.arange(51), 50, 1 / 50))


def test_blocks_hold_all_replicates_and_repeat_with_the_seed(monkeypatch):
    monkeypatch.setattr(resampling, "_BLOCK", 300)
    blocks = list(bootstrap_counts(100, 7, seed=1))
    assert [len(block) for block in blocks] == [3, 3, 1]
    assert torch.equal(torch.cat(blocks), counts(100, 7, seed=1))
    assert not torch.equal(torch.cat(blocks), counts(100, 7, seed=2))
    assert not torch.equal(blocks[0], blocks[1])
    assert [len(block) for block in bootstrap_counts(400, 2)] == [1, 1]


def test_any_integer_is_a_seed_and_no_other_thing_is():
    assert torch.equal(counts(10, 5, seed=-1), counts(10, 5, seed=2**64 - 1))
    assert torch.equal(counts(10, 5, seed=np.int64(3)), counts(10, 5, seed=3))
    for seed in (None, 1.5):
        with pytest.raises(TypeError):
            counts(10, 5, seed=seed)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_defaults_of_torch_do_not_matter(dtype):
    expected, before = counts(100, 5), torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        assert torch.equal(counts(100, 5), expected)
        with torch.device("meta"):
            assert torch.equal(counts(100, 5), expected)
    finally:
        torch.set_default_dtype(before)


def test_the_counts_of_stored_intervals_stay_as_they_are():
    assert counts(6, 2, seed=3).tolist() == [[1, 1, 1, 0, 2, 1], [1, 0, 0, 0, 2, 3]]
    blocks = list(bootstrap_counts(2**18, 3))
    assert [len(each) for each in blocks] == [2, 1]
    order = torch.arange(2**18, dtype=torch.float64)
    sums = [int(row.double() @ order) for each in blocks for row in each]
    assert sums == [34361281645, 34321663423, 34371195114]
