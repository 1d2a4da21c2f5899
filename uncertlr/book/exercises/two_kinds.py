"""Exercises of the chapter "Two kinds of uncertainty"."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from uncertlr.book.exercises import Wrong, close
from uncertlr.estimators import Ensemble, Prediction
from uncertlr.estimators.laplace import gauss_newton


def posterior_covariance(answer: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Covariance [D, D] of the Laplace approximation for two classes, from features [N, D] and probabilities [N]."""
    stream = torch.Generator().manual_seed(0)
    for count, precision in ((20, 0.5), (2, 2.0)):
        phi = torch.randn(count, 4, generator=stream)
        logits = torch.randn(count, generator=stream)
        expected = torch.linalg.inv(gauss_newton(phi, logits[:, None]) + precision * torch.eye(4))
        given = close(answer(phi, logits.sigmoid(), precision), expected)
        if not given:
            raise Wrong(
                f"For {count} examples, 4 features and a prior precision of {precision} the first entry is "
                f"{float(expected[0, 0]):.4f}; the code gives {given.text}."
            )


def logit_variance(answer: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Variance [batch, classes] of the logits under dropout of hidden values [batch, units]."""
    hidden, weight = torch.tensor([[1.0, 2.0], [0.5, 0.0]]), torch.tensor([[1.0, -1.0], [3.0, 0.0], [0.0, 0.0]])
    for p, sums in ((0.5, 1.0), (0.2, 0.25)):
        expected = sums * torch.tensor([[5.0, 9.0, 0.0], [0.25, 2.25, 0.0]])
        given = close(answer(hidden, weight, p), expected)
        if not given:
            raise Wrong(f"With p = {p} the first logit of the first example has variance {5 * sums}; got {given.text}.")


def ensemble_parts(answer: Callable[[Sequence[nn.Module], Tensor], Sequence[Tensor]]) -> None:
    """Aleatoric and epistemic part, [batch] each, of a list of networks."""
    networks = [nn.Linear(2, 3) for _ in range(3)]
    stream = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for network in networks:
            network.weight.copy_(2 * torch.randn(3, 2, generator=stream))
            network.bias.zero_()
    inputs = torch.randn(5, 2, generator=stream)
    expected = Ensemble().estimate(nn.ModuleList(networks), inputs)
    both = answer(networks, inputs)
    if both is None or len(both) != 2:
        raise Wrong("The function should return two tensors, the aleatoric and the epistemic part.")
    parts = {"aleatoric": expected.expected_entropy, "epistemic": expected.mutual_information}
    for (name, value), returned in zip(parts.items(), both, strict=True):
        given = close(returned, value)
        if not given:
            text = [round(number, 4) for number in value.tolist()]
            raise Wrong(f"The {name} part of five examples is {text}, the code gives {given.text}.")


def most_informative(answer: Callable[[Tensor, int], Tensor]) -> None:
    """Indices of the inputs with the highest mutual information, from samples [num_samples, inputs, classes]."""
    first = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.99, 0.01], [0.6, 0.4], [0.99, 0.01]])
    second = torch.tensor([[0.5, 0.5], [0.1, 0.9], [0.99, 0.01], [0.4, 0.6], [0.40, 0.60]])
    probs = torch.stack([first, second])
    order = Prediction.from_probs(probs).mutual_information.argsort(descending=True)
    for count in (1, 3):
        given = close(answer(probs, count), order[:count])
        if not given:
            raise Wrong(
                f"Of five inputs the {count} most informative are {order[:count].tolist()}, the code gives {given.text}. "
                "Two samples that are both unsure of an input leave nothing to learn from it."
            )
