"""Exercises of the chapter "What a learning rate does"."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from uncertlr.book.exercises import Wrong, close
from uncertlr.schedulers.schedules import Schedule, cosine, one_cycle, warmup_cosine


def largest_rate(answer: Callable[[Tensor], float]) -> None:
    """The rate above which gradient descent diverges, from the Hessian."""
    for hessian in ([[4.0]], [[1.0, 0.0], [0.0, 10.0]], [[3.0, 2.0], [2.0, 3.0]]):
        matrix = torch.tensor(hessian)
        expected = 2 / torch.linalg.eigvalsh(matrix).max()
        given = close(answer(matrix), expected)
        if not given:
            raise Wrong(f"For the Hessian {hessian} the limit is {float(expected):.3f}, the code gives {given.text}.")


def level(answer: Callable[[float, float, float], float]) -> None:
    """The mean loss at which noisy gradient descent stays."""
    for rate, curvature, noise in ((0.1, 1.0, 1.0), (0.1, 1.0, 3.0), (1.0, 1.0, 1.0), (0.1, 19.0, 1.0)):
        expected = torch.tensor(rate * noise**2 / (2 * (2 - rate * curvature)))
        given = close(answer(rate, curvature, noise), expected)
        if not given:
            raise Wrong(
                f"For rate {rate}, curvature {curvature} and noise {noise} the loss stays at {float(expected):.4f}, "
                f"the code gives {given.text}."
            )
    if not math.isinf(float(answer(0.3, 10.0, 1.0))):
        raise Wrong("At rate 0.3 and curvature 10 every step leads further away: the loss does not settle.")


def with_warm_up(answer: Callable[[Schedule, int], Schedule]) -> None:
    """A linear warm-up before a schedule."""
    total, warm_up = 100, 5
    expected = warmup_cosine(total)
    cases = {
        "cosine": (answer(cosine(total - warm_up), warm_up), expected),
        "one-cycle": (
            answer(one_cycle(50), 10),
            lambda step: (step + 1) / 10 if step < 10 else one_cycle(50)(step - 10),
        ),
    }
    for name, (given, right) in cases.items():
        if given is None:
            raise Wrong("The function returns nothing yet.")
        for step in (0, 1, 4, 5, 6, 9, 10, 11, 40):
            if not math.isclose(float(given(step)), right(step), abs_tol=1e-6):
                raise Wrong(
                    f"Before {name}: at step {step} the factor is {right(step):.4f}, the code gives {given(step):.4f}."
                )


def suggested_rate(answer: Callable[[Sequence[float], Sequence[float]], float]) -> None:
    """A third of the rate at which a range test's loss is lowest, before training breaks."""
    rates = [0.001, 0.01, 0.1, 1.0, 10.0]
    for losses, expected in (
        ([2.3, 2.2, 1.5, 2.0, 2.2], 0.1),
        ([2.3, 2.2, 1.5, 2.8, 0.9], 0.1),
        ([2.3, 2.0, 2.5, math.nan, math.nan], 0.01),
    ):
        given = close(answer(rates, losses), torch.tensor(expected / 3), 1e-6)
        if not given:
            raise Wrong(
                f"For the rates {rates} and the losses {losses} it is {expected / 3:.4f}, the code gives {given.text}."
            )
