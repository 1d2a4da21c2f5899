"""On `toy_reviews` the probability of each label is known, so uncertainty can be compared with the truth."""

import pytest
import torch
from torch import nn

from uncertlr.config import preset
from uncertlr.data import eval_batches
from uncertlr.estimators import Deterministic, MCDropout, Variational, fit_laplace
from uncertlr.metrics import categorical_entropy
from uncertlr.models import MeanField
from uncertlr.training.build import build, load_config_data
from uncertlr.training.loop import train_epoch

CONFIG = preset("toy_reviews", train_examples=1_800, epochs=10, device="cpu")


class BagOfWords(nn.Module):
    """Logistic regression on word counts: the posterior of its weights is nearly Gaussian."""

    def __init__(self, vocab_size):
        super().__init__()
        self.vocab_size = vocab_size
        self.head = nn.Linear(vocab_size, 1)
        nn.init.zeros_(self.head.weight)

    def features(self, inputs):
        counts = torch.zeros(len(inputs), self.vocab_size)
        return counts.scatter_add_(1, inputs, (inputs != 0).float())

    def forward(self, inputs):
        return self.head(self.features(inputs))


def predict(estimator, model, data):
    """Predictions for the test set with the truth beside them: a tuple of tensors in the order of the batches."""
    stream, parts = torch.Generator().manual_seed(0), []
    for batch in eval_batches(data, data.test, 256):
        prediction = estimator.estimate(model, batch.inputs, generator=stream)
        truth = data.test.true_probs[batch.indices]
        parts.append((prediction.mean_probs, prediction.expected_entropy, prediction.mutual_information, truth))
    return [torch.cat(part) for part in zip(*parts, strict=True)]


@pytest.fixture(scope="module")
def data():
    return load_config_data(CONFIG)


@pytest.fixture(scope="module")
def trained(data):
    """The point network and the random one, each with its estimators."""
    torch.set_flush_denormal(True)
    networks = {}
    for name, changes in {"point": {}, "random": {"estimator": "variational", "dropout": 0.0}}.items():
        experiment = build(CONFIG.replace(**changes), data)
        for epoch in range(1, CONFIG.epochs + 1):
            train_epoch(experiment, epoch)
        networks[name] = experiment.model
    torch.set_flush_denormal(False)
    laplace = fit_laplace(
        networks["point"], [(batch.inputs, batch.targets) for batch in eval_batches(data, data.train, 256)]
    )
    return {
        "deterministic": (Deterministic(), networks["point"]),
        "mc_dropout": (MCDropout(32), networks["point"]),
        "laplace": (laplace, networks["point"]),
        "variational": (Variational(16), networks["random"]),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deterministic", "mc_dropout", "laplace", "variational"])
def test_aleatoric_uncertainty_tracks_the_truth(name, trained, data):
    probs, aleatoric, _, truth = predict(*trained[name], data)
    correlation = torch.corrcoef(torch.stack([aleatoric, categorical_entropy(truth)]))[0, 1]
    assert correlation > 0.55
    # calibration against the true probabilities, where a constant would be off by 0.24
    assert (probs - truth)[:, 1].abs().mean() < 0.14


@pytest.fixture(scope="module")
def information(data):
    """Mean mutual information of test reviews after 100, 400 and 1,600 training examples."""
    batches = list(eval_batches(data, data.train, len(data.train)))
    inputs, targets = batches[0].inputs, batches[0].targets
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(0))
    means = {"variational": [], "laplace": []}
    for count in (100, 400, 1_600):
        few, labels = inputs[order[:count]], targets[order[:count]].float()
        torch.manual_seed(0)
        for name in means:
            network = BagOfWords(data.vocab_size)
            model = MeanField(network, prior_scale=1.0, initial_sigma=0.1) if name == "variational" else network
            optimizer = torch.optim.Adam(model.parameters(), 0.02)
            for _ in range(300):
                loss = nn.functional.binary_cross_entropy_with_logits(model(few)[:, 0], labels)
                prior = model.kl() if name == "variational" else 0.5 * network.head.weight.square().sum()
                optimizer.zero_grad()
                (loss + prior / count).backward()
                optimizer.step()
            if name == "laplace":
                estimator = fit_laplace(network, [(few, labels.long())], prior_precision=1.0)
            else:
                estimator = Variational(200)
            means[name].append(float(predict(estimator, model, data)[2].mean()))
    return means


@pytest.mark.parametrize("name", ["variational", "laplace"])
def test_epistemic_uncertainty_falls_with_more_data(name, information):
    few, some, many = information[name]
    assert few > 1.5 * some > 1.5**2 * many
    assert many > 0
