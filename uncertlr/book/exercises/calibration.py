"""Exercises of the chapter "Is the uncertainty any good?"."""

from collections.abc import Callable

import torch
from torch import Tensor

from uncertlr.book.exercises import Wrong, close
from uncertlr.metrics import brier, debiased_error_of_curve


def brier_score(answer: Callable[[Tensor, Tensor], float]) -> None:
    """The mean squared distance of the probabilities [n, classes] from the one-hot labels."""
    stream = torch.Generator().manual_seed(0)
    random = torch.softmax(2 * torch.randn(6, 3, generator=stream), -1)
    cases = [(torch.full((1, 10), 0.1), [3]), (torch.tensor([[1.0, 0.0]]), [1]), (random, [0, 1, 2, 0, 1, 2])]
    for probs, labels in cases:
        expected = brier(probs, torch.tensor(labels))
        given = close(answer(probs, torch.tensor(labels)), expected)
        if not given:
            rows = [[round(value, 2) for value in row] for row in probs.tolist()]
            raise Wrong(f"For {rows} and the labels {labels} it is {expected:.4f}, the code gives {given.text}.")


def accuracy_of_surest(answer: Callable[[Tensor, Tensor, float], float]) -> None:
    """The accuracy on the share of the examples with the lowest uncertainty."""
    uncertainty = torch.tensor([0.9, 0.1, 0.5, 0.3, 0.7])
    right = torch.tensor([False, True, True, False, True])
    for share, expected in ((1.0, 3 / 5), (0.2, 1.0), (0.4, 1 / 2), (0.8, 3 / 4)):
        given = close(answer(uncertainty, right, share), torch.tensor(expected))
        if not given:
            given_values = f"the uncertainties {[0.9, 0.1, 0.5, 0.3, 0.7]}, right {right.tolist()} and a share of {share}"
            raise Wrong(f"For {given_values} the accuracy is {expected:.3f}, the code gives {given.text}.")


def debiased_error(answer: Callable[[Tensor, Tensor, Tensor], float]) -> None:
    """The root of the mean squared gap without the noise of the accuracies."""
    counts = torch.tensor([100, 200, 300])
    for accuracy, confidence in (
        ([0.5, 0.7, 0.9], [0.6, 0.9, 0.95]),
        ([0.5, 0.7, 0.9], [0.5, 0.7, 0.9]),
        ([0.2, 0.5, 1.0], [0.4, 0.5, 1.0]),
    ):
        curve = (torch.tensor(confidence), torch.tensor(accuracy))
        expected = debiased_error_of_curve(counts, *curve, norm="l2").float()
        given = close(answer(counts, *curve), expected)
        if not given:
            raise Wrong(
                f"For counts {counts.tolist()}, confidence {confidence} and accuracy {accuracy} it is {expected:.4f}, "
                f"the code gives {given.text}."
            )


def bootstrap_interval(answer: Callable[[Callable[[Tensor, Tensor], Tensor], Tensor, Tensor], Tensor]) -> None:
    """The bootstrap's 95 % interval of a score; two intervals of 500 draws differ a little."""
    right = torch.arange(400) % 5 > 0
    confidence = torch.where(right, 0.9, 0.6)

    def gap(confidence: Tensor, right: Tensor) -> Tensor:
        return (confidence - right.float()).mean()

    half = 1.96 * float((confidence - right.float()).std()) / 400**0.5
    middle = float(gap(confidence, right))
    expected = torch.tensor([middle - half, middle + half])
    given = close(answer(gap, confidence, right), expected, tolerance=0.02)
    if not given:
        ends = [round(end, 3) for end in expected.tolist()]
        raise Wrong(f"For the mean gap of 400 examples, 320 of them right, it is about {ends}, the code gives {given.text}.")
