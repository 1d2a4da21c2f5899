import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from uncertlr.estimators import Deterministic, fit_laplace
from uncertlr.estimators.laplace import gauss_newton
from uncertlr.models import MLP, LSTMClassifier


def trained(num_classes=4, count=200, steps=60, dropout=0.0):
    torch.manual_seed(0)
    inputs = torch.randn(count, 12)
    targets = (inputs[:, :3] @ torch.randn(3, num_classes)).argmax(1)
    network = MLP(12, num_classes, 10, dropout)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(network(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval(), DataLoader(TensorDataset(inputs, targets), batch_size=64)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # on import, a dependency of theirs calls what torch deprecates
@pytest.mark.parametrize("prior_precision", [0.1, 2.0, 50.0])
def test_against_laplace_torch(prior_precision):
    theirs_module = pytest.importorskip("laplace", reason="the package laplace-torch is not installed")
    network, data = trained()
    theirs = theirs_module.Laplace(network, "classification", "last_layer", "full", prior_precision=prior_precision)
    theirs.fit(data)
    ours = fit_laplace(network, data, prior_precision=prior_precision, num_points=1_024)
    inputs = data.dataset.tensors[0][:20]
    _, covariance = theirs._glm_predictive_distribution(inputs)
    assert torch.allclose(ours.logit_covariance(network.features(inputs)), covariance, rtol=1e-3, atol=1e-4)
    assert ours.log_marginal_likelihood == pytest.approx(float(theirs.log_marginal_likelihood()), rel=1e-4)
    torch.manual_seed(0)
    sampled = theirs(inputs, link_approx="mc", n_samples=20_000)
    assert torch.allclose(ours.estimate(network, inputs).mean_probs, sampled, atol=0.01)


@pytest.mark.parametrize("num_logits", [1, 3])
def test_curvature_is_the_hessian_of_the_last_layer(num_logits):
    """For a dense layer the generalized Gauss-Newton matrix is the Hessian (Schraudolph 2002)."""
    torch.manual_seed(0)
    features, weights = torch.randn(7, 4).double(), torch.randn(num_logits, 4).double()
    targets = torch.randint(0, max(2, num_logits), (7,))

    def loss(flat):
        logits = features @ flat.view_as(weights).T
        if num_logits == 1:
            return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], targets.double(), reduction="sum")
        return nn.functional.cross_entropy(logits, targets, reduction="sum")

    hessian = torch.autograd.functional.hessian(loss, weights.flatten())
    assert torch.allclose(gauss_newton(features, features @ weights.T), hessian, atol=1e-10)


def test_the_chosen_precision_has_the_highest_marginal_likelihood():
    network, data = trained()
    chosen = fit_laplace(network, data)
    for factor in (0.5, 2.0):
        other = fit_laplace(network, data, prior_precision=chosen.prior_precision * factor)
        assert other.log_marginal_likelihood < chosen.log_marginal_likelihood


def test_a_strong_prior_around_the_weights_leaves_the_networks_own_prediction():
    network, data = trained()
    inputs = data.dataset.tensors[0]
    prediction = fit_laplace(network, data, prior_precision=1e12).estimate(network, inputs)
    assert torch.allclose(prediction.mean_probs, Deterministic().estimate(network, inputs).mean_probs, atol=1e-4)
    assert prediction.mutual_information.max() < 1e-5


def test_less_is_known_away_from_the_data():
    network, data = trained()
    laplace = fit_laplace(network, data, prior_precision=1.0)
    inputs = data.dataset.tensors[0]
    near, far = (laplace.logit_covariance(network.features(x)).diagonal(0, 1, 2).mean() for x in (inputs, 10 * inputs))
    assert far > 10 * near


def test_dropout_is_off_while_it_is_fitted():
    network, data = trained(dropout=0.5)
    one, two = (fit_laplace(network.train(), data, prior_precision=1.0) for _ in range(2))
    assert torch.equal(one.covariance, two.covariance)


def test_an_empty_batch_changes_nothing():
    network, data = trained()
    batches = list(data)
    empty = tuple(each[:0] for each in batches[0])
    with_empty, without = fit_laplace(network, [empty, *batches]), fit_laplace(network, batches)
    assert torch.equal(with_empty.covariance, without.covariance)
    with pytest.raises(ValueError, match="fit_laplace"):
        fit_laplace(network, [empty])


def test_two_classes_and_one_logit_are_two_logits_of_opposite_sign():
    torch.manual_seed(0)
    network, inputs = LSTMClassifier(30, 2, 6, 8), torch.randint(1, 30, (40, 6))
    laplace = fit_laplace(network, [(inputs, torch.randint(0, 2, (40,)))], prior_precision=1.0)
    assert laplace.covariance.shape == (1, 9, 1, 9)
    assert (laplace.estimate(network, inputs).mutual_information > 0).all()


def test_bad_input_is_refused_by_name():
    network, data = trained()
    with pytest.raises(ValueError, match=r"prior_precision=-1\.0"):
        fit_laplace(network, data, prior_precision=-1.0)
    with pytest.raises(ValueError, match="fit_laplace"):
        fit_laplace(network, [])
    with pytest.raises(ValueError, match="laplace.* features .* head "):
        fit_laplace(nn.Linear(12, 4), data)
    laplace = fit_laplace(network, data, prior_precision=1.0)
    with pytest.raises(ValueError, match=r" 10 .* 4 .* 6 .* 3\b"):
        laplace.estimate(MLP(12, 3, 6), torch.zeros(1, 12))
