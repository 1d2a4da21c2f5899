import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uncertlr.metrics import categorical_entropy, expected_entropy, max_entropy, mutual_information, predictive_entropy


@st.composite
def members(draw):
    size, batch, classes = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(2, 7))
    stream = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    scale = draw(st.sampled_from([0.0, 0.1, 1.0, 10.0, 1000.0]))
    return (torch.randn(size, batch, classes, generator=stream, dtype=torch.float64) * scale).softmax(-1)


@given(members())
def test_bounds_and_decomposition(probs):
    total, expected, information = predictive_entropy(probs), expected_entropy(probs), mutual_information(probs)
    assert (information >= 0).all()
    assert (information <= total + 1e-12).all()
    assert (total <= max_entropy(probs.shape[-1]) + 1e-9).all()
    assert torch.allclose(total, expected + information, atol=1e-9)


@given(members(), st.randoms(use_true_random=False))
def test_the_order_of_the_members_does_not_matter(probs, random):
    order = list(range(len(probs)))
    random.shuffle(order)
    for function in (predictive_entropy, expected_entropy, mutual_information):
        assert torch.allclose(function(probs), function(probs[order]), atol=1e-9)


@given(members())
def test_one_member_disagrees_with_nobody(probs):
    assert (mutual_information(probs[:1]) == 0).all()


def test_by_hand():
    uniform, certain = torch.full((3, 1, 4), 0.25), torch.eye(4)[:3].unsqueeze(1)
    assert float(predictive_entropy(uniform)) == pytest.approx(math.log(4))
    assert float(mutual_information(uniform)) == pytest.approx(0.0, abs=1e-6)
    assert float(expected_entropy(certain)) == 0.0
    assert float(mutual_information(certain)) == pytest.approx(math.log(3))


def test_zero_probability_adds_nothing():
    assert categorical_entropy(torch.tensor([1.0, 0.0, 0.0])).item() == 0.0
