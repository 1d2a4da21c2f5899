import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uncertlr.data import DataSet, Split, eval_batches, load_data, steps_per_epoch, train_batches


def small_set(count=10, kind="image"):
    targets = torch.arange(count) % 2
    if kind == "image":
        inputs = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    else:
        lengths = torch.arange(count) * 7 % 40 + 1
        inputs = (torch.arange(40) < lengths[:, None]).int() * (torch.arange(count)[:, None].int() % 5 + 1)
    split = Split(inputs, targets)
    return DataSet("small", kind, ("a", "b"), split, split, split, "", torch.full((3,), 0.4), torch.full((3,), 0.2))


@pytest.fixture(scope="module")
def digits():
    return load_data("digits", train_examples=200)


@pytest.fixture(scope="module")
def reviews():
    return load_data("toy_reviews")


def same(one, other):
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("inputs", "targets", "indices"))


@given(st.integers(1, 300), st.integers(2, 70), st.sampled_from(["image", "text"]))
def test_an_epoch_holds_every_example_once_in_as_many_batches_as_promised(count, batch_size, kind):
    batches = list(train_batches(small_set(count, kind), batch_size, seed=0, epoch=1, augment=False))
    assert len(batches) == steps_per_epoch(count, batch_size)
    assert sorted(torch.cat([batch.indices for batch in batches]).tolist()) == list(range(count))
    assert count == 1 or min(len(batch.targets) for batch in batches) > 1
    assert max(len(batch.targets) for batch in batches) <= batch_size + 1


@pytest.mark.parametrize("name", ["digits", "reviews"])
def test_batches_are_a_function_of_seed_and_epoch(name, request):
    data = request.getfixturevalue(name)
    first = list(train_batches(data, 64, seed=3, epoch=2, augment=True))
    torch.rand(7)  # the global stream has no say
    again = list(train_batches(data, 64, seed=3, epoch=2, augment=True))
    assert all(same(one, other) for one, other in zip(first, again, strict=True))
    for seed, epoch in ((3, 3), (4, 2)):
        other = next(train_batches(data, 64, seed, epoch, augment=True))
        assert not torch.equal(other.indices, first[0].indices)


@pytest.mark.parametrize("name", ["digits", "reviews"])
def test_the_global_stream_is_not_consumed(name, request):
    data = request.getfixturevalue(name)
    before = torch.random.get_rng_state()
    list(train_batches(data, 64, 0, 1, augment=True))
    list(eval_batches(data, data.val, 64))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_order_is_the_one_that_published_runs_used(digits, reviews):
    assert next(train_batches(digits, 64, 0, 1, True)).indices[:6].tolist() == [121, 16, 39, 163, 125, 95]
    assert next(train_batches(reviews, 64, 0, 1, True)).indices[:6].tolist() == [295, 742, 1184, 523, 424, 1391]


def test_augmentation_changes_images_and_nothing_else(digits):
    plain, varied = (next(train_batches(digits, 64, 0, 1, augment)) for augment in (False, True))
    assert torch.equal(plain.indices, varied.indices)
    assert torch.equal(plain.targets, varied.targets)
    assert not torch.equal(plain.inputs, varied.inputs)


def test_images_are_normalized_floats_with_channels_last():
    data = small_set(70)
    batch = next(train_batches(data, 64, 0, 1, augment=False))
    expected = (data.train.inputs[batch.indices].float() / 255 - 0.4) / 0.2
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(batch.inputs, expected, check_stride=False)
    assert torch.equal(batch.targets, data.train.targets[batch.indices])


def test_texts_are_cut_to_the_longest_of_their_batch(reviews):
    for batch in train_batches(reviews, 64, 0, 1, augment=True):
        assert batch.inputs.dtype == torch.int64
        lengths = (batch.inputs != 0).sum(1)
        assert batch.inputs.shape[1] == lengths.max()
        assert torch.equal(batch.inputs, reviews.train.inputs[batch.indices, : batch.inputs.shape[1]].long())


def test_buckets_spare_padding_yet_mix_the_lengths_over_the_epoch(reviews):
    batches = list(train_batches(reviews, 32, 0, 1, augment=False))
    padding = sum(int((batch.inputs == 0).sum()) for batch in batches) / sum(batch.inputs.numel() for batch in batches)
    assert padding < 0.05
    widths = [batch.inputs.shape[1] for batch in batches]
    assert widths not in (sorted(widths), sorted(widths, reverse=True))


@pytest.mark.parametrize("name", ["digits", "reviews"])
def test_evaluation_sees_the_whole_split_and_can_be_put_back_in_order(name, request):
    data = request.getfixturevalue(name)
    batches = list(eval_batches(data, data.test, 50))
    indices = torch.cat([batch.indices for batch in batches])
    targets = torch.cat([batch.targets for batch in batches])
    assert torch.equal(targets[torch.argsort(indices)], data.test.targets)
    assert (indices.tolist() == list(range(len(data.test)))) == (data.kind == "image")


def test_evaluation_keeps_a_last_batch_of_one():
    batches = list(eval_batches(small_set(9), small_set(9).val, 4))
    assert [len(batch.targets) for batch in batches] == [4, 4, 1]


def test_a_batch_of_another_split_has_that_splits_examples():
    data = small_set(10)
    other = dataclasses.replace(data.val, inputs=data.val.inputs.flip(0), targets=data.val.targets.flip(0))
    assert torch.equal(next(eval_batches(data, other, 4)).targets, other.targets[:4])
