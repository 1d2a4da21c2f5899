"""Exercises of the chapter "Is the uncertainty any good?"."""

from collections.abc import Callable

import torch
from torch import Tensor

from uncertlr.book.exercises import Wrong, close
from uncertlr.metrics import brier


def _answers(count: int = 60) -> tuple[Tensor, Tensor]:
    """Confidences, most of them high, and which answers are right."""
    stream = torch.Generator().manual_seed(0)
    confidence = 1 - 0.6 * torch.rand(count, generator=stream).square()
    return confidence, torch.rand(count, generator=stream) < 0.9 * confidence


def equal_count_error(answer: Callable[[Tensor, Tensor, int], float]) -> None:
    """The calibration error with bins that hold equally many examples."""
    confidence, right = _answers()
    for num_bins in (1, 5, 12):
        groups = zip(*(values[confidence.argsort()].chunk(num_bins) for values in (confidence, right.float())), strict=True)
        expected = torch.stack([(hits.mean() - level.mean()).abs() for level, hits in groups]).mean()
        given = close(answer(confidence, right, num_bins), expected)
        if not given:
            raise Wrong(f"With {num_bins} bins of {len(right)} examples it is {expected:.4f}, the code gives {given.text}.")


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
            raise Wrong(
                f"For the uncertainties {[round(u, 1) for u in uncertainty.tolist()]}, right {right.tolist()} and a share of "
                f"{share}, the accuracy is {expected:.3f}, the code gives {given.text}."
            )


def bootstrap_interval(answer: Callable[[Tensor], Tensor]) -> None:
    """The bootstrap's 95 % interval of a mean; two intervals of 1,000 draws differ a little."""
    right = (torch.arange(400) % 5 > 0).float()
    half = 1.96 * (0.8 * 0.2 / len(right)) ** 0.5
    expected = torch.tensor([0.8 - half, 0.8 + half])
    given = close(answer(right), expected, tolerance=0.01)
    if not given:
        ends = [round(end, 3) for end in expected.tolist()]
        raise Wrong(f"For 400 values, 320 of them 1 and the others 0, it is about {ends}, the code gives {given.text}.")
