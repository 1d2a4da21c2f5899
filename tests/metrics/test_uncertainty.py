import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from uncertlr.metrics import categorical_entropy, expected_entropy, max_entropy, mutual_information, predictive_entropy


@st.composite
def members(draw):
    size, batch, classes = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(2, 7))
    stream = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    scale = draw(st.sampled_from([0.0, 0.1, 1.0, 10.0, 1000.0]))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    return (torch.randn(size, batch, classes, generator=stream, dtype=dtype) * scale).softmax(-1)


def rounding(probs):
    return 8 * torch.finfo(probs.dtype).eps


@given(members())
def test_bounds_and_decomposition(probs):
    total, expected, information = predictive_entropy(probs), expected_entropy(probs), mutual_information(probs)
    assert (information >= 0).all()
    assert (information <= total).all()
    assert (total <= max_entropy(probs.shape[-1]) + rounding(probs)).all()
    assert torch.allclose(total, expected + information, rtol=0, atol=rounding(probs))


@given(members(), st.randoms(use_true_random=False))
def test_the_order_of_the_members_does_not_matter(probs, random):
    order = list(range(len(probs)))
    random.shuffle(order)
    for function in (predictive_entropy, expected_entropy, mutual_information):
        assert torch.allclose(function(probs), function(probs[order]), rtol=0, atol=rounding(probs))


@given(members())
def test_one_member_disagrees_with_nobody(probs):
    assert (mutual_information(probs[:1]) == 0).all()


@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 2, 1), (2, 1, 0)])
@pytest.mark.parametrize("num_classes", [2, 7, 10, 100])
def test_one_member_disagrees_with_nobody_however_its_memory_lies(axes, num_classes):
    probs = torch.randn(1, 257, num_classes, generator=torch.Generator().manual_seed(0)).mul(3).softmax(-1)
    inverse = [axes.index(axis) for axis in range(3)]
    probs = probs.permute(axes).contiguous().permute(inverse)
    assert (mutual_information(probs) == 0).all()
    assert torch.equal(predictive_entropy(probs), expected_entropy(probs))


def test_rounding_never_makes_information_negative():
    probs = torch.randn(1, 500, 10, generator=torch.Generator().manual_seed(0)).softmax(-1).repeat(3, 1, 1)
    assert (predictive_entropy(probs) < expected_entropy(probs)).any(), "rounding has to be at work here"
    assert (mutual_information(probs) >= 0).all()


@given(members())
def test_against_scipy(probs):
    probs = probs.double() / probs.double().sum(-1, keepdim=True)  # as theirs does
    assert torch.allclose(predictive_entropy(probs), torch.tensor(entropy(probs.mean(0).numpy(), axis=-1)))
    assert torch.allclose(expected_entropy(probs), torch.tensor(entropy(probs.numpy(), axis=-1).mean(0)))


def test_two_members_disagree_by_their_jensen_shannon_divergence():
    probs = torch.tensor([[[0.7, 0.2, 0.1]], [[0.1, 0.3, 0.6]]], dtype=torch.float64)
    assert float(mutual_information(probs)) == pytest.approx(jensenshannon(*probs[:, 0].numpy()) ** 2)


@pytest.mark.parametrize("function", [predictive_entropy, expected_entropy, mutual_information])
@pytest.mark.parametrize("shape", [(), (3,), (4, 3), (0, 4, 3), (2, 2, 4, 3)])
def test_probabilities_without_a_sample_axis_are_refused(function, shape):
    with pytest.raises(ValueError, match=rf"\[{', '.join(map(str, shape))}\]"):
        function(torch.full(shape, 0.5))


@pytest.mark.parametrize("num_classes", [1, 2, 10])
def test_the_uniform_distribution_has_the_largest_entropy(num_classes):
    uniform = torch.full((num_classes,), 1 / num_classes, dtype=torch.float64)
    assert float(categorical_entropy(uniform)) == pytest.approx(max_entropy(num_classes))


def test_there_is_no_entropy_without_classes():
    with pytest.raises(ValueError, match=r"\b0$"):
        max_entropy(0)


def test_by_hand():
    uniform, certain = torch.full((3, 1, 4), 0.25), torch.eye(4)[:3].unsqueeze(1)
    assert float(predictive_entropy(uniform)) == pytest.approx(math.log(4))
    assert float(mutual_information(uniform)) == pytest.approx(0.0, abs=1e-6)
    assert float(expected_entropy(certain)) == 0.0
    assert float(mutual_information(certain)) == pytest.approx(math.log(3))


def test_zero_probability_adds_nothing():
    assert categorical_entropy(torch.tensor([1.0, 0.0, 0.0])).item() == 0.0
