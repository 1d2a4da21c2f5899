import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from torchmetrics.functional import classification as tm

from uncertlr.metrics import accuracy, brier, negative_log_likelihood, precision_recall_f1, scores

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def sample(count, num_classes, seed=0):
    stream = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, num_classes, generator=stream, dtype=torch.float64) * 2
    return logits.softmax(1), torch.randint(0, num_classes, (count,), generator=stream)


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_against_scikit_learn(num_classes):
    probs, targets = sample(500, num_classes)
    labels, predicted = targets.numpy(), probs.argmax(1).numpy()
    average = "binary" if num_classes == 2 else "macro"
    precision, recall, f1 = precision_recall_f1(probs, targets)
    assert float(accuracy(probs, targets)) == pytest.approx(sk.accuracy_score(labels, predicted))
    assert float(negative_log_likelihood(probs, targets)) == pytest.approx(
        sk.log_loss(labels, probs.numpy(), labels=range(num_classes))
    )
    assert float(precision) == pytest.approx(sk.precision_score(labels, predicted, average=average))
    assert float(recall) == pytest.approx(sk.recall_score(labels, predicted, average=average))
    assert float(f1) == pytest.approx(sk.f1_score(labels, predicted, average=average))


@pytest.mark.parametrize("num_classes", [2, 10])
def test_against_torchmetrics(num_classes):
    probs, targets = sample(500, num_classes)
    if num_classes == 2:
        theirs = [function(probs[:, 1], targets) for function in (tm.binary_precision, tm.binary_recall, tm.binary_f1_score)]
    else:
        functions = (tm.multiclass_precision, tm.multiclass_recall, tm.multiclass_f1_score)
        theirs = [function(probs, targets, num_classes, average="macro") for function in functions]
    assert [float(value) for value in precision_recall_f1(probs, targets)] == pytest.approx([float(v) for v in theirs])
    micro = tm.multiclass_accuracy(probs, targets, num_classes, average="micro")
    assert float(accuracy(probs, targets)) == pytest.approx(float(micro))


@pytest.mark.parametrize("num_classes", [3, 10])
def test_brier_is_the_sum_of_scikit_learns_over_the_classes(num_classes):
    probs, targets = sample(300, num_classes)
    each = [sk.brier_score_loss(targets.numpy() == label, probs[:, label].numpy()) for label in range(num_classes)]
    assert float(brier(probs, targets)) == pytest.approx(sum(each))


def test_binary_brier_is_twice_scikit_learns():
    """Ours sums over both classes, as Brier did; theirs takes the positive class alone."""
    probs, targets = sample(200, 2)
    assert float(brier(probs, targets)) == pytest.approx(2 * sk.brier_score_loss(targets.numpy(), probs[:, 1].numpy()))


def test_by_hand():
    probs = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    targets = torch.tensor([0, 1, 1, 0])
    result = scores(probs, targets)
    assert result["accuracy"] == 0.5
    assert result["precision"] == 0.5
    assert result["recall"] == 0.5
    assert result["f1"] == 0.5
    assert result["loss"] == pytest.approx(-sum(math.log(p) for p in (0.9, 0.8, 0.4, 0.3)) / 4)
    assert result["brier"] == pytest.approx((0.02 + 0.08 + 0.72 + 0.98) / 4)


def test_undefined_ratios_are_0():
    probs, targets = torch.tensor([[0.9, 0.1]]), torch.tensor([0])
    assert [float(value) for value in precision_recall_f1(probs, targets)] == [0.0, 0.0, 0.0]


def test_a_class_that_is_absent_counts_in_the_macro_mean():
    probs, targets = torch.eye(3)[[0, 1]], torch.tensor([0, 1])
    assert [float(value) for value in precision_recall_f1(probs, targets)] == pytest.approx([2 / 3] * 3)


def test_an_impossible_event_has_a_finite_loss():
    loss = float(negative_log_likelihood(torch.tensor([[1.0, 0.0]]), torch.tensor([1])))
    assert loss == pytest.approx(87.34, abs=0.01)


@pytest.mark.parametrize(("probs", "targets"), [((3, 2), (2,)), ((3,), (3,)), ((0, 2), (0,)), ((3, 2), (3, 1))])
def test_shapes_that_do_not_fit_are_named(probs, targets):
    with pytest.raises(ValueError, match=rf"\[{', '.join(map(str, targets))}\]"):
        scores(torch.full(probs, 0.5), torch.zeros(targets, dtype=torch.long))


@pytest.mark.parametrize("function", [accuracy, negative_log_likelihood, brier, precision_recall_f1, scores])
@pytest.mark.parametrize(
    ("targets", "value"),
    [([0, 2], "got 2"), ([-1, 0], "got -1"), ([0.0, 1.0], "float32")],
)
def test_labels_that_no_column_stands_for_are_refused(function, targets, value):
    with pytest.raises(ValueError, match=value):
        function(torch.full((2, 2), 0.5), torch.tensor(targets))


def test_certain_and_wrong():
    result = scores(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([1, 1]))
    expected = {"loss": 87.336545, "accuracy": 0, "brier": 2, "ece": 1, "mce": 1, "precision": 0, "recall": 0, "f1": 0}
    assert result == pytest.approx(expected)


def test_certain_and_right():
    result = scores(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))
    expected = {"loss": 0, "accuracy": 1, "brier": 0, "ece": 0, "mce": 0, "precision": 1, "recall": 1, "f1": 1}
    assert result == expected


@given(st.integers(1, 30), st.integers(2, 6), st.integers(0, 10_000))
def test_neither_the_order_of_examples_nor_the_names_of_classes_matter(count, num_classes, seed):
    probs, targets = sample(count, num_classes, seed)
    rng = np.random.default_rng(seed)
    order, names = torch.from_numpy(rng.permutation(count)), torch.from_numpy(rng.permutation(num_classes))
    result = scores(probs, targets)
    assert scores(probs[order], targets[order]) == pytest.approx(result)
    renamed = scores(probs[:, names], names.argsort()[targets])
    free_of_names = set(result) - ({"precision", "recall", "f1"} if num_classes == 2 else set())
    assert {name: renamed[name] for name in free_of_names} == pytest.approx({name: result[name] for name in free_of_names})
    assert 0 <= result["ece"] <= result["mce"] + 1e-12 <= 1 + 2e-12
    assert 0 <= result["brier"] <= 2


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_device_and_precision_agree(device, dtype):
    probs, targets = sample(400, 4)
    assert scores(probs.to(device, dtype), targets.to(device)) == pytest.approx(scores(probs, targets), rel=1e-5, abs=1e-6)


def test_many_classes_need_no_table_of_pairs():
    """A matrix of 100,000 x 100,000 counts would take 80 GB."""
    targets = torch.arange(3)
    result = scores(torch.nn.functional.one_hot(targets, 100_000).float(), targets)
    assert result["accuracy"] == 1.0
    assert result["f1"] == pytest.approx(3 / 100_000)
