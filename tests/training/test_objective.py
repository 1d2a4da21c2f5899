"""What a training step minimizes, and that minimizing it moves the posterior."""

import pytest
import torch
from torch import nn

from uncertlr.config import preset
from uncertlr.data import Batch
from uncertlr.models import CNN, LSTMClassifier, MeanField
from uncertlr.training.build import build, load_config_data
from uncertlr.training.loop import train_epoch
from uncertlr.training.objective import forward

CASES = {
    "cnn": (lambda: CNN(8, 1, 10, (4, 8), 16), lambda: torch.randn(5, 1, 8, 8)),
    "lstm": (lambda: LSTMClassifier(50, 2, 8, 12), lambda: torch.randint(1, 50, (5, 7))),
}


@pytest.fixture(params=CASES)
def case(request):
    make, make_inputs = CASES[request.param]
    torch.manual_seed(0)
    return make(), Batch(make_inputs(), torch.tensor([0, 1, 1, 0, 1]), torch.arange(5))


def plain_loss(logits, targets):
    if logits.shape[1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], targets.float())
    return nn.functional.cross_entropy(logits, targets)


def test_a_point_network_minimizes_its_loss(case):
    model, batch = case
    step = forward(model.eval(), batch, 1_000, 7)
    assert step.logits.shape[0] == 1
    assert torch.equal(step.objective, step.loss)
    assert torch.allclose(step.loss, plain_loss(model(batch.inputs), batch.targets))


def test_a_random_network_minimizes_the_bound_an_example(case):
    """Mean loss over draws and examples, plus the divergence from the prior over the number of training examples."""
    network, batch = case
    model = MeanField(network, prior_scale=0.5, initial_sigma=0.1)
    torch.manual_seed(1)
    step = forward(model, batch, 250, 3)
    torch.manual_seed(1)
    losses = [plain_loss(model(batch.inputs), batch.targets) for _ in range(3)]
    assert step.features is None
    assert torch.allclose(step.loss, torch.stack(losses).mean(), atol=1e-6)
    assert torch.allclose(step.objective - step.loss, model.kl() / 250, rtol=1e-4)


@pytest.mark.parametrize("dataset", ["digits", "toy_reviews"])
def test_training_moves_the_posterior_and_its_divergence_is_recorded(dataset):
    changes = {"estimator": "variational", "dropout": 0.0, "num_samples": 2, "train_examples": 600, "device": "cpu"}
    config = preset(dataset, "quick", **changes)
    experiment = build(config, load_config_data(config))
    before = [sigma.detach().clone() for sigma in experiment.model.sigmas()]
    start = float(experiment.model.kl().detach())
    rows = [train_epoch(experiment, epoch)[1] for epoch in (1, 2)]
    assert rows[1]["kl"] == float(experiment.model.kl().detach())
    assert rows[1]["kl"] < rows[0]["kl"] < start - 1.0, "the prior pulls every deviation up from 0.003"
    changed = [not torch.equal(one, sigma) for one, sigma in zip(before, experiment.model.sigmas(), strict=True)]
    assert all(changed)
    assert rows[1]["loss"] < rows[0]["loss"], "and the data are learned all the same"
