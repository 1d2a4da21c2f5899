import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from uncertlr.estimators import Deterministic, Variational
from uncertlr.models import CNN, LSTMClassifier, MeanField


def test_divergence_is_that_of_torch():
    torch.manual_seed(0)
    model = MeanField(nn.Linear(5, 3), prior_scale=0.7, initial_sigma=0.2)
    with torch.no_grad():
        for rho in model.rhos:
            rho += torch.randn_like(rho)
    pairs = zip(model.means(), model.sigmas(), strict=True)
    theirs = sum(kl_divergence(Normal(mean, sigma), Normal(0.0, 0.7)).sum() for mean, sigma in pairs)
    assert torch.allclose(model.kl(), theirs, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_divergence_in_half_precision_keeps_its_digits(dtype):
    torch.manual_seed(0)
    model = MeanField(nn.Linear(300, 400)).to(dtype)
    exact = MeanField(nn.Linear(300, 400)).double()
    exact.load_state_dict(model.state_dict())
    assert float(model.kl().detach()) == pytest.approx(float(exact.kl().detach()), rel=2e-3)


def test_draws_have_the_posteriors_moments():
    torch.manual_seed(0)
    model = MeanField(nn.Linear(4, 2), initial_sigma=0.3)
    draws = torch.stack([model.draw()["weight"] for _ in range(20_000)])
    assert torch.allclose(draws.mean(0), model.module.weight, atol=0.01)
    assert torch.allclose(draws.std(0), torch.full((2, 4), 0.3), atol=0.01)


def test_training_mode_draws_and_evaluation_mode_takes_the_means():
    torch.manual_seed(0)
    network = LSTMClassifier(20, 2, 4, 6, dropout=0.0)
    model, inputs = MeanField(network), torch.randint(1, 20, (3, 5))
    assert not torch.equal(model(inputs), model(inputs))
    model.eval()
    assert torch.equal(model(inputs), network(inputs))
    plain = Deterministic().estimate(model.train(), inputs)
    assert torch.equal(plain.mean_probs, Deterministic().estimate(network, inputs).mean_probs)


def test_a_draw_serves_all_time_steps_of_an_lstm():
    torch.manual_seed(0)
    model = MeanField(nn.LSTM(3, 4, batch_first=True), initial_sigma=0.5)
    weights, inputs = model.draw(), torch.randn(2, 6, 3)
    outputs, _ = model.call(inputs, weights)
    input_gates, bias = inputs @ weights["weight_ih_l0"].T, weights["bias_ih_l0"] + weights["bias_hh_l0"]
    hidden, cell = torch.zeros(2, 4), torch.zeros(2, 4)
    for step in range(6):
        gates = input_gates[:, step] + hidden @ weights["weight_hh_l0"].T + bias
        enter, forget, update, leave = gates.chunk(4, 1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * update.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        assert torch.allclose(outputs[:, step], hidden, atol=1e-5)


def test_gradients_reach_means_and_deviations_and_batch_statistics_are_kept():
    torch.manual_seed(0)
    model = MeanField(CNN(8, 1, 10, (4, 8), 16, dropout=0.0))
    before = model.module.trunk[1].running_mean.clone()
    model(torch.randn(6, 1, 8, 8)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())
    assert not torch.equal(before, model.module.trunk[1].running_mean)


def test_no_spread_is_the_point_network():
    torch.manual_seed(0)
    network = CNN(8, 1, 10, (4, 8), 16)
    inputs = torch.randn(6, 1, 8, 8)
    prediction = Variational(4).estimate(MeanField(network, initial_sigma=1e-7), inputs)
    plain = Deterministic().estimate(network, inputs)
    assert torch.allclose(prediction.mean_probs, plain.mean_probs, atol=1e-5)
    assert prediction.mutual_information.max() < 1e-5


@pytest.mark.parametrize("scales", [(0.0, 0.1), (0.1, -1.0), (float("nan"), 0.1), (0.1, float("inf"))])
def test_scales_without_sense_are_refused(scales):
    with pytest.raises(ValueError, match=f"prior_scale={scales[0]} .*initial_sigma={scales[1]} "):
        MeanField(nn.Linear(2, 2), *scales)


def test_what_cannot_be_random_is_refused():
    with pytest.raises(ValueError, match="MeanField"):
        MeanField(nn.ReLU())
    with pytest.raises(ValueError, match="MeanField.*Linear"):
        Variational().estimate(nn.Linear(2, 2), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="num_samples=0"):
        Variational(0)


def test_linear_regression_finds_the_exact_mean_field_posterior():
    """Bishop 2006, eq. 3.50-3.51 and 10.1.2: the same means, and the reciprocals of the precision's diagonal."""
    torch.manual_seed(0)
    count, size, noise, prior = 40, 3, 0.5, 1.0
    inputs = torch.randn(count, size) @ torch.tensor([[1.0, 0.6, 0.0], [0.0, 0.8, 0.3], [0.0, 0.0, 1.0]])
    targets = inputs @ torch.tensor([1.0, -0.5, 0.3]) + noise * torch.randn(count)
    precision = inputs.T @ inputs / noise**2 + torch.eye(size) / prior**2
    mean = torch.linalg.solve(precision, inputs.T @ targets / noise**2)
    sigma = precision.diagonal().rsqrt()

    model = MeanField(nn.Linear(size, 1, bias=False), prior_scale=prior, initial_sigma=0.05)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1_500)
    likelihood = Normal(targets, noise)
    for _ in range(1_500):
        losses = [-likelihood.log_prob(model(inputs)[:, 0]).mean() for _ in range(8)]
        objective = sum(losses) / 8 + model.kl() / count
        optimizer.zero_grad()
        objective.backward()
        optimizer.step()
        schedule.step()
    assert torch.allclose(next(model.means())[0], mean, atol=0.01)
    assert torch.allclose(next(model.sigmas())[0], sigma, rtol=0.05)

    with torch.no_grad():
        sampled = [likelihood.log_prob(model(inputs)[:, 0]).sum() for _ in range(4_000)]
        bound = torch.stack(sampled).mean() - model.kl()
    # E_q[log p(y | w)] of the exact optimum: the log-likelihood at the mean, less half the trace of its curvature
    fit = likelihood.log_prob(inputs @ mean).sum()
    spread = 0.5 * (sigma.square() * inputs.square().sum(0)).sum() / noise**2
    best = fit - spread - kl_divergence(Normal(mean, sigma), Normal(0.0, prior)).sum()
    assert float(bound) == pytest.approx(float(best), abs=0.15)
