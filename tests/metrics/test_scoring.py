import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from uncertlr.metrics import (
    accuracy,
    brier,
    class_log_probs,
    class_probs,
    cross_entropy,
    negative_log_likelihood,
    precision_recall_f1,
    scores,
)


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
    one_hot = torch.nn.functional.one_hot(targets, num_classes)
    assert float(brier(probs, targets)) == pytest.approx(float((probs - one_hot).square().sum(1).mean()))


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
    with pytest.raises(ValueError, match=rf"got \[{', '.join(map(str, probs))}\] and \[{', '.join(map(str, targets))}\]"):
        scores(torch.full(probs, 0.5), torch.zeros(targets, dtype=torch.long))


@given(st.floats(-50, 50))
def test_one_logit_is_the_second_of_two(logit):
    one = torch.tensor([[logit]], dtype=torch.float64)
    two = torch.tensor([[0.0, logit]], dtype=torch.float64)
    assert torch.allclose(class_probs(one), class_probs(two))
    assert torch.allclose(class_log_probs(one), class_log_probs(two))
    for target in (0, 1):
        targets = torch.tensor([target])
        assert float(cross_entropy(one, targets)) == pytest.approx(float(cross_entropy(two, targets)))


def test_probabilities_stay_exact_where_a_sigmoid_saturates():
    log_probs = class_log_probs(torch.tensor([[-200.0]]))
    assert log_probs.tolist() == [[0.0, -200.0]]


def test_cross_entropy_has_a_gradient():
    for width in (1, 3):
        logits = torch.zeros(4, width, requires_grad=True)
        cross_entropy(logits, torch.tensor([0, 1, 0, 1])).backward()
        assert logits.grad.abs().sum() > 0
