"""Checks of the book's code exercises: one module per chapter, one function per exercise.

A check takes the reader's answer and raises `Wrong` with a hint where the answer gives another value than it should.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from uncertlr.errors import UncertlrError


class Wrong(UncertlrError):
    """An answer that is not right; the message is a hint."""


def check(exercise: str, answer: Any) -> None:
    """Say whether an answer to an exercise is right. Never raises an error because of the answer.

    Args:
        exercise: chapter and name, such as ``"entropy.mutual_information"``.
        answer: a function that the exercise asks for, or a value.

    Raises:
        ValueError: there is no such exercise.
    """
    print(f"{exercise}: {result(exercise, answer)}")


def result(exercise: str, answer: Any) -> str:
    """``right``, or why it is not.

    Args:
        exercise: chapter and name.
        answer: a function or a value.

    Raises:
        ValueError: there is no such exercise.
    """
    chapter, _, name = exercise.partition(".")
    try:
        checked = getattr(import_module(f"{__name__}.{chapter}"), name)
    except (ImportError, AttributeError):
        raise ValueError(f"there is no exercise {exercise!r}") from None
    try:
        checked(answer)
    except Wrong as wrong:
        return f"not yet. {wrong}"
    except Exception as error:  # whatever the reader's code raises
        return f"not yet. The code raises {type(error).__name__}: {error}"
    return "right"


@dataclass(frozen=True)
class Comparison:
    """Whether an answer agrees with what is expected, and the answer as text for a hint."""

    agrees: bool
    text: str

    def __bool__(self) -> bool:
        """Whether it agrees."""
        return self.agrees


def close(given: Any, expected: Tensor, tolerance: float = 1e-3) -> Comparison:
    """Compare an answer with a tensor of the same shape; a number is a tensor without axes.

    Raises:
        Wrong: the answer is nothing, no numbers, or has another shape.
    """
    if given is None:
        raise Wrong("The function returns nothing yet.")
    try:
        value = torch.as_tensor(given, dtype=expected.dtype).detach()
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"The function should return numbers, it returns {given!r}.") from None
    if value.shape != expected.shape:
        raise Wrong(f"The shape should be {tuple(expected.shape)}, it is {tuple(value.shape)}.")
    agrees = bool(torch.allclose(value, expected, atol=tolerance, rtol=0))
    return Comparison(agrees, str([round(number, 4) for number in value.flatten().tolist()]))
