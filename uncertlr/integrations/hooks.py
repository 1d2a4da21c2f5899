"""Hooks that leave no trace: inert in compiled models, and in copies and pickles of a model."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch


class Hook:
    """A forward hook or pre-hook that calls a function and never changes an input or an output.

    A compiler that traces it finds nothing. A copied or unpickled module gets in its place a method of the standard library
    that ignores its arguments, so that the copy depends neither on a monitor nor on this library.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> None:
        """Call the function, except where a compiler traces the model."""
        if not torch.compiler.is_compiling():
            self._function(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (nullcontext(), "__exit__")
