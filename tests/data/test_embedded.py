import numpy as np
import torch

from uncertlr.data import load_data
from uncertlr.data.embedded import LABEL_NOISE, toy_reviews


def test_digits_are_the_scikit_learn_digits():
    from sklearn.datasets import load_digits

    data = load_data("digits")
    assert data.train.inputs.dtype == torch.uint8
    assert data.train.inputs.shape[1:] == (1, 8, 8)
    assert (len(data.train), len(data.val), len(data.test)) == (1294, 144, 359)
    parts = torch.cat([data.train.inputs, data.val.inputs, data.test.inputs]).flatten(1).double() * 16 / 255
    labels = torch.cat([data.train.targets, data.val.targets, data.test.targets]).numpy()
    images, expected = load_digits(return_X_y=True)
    ours = sorted((tuple(row), label) for row, label in zip(parts.round().int().tolist(), labels.tolist(), strict=True))
    theirs = sorted((tuple(row), label) for row, label in zip(images.astype(int).tolist(), expected.tolist(), strict=True))
    assert ours == theirs


def test_reviews_are_short_and_the_same_every_time():
    source = toy_reviews()
    assert (len(source.train[0]), len(source.test[0])) == (2_000, 1_000)
    assert {len(text.split()) for text in source.train[0]} == set(range(5, 41))
    first, label = source.train[0][0], source.test[1][0]
    source.train[0][0], source.test[1][0] = "changed", 1 - label
    again = toy_reviews()
    assert again.train[0][0] == first
    assert again.test[1][0] == label
    assert not np.shares_memory(again.true_probs[0], source.true_probs[0])


def test_labels_follow_the_true_probabilities():
    data = load_data("toy_reviews", train_examples=0)
    for split in (data.train, data.test):
        positive = split.true_probs[:, 1]
        torch.testing.assert_close(split.true_probs.sum(1), torch.ones(len(split)))
        assert positive.min() >= LABEL_NOISE
        assert positive.max() <= 1 - LABEL_NOISE
        for low in (0.1, 0.3, 0.5, 0.7):
            chosen = (positive >= low) & (positive < low + 0.2)
            error = 4 * 0.5 / chosen.sum().sqrt()
            assert (split.targets[chosen].float().mean() - positive[chosen].mean()).abs() < error


def test_true_probabilities_stay_with_their_texts():
    data = load_data("toy_reviews", seed=5, train_examples=300)
    source = toy_reviews()
    known = {text: probs for text, probs in zip(source.train[0], source.true_probs[0].tolist(), strict=True)}
    for split in (data.train, data.val):
        for tokens, probs in zip(split.inputs, split.true_probs.tolist(), strict=True):
            assert known[data.decode(tokens)] == probs


def test_the_reviews_are_the_ones_that_published_runs_used():
    assert load_data("toy_reviews").fingerprint == "1783aec2b322857a2ac3c6cd58d0081d58db0dfb3fe732df9874589d93f591f2"
