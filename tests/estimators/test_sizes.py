"""Many classes, many samples, half precision: what is large is taken in blocks, or refused with the size."""

import math
import subprocess
import sys
import textwrap

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from uncertlr.estimators import (
    AnalyticDropout,
    Deterministic,
    Ensemble,
    MCDropout,
    Prediction,
    Variational,
    fit_laplace,
    gaussian,
    laplace,
    mc_dropout,
    prediction,
)
from uncertlr.models import CNN, MLP, LSTMClassifier, MeanField

QUANTITIES = ("mean_probs", "predictive_entropy", "expected_entropy", "mutual_information")


def assert_close(one, other, tolerance=1e-6):
    assert one.num_samples == other.num_samples
    for name in QUANTITIES:
        assert torch.allclose(getattr(one, name), getattr(other, name), rtol=1e-5, atol=tolerance), name


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=8),
    st.integers(1, 4),
    st.integers(2, 6),
    st.sampled_from([0.0, 1.0, 30.0]),
    st.integers(1, 200),
    st.integers(0, 10_000),
)
def test_running_sums_are_the_average_over_all_samples(sizes, batch, classes, scale, block, seed):
    stream = torch.Generator().manual_seed(seed)
    blocks = [(scale * torch.randn(size, batch, classes, generator=stream)).softmax(-1) for size in sizes]
    whole = Prediction.from_probs(torch.cat(blocks))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prediction, "BLOCK", block)
        parts = Prediction.from_samples(iter(blocks))
    assert_close(parts, whole)
    for found in (parts, whole):
        total, expected, information = (getattr(found, name) for name in QUANTITIES[1:])
        assert (information >= 0).all()
        assert (information <= total + 1e-6).all()
        assert (total <= math.log(classes) + 1e-6).all()
        assert torch.allclose(total, expected + information, atol=2e-6)


def test_samples_that_fit_are_averaged_at_once_to_the_last_bit():
    probs = torch.randn(7, 5, 4, generator=torch.Generator().manual_seed(0)).softmax(-1)
    whole, apart = Prediction.from_probs(probs), Prediction.from_samples(probs.split(1))
    assert all(torch.equal(getattr(whole, name), getattr(apart, name)) for name in QUANTITIES)


def test_there_is_no_prediction_without_a_sample():
    with pytest.raises(ValueError, match=r"\[s, B, C\]"):
        Prediction.from_samples([])


@pytest.mark.parametrize("shared", [True, False])
def test_samples_in_blocks_have_the_moments_of_samples_at_once(shared, monkeypatch):
    torch.manual_seed(0)
    model, features = CNN(8, 1, 5, (2, 3), 24), torch.randn(4, 24)
    whole = MCDropout(6_000, shared).estimate_from_features(model, features)
    for module in (mc_dropout, prediction):
        monkeypatch.setattr(module, "BLOCK", 1_000)
    assert_close(MCDropout(6_000, shared).estimate_from_features(model, features), whole, 0.02)


def test_rows_in_blocks_are_rows_at_once(monkeypatch):
    torch.manual_seed(0)
    model, inputs = CNN(8, 1, 5, (2, 3), 24), torch.randn(9, 1, 8, 8)
    targets = torch.arange(9) % 5
    whole = AnalyticDropout(8).estimate(model, inputs)
    fitted = fit_laplace(model, [(inputs, targets)], prior_precision=1.0)
    of_laplace = fitted.estimate(model, inputs)
    for module in (gaussian, laplace):
        monkeypatch.setattr(module, "BLOCK", 300)
    assert_close(AnalyticDropout(8).estimate(model, inputs), whole)
    again = fit_laplace(model, [(inputs, targets)], prior_precision=1.0)
    assert torch.allclose(again.covariance, fitted.covariance)
    assert_close(again.estimate(model, inputs), of_laplace)


