"""Exercises of the chapter "What does a network not know?"."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from uncertlr.book.exercises import Wrong, close
from uncertlr.estimators import Prediction


def _samples(num_samples: int = 6, batch: int = 4, classes: int = 3) -> Tensor:
    stream = torch.Generator().manual_seed(0)
    return torch.softmax(2 * torch.randn(num_samples, batch, classes, generator=stream), -1)


def mutual_information(answer: Callable[[Tensor], Tensor]) -> None:
    """From samples [num_samples, batch, classes] the mutual information of each example."""
    probs = _samples()
    given = close(answer(probs), Prediction.from_probs(probs).mutual_information)
    if not given:
        raise Wrong(
            f"For samples of 4 examples it gives {given.text}. Is the mean taken of the probabilities or of the entropies?"
        )
    certain = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    if not close(answer(certain), torch.tensor([0.6931])):
        raise Wrong("Two certain samples that contradict each other have log 2 nats. What does the code make of 0 log 0?")


def signal_of_one_logit(answer: Callable[[Tensor], float]) -> None:
    """The signal of a batch of single logits [batch, 1]."""
    for logits, expected in (([[0.0]], 1.0), ([[30.0], [-30.0]], 0.0), ([[2.0], [-2.0]], 0.5271), ([[1.0], [0.0]], 0.9200)):
        given = close(answer(torch.tensor(logits)), torch.tensor(expected))
        if not given:
            raise Wrong(f"For the logits {logits} the signal is {expected}, the code gives {given.text}.")


def dropout_on(answer: Callable[[nn.Module], None]) -> None:
    """Dropout in training mode, all other layers in evaluation mode."""
    dropout, norm = nn.Dropout(0.5), nn.BatchNorm1d(2)
    network = nn.Sequential(nn.Linear(2, 2), norm, nn.Sequential(dropout, nn.ReLU()), nn.Linear(2, 2))
    network.eval()
    answer(network)
    if not dropout.training:
        raise Wrong("The dropout layer inside another module is off.")
    network.train()
    answer(network)
    if norm.training:
        raise Wrong("Batch normalization is in training mode.")


def entropy_with_few(answer: Callable[[Tensor, int], float]) -> None:
    """Mean predictive entropy over disjoint groups of a few samples."""
    probs = _samples(8)
    for few in (2, 8):
        means = [Prediction.from_probs(probs[start : start + few]).predictive_entropy for start in range(0, 8, few)]
        expected = torch.stack(means).mean()
        given = close(answer(probs, few), expected)
        if not given:
            raise Wrong(f"For 8 samples in groups of {few} the mean is {float(expected):.4f}, the code gives {given.text}.")
