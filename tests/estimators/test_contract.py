"""One suite over all estimators: what every one of them promises."""

import math

import pytest
import torch
from torch import nn

from uncertlr.estimators import AnalyticDropout, Deterministic, Ensemble, MCDropout, Prediction, Variational, fit_laplace
from uncertlr.models import CNN, MLP, LSTMClassifier, MeanField

ESTIMATORS = {
    "deterministic": Deterministic(),
    "mc_dropout": MCDropout(8),
    "mc_dropout, one sample": MCDropout(1),
    "mc_dropout, shared masks": MCDropout(8, shared_masks=True),
    "analytic_dropout": AnalyticDropout(8),
    "variational": Variational(4),
    "variational, one sample": Variational(1),
    "ensemble": Ensemble(),
    "laplace": "fitted to each model",
}
NEEDS_A_HEAD = ("analytic_dropout", "laplace")
WHOLE = (Variational, Ensemble)
MODELS = {
    "cnn": (lambda: CNN(8, 1, 10, (4, 8), 16), lambda: torch.randn(5, 1, 8, 8)),
    "lstm": (lambda: LSTMClassifier(50, 2, 8, 12), lambda: torch.randint(1, 50, (5, 7))),
    "lstm, three classes": (lambda: LSTMClassifier(50, 3, 8, 12), lambda: torch.randint(1, 50, (5, 7))),
    "mlp": (lambda: MLP(64, 10, 16), lambda: torch.randn(5, 1, 8, 8)),
    "no split": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Dropout(0.3), nn.Linear(16, 4)),
                 lambda: torch.randn(5, 1, 8, 8)),
}  # fmt: skip


PAIRS = [(name, kind) for name in ESTIMATORS for kind in MODELS if name not in NEEDS_A_HEAD or kind != "no split"]


@pytest.fixture(params=PAIRS, ids=", ".join)
def triple(request):
    """An estimator, a model that it can take, and inputs."""
    name, kind = request.param
    make, make_inputs = MODELS[kind]
    torch.manual_seed(0)
    model, inputs, estimator = make(), make_inputs(), ESTIMATORS[name]
    if isinstance(estimator, Variational):
        model = MeanField(model, initial_sigma=0.1)
    elif isinstance(estimator, Ensemble):
        model = nn.ModuleList([model, make(), make()])
    elif name == "laplace":
        estimator = fitted(model, inputs)
    return estimator, model, inputs


@pytest.fixture
def estimator(triple):
    return triple[0]


@pytest.fixture
def case(triple):
    return triple[1:]


def fitted(model, inputs):
    return fit_laplace(model, [(inputs, torch.tensor([0, 1, 0, 1, 1]))])


def check(prediction, count):
    num_classes = prediction.mean_probs.shape[1]
    total, expected, information = (
        prediction.predictive_entropy,
        prediction.expected_entropy,
        prediction.mutual_information,
    )
    assert prediction.mean_probs.shape == (count, num_classes)
    assert torch.allclose(prediction.mean_probs.sum(1), torch.ones(count), atol=1e-5)
    assert total.shape == expected.shape == information.shape == (count,)
    assert (information >= 0).all()
    assert (information <= total + 1e-6).all()
    assert (total <= math.log(num_classes) + 1e-5).all()
    assert torch.allclose(total, expected + information, atol=1e-5)


@pytest.mark.parametrize("estimate", [AnalyticDropout(8).estimate, fitted])
def test_a_model_without_a_head_is_refused_where_one_is_needed(estimate):
    make, make_inputs = MODELS["no split"]
    with pytest.raises(ValueError, match="head"):
        estimate(make(), make_inputs())


def test_bounds_and_decomposition(case, estimator):
    model, inputs = case
    prediction = estimator.estimate(model, inputs)
    check(prediction, len(inputs))
    if prediction.num_samples == 1:
        assert (prediction.mutual_information == 0).all()


def test_from_features_obeys_the_same_contract(case, estimator):
    model, inputs = case
    if isinstance(estimator, WHOLE):
        with pytest.raises(ValueError, match="features"):
            estimator.estimate_from_features(model, torch.zeros(5, 16))
        return
    if not hasattr(model, "head"):
        pytest.skip("this model has no features and head")
    check(estimator.estimate_from_features(model, model.features(inputs)), len(inputs))


@pytest.mark.parametrize("training", [True, False])
def test_modes_buffers_gradients_and_the_global_stream_come_back(case, estimator, training):
    model, inputs = case
    model.train(training)
    list(model.modules())[-1].training = not training  # a mode of its own must survive too
    modes = [module.training for module in model.modules()]
    buffers = [buffer.clone() for buffer in model.buffers()]
    state = torch.random.get_rng_state()
    estimator.estimate(model, inputs)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(before, after) for before, after in zip(buffers, model.buffers(), strict=True))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_all_comes_back_when_the_model_raises(case, estimator):
    model, inputs = case
    model.train()

    def fail(*arguments):
        torch.rand(3)
        raise RuntimeError("broken layer")

    layers = [module for module in model.modules() if not list(module.children())]
    next(layer for layer in layers if not isinstance(layer, nn.ParameterList)).register_forward_pre_hook(fail)
    state = torch.random.get_rng_state()
    with pytest.raises(RuntimeError, match="broken layer"):
        estimator.estimate(model, inputs)
    assert all(module.training for module in model.modules())
    assert torch.equal(torch.random.get_rng_state(), state)  # what the failing layer drew is given back too


def test_an_empty_batch_gives_an_empty_prediction(case, estimator):
    model, inputs = case
    empty, whole = (estimator.estimate(model, batch) for batch in (inputs[:0], inputs))
    assert empty.mean_probs.shape == (0, whole.mean_probs.shape[1])
    assert empty.mutual_information.shape == (0,)


def test_the_same_stream_gives_the_same_prediction(case, estimator):
    model, inputs = case
    one, two = (estimator.estimate(model, inputs, generator=torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(one.mean_probs, two.mean_probs)


def test_the_order_of_the_members_does_not_matter():
    probs = torch.randn(6, 4, 5).softmax(-1)
    one, two = Prediction.from_probs(probs), Prediction.from_probs(probs.flip(0))
    assert torch.allclose(one.mutual_information, two.mutual_information, atol=1e-6)
    assert torch.allclose(one.mean_probs, two.mean_probs, atol=1e-6)


@pytest.mark.parametrize("kind", ["cnn", "lstm"])
def test_the_order_of_an_ensembles_networks_does_not_matter(kind):
    make, make_inputs = MODELS[kind]
    torch.manual_seed(0)
    members, inputs = [make() for _ in range(3)], make_inputs()
    one, two = (Ensemble().estimate(nn.ModuleList(each), inputs) for each in (members, members[::-1]))
    for name in ("mean_probs", "predictive_entropy", "expected_entropy", "mutual_information"):
        assert torch.allclose(getattr(one, name), getattr(two, name), atol=1e-6)


def test_decomposition_by_hand():
    # two members that are sure of different classes: all uncertainty is disagreement
    prediction = Prediction.from_probs(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]))
    assert float(prediction.predictive_entropy) == pytest.approx(math.log(2))
    assert float(prediction.expected_entropy) == 0.0
    assert float(prediction.mutual_information) == pytest.approx(math.log(2))