def test_twenty_thousand_classes_take_little_memory():
    """All 32 samples of 64 examples at once would take 1.3 GB, each time that they are copied."""
    code = """
        import resource, torch
        from uncertlr.estimators import MCDropout
        from uncertlr.models import MLP
        model, inputs = MLP(16, 20_000), torch.randn(64, 16)
        MCDropout(2).estimate(model, inputs[:2])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        prediction = MCDropout(32).estimate(model, inputs)
        assert (prediction.mutual_information > 0).all() and prediction.num_samples == 32
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    found = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    scale = 1 if sys.platform == "darwin" else 1_024
    assert int(found.stdout) * scale < 300e6


def test_sizes_that_are_too_large_are_refused_with_the_size_and_an_alternative():
    features = torch.randn(2, 128)
    model = MLP(16, 20_000)
    with pytest.raises(ValueError, match=r"51,200,000,000.*mc_dropout"):
        AnalyticDropout().estimate_from_features(model, features)
    with pytest.raises(ValueError, match=r"2,580,000.*mc_dropout"):
        fit_laplace(model, [(torch.randn(2, 16), torch.tensor([0, 1]))])
    assert AnalyticDropout(4).estimate_from_features(MLP(16, 300), features).mean_probs.shape == (2, 300)


def test_a_perfect_fit_is_training_data():
    torch.manual_seed(0)
    model, inputs = MLP(4, 2, 6, dropout=0.0), torch.randn(8, 4)
    with torch.no_grad():
        model.head[1].weight.zero_()
        model.head[1].bias.copy_(torch.tensor([500.0, -500.0]))
    fitted = fit_laplace(model, [(inputs, torch.zeros(8, dtype=torch.long))])
    assert math.isfinite(fitted.log_marginal_likelihood)
    assert torch.isfinite(fitted.estimate(model, inputs).mutual_information).all()


def test_a_diverged_model_cannot_be_fitted():
    model = MLP(4, 2, 6)
    with torch.no_grad():
        model.head[1].bias.fill_(torch.nan)
    with pytest.raises(ValueError, match="nan"):
        fit_laplace(model, [(torch.randn(4, 4), torch.tensor([0, 1, 0, 1]))])


HALF = [torch.bfloat16, torch.float16]
WITHOUT_A_HEAD = ["deterministic", "mc_dropout", "shared", "ensemble", "variational"]
CASES = [(name, kind) for kind in ("cnn", "lstm") for name in (*WITHOUT_A_HEAD, "analytic", "laplace")]
CASES += [(name, "full passes") for name in WITHOUT_A_HEAD]


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_half_precision_gives_nearly_what_float32_gives(dtype, kind, name):
    torch.manual_seed(0)
    if kind == "lstm":
        model, inputs = LSTMClassifier(50, 2, 8, 12), torch.randint(1, 50, (5, 7))
    else:
        model, inputs = CNN(8, 1, 10, (4, 8), 16), torch.randn(5, 1, 8, 8).to(dtype).float()
    if kind == "full passes":
        model = nn.Sequential(model)
    low_inputs = inputs if kind == "lstm" else inputs.to(dtype)
    found = []
    for precision, batch in ((torch.float32, inputs), (dtype, low_inputs)):
        each = model.to(dtype).to(precision)  # the same weights, rounded alike
        batches = [(batch, torch.tensor([0, 1, 0, 1, 1]))]
        estimator = {
            "deterministic": lambda: Deterministic(),
            "mc_dropout": lambda: MCDropout(200),
            "shared": lambda: MCDropout(200, shared_masks=True),
            "analytic": lambda: AnalyticDropout(16),
            "laplace": lambda each=each, batches=batches: fit_laplace(each, batches, prior_precision=1.0),
            "ensemble": lambda: Ensemble(),
            "variational": lambda: Variational(200),
        }[name]()
        if name == "ensemble":
            each = nn.ModuleList([each, each])
        if name == "variational":
            each = MeanField(each, initial_sigma=0.1)
        found.append(estimator.estimate(each, batch))
    full, half = found
    assert half.mean_probs.dtype == torch.float32
    assert torch.allclose(half.mean_probs, full.mean_probs, atol=0.06)
    assert torch.allclose(half.mutual_information, full.mutual_information, atol=0.05)
    assert (half.predictive_entropy <= math.log(half.mean_probs.shape[1]) + 1e-5).all()


@pytest.mark.parametrize("p", [1e-7, 1.0])
def test_probabilities_that_16_bits_cannot_represent_are_left_to_torch(p):
    torch.manual_seed(0)
    model, features = CNN(8, 1, 4, (2, 3), 16, dropout=p), torch.randn(3, 16)
    if p == 1.0:
        with pytest.raises(ValueError, match="analytic_dropout"):
            AnalyticDropout(4).estimate_from_features(model, features)
    with pytest.warns(UserWarning, match="1 x Dropout") if p < 1 else pytest.raises(ValueError, match="1 x Dropout"):
        MCDropout(4).estimate_from_features(model, features)


def test_the_limit_of_a_covariance_that_rounding_made_indefinite():
    """A square root all the same: its product with its transpose is the covariance."""
    row = torch.tensor([[1e3, 1e3, 1e-4]])
    covariance = (row.T @ row)[None]
    covariance[0, 2, 2] = -1e-6
    root = gaussian._square_root(covariance)
    assert torch.allclose(root @ root.mT, covariance, rtol=1e-3, atol=2.0)
    assert torch.isnan(gaussian._square_root(torch.full((1, 2, 2), torch.nan))).all()
