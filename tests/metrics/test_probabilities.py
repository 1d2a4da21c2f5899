import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uncertlr.metrics import class_log_probs, class_probs, cross_entropy


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1,), (4, 1), (2, 4, 1), (3,), (4, 3), (2, 4, 3)])
def test_the_last_axis_is_the_classes_and_sums_to_1(shape, dtype):
    logits = torch.linspace(-3, 3, math.prod(shape), dtype=dtype).reshape(shape)
    probs = class_probs(logits)
    assert probs.dtype == dtype
    assert probs.shape == (*shape[:-1], max(shape[-1], 2))
    assert torch.allclose(probs.sum(-1), torch.ones((), dtype=dtype))
    assert torch.allclose(class_log_probs(logits).exp(), probs)


def test_by_hand():
    """One logit of log 3 is odds of three to one for class 1."""
    assert class_probs(torch.tensor([math.log(3.0)])).tolist() == pytest.approx([0.25, 0.75])
    assert float(cross_entropy(torch.tensor([[math.log(3.0)]]), torch.tensor([0]))) == pytest.approx(math.log(4))


@pytest.mark.parametrize("width", [1, 3])
def test_lengths_that_differ_are_refused(width):
    with pytest.raises(ValueError, match=rf"\[4, {width}\].*\[3\]"):
        cross_entropy(torch.zeros(4, width), torch.zeros(3, dtype=torch.long))
