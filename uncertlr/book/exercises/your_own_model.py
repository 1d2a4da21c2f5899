"""Exercises of the chapter "In your own loop"."""

from collections.abc import Callable

import torch
from torch import Tensor

from uncertlr.book.exercises import Wrong, close


def video_logits(answer: Callable[[Tensor], Tensor]) -> None:
    """All classes but the first, on the last axis."""
    output = torch.arange(2 * 4 * 3 * 2 * 5, dtype=torch.float32).reshape(2, 4, 3, 2, 5)
    given = answer(output)
    if given is None:
        raise Wrong("The function returns nothing yet.")
    if given.shape[-1] != 3:
        raise Wrong(f"Of 4 classes 3 should be on the last axis; the shape is {tuple(given.shape)}.")
    if not close(given.reshape(-1, 3), output[:, 1:].movedim(1, -1).reshape(-1, 3)):
        raise Wrong("The number of values is right, but a row is not the logits of one pixel in one frame.")


def next_token_logits(answer: Callable[[dict[str, Tensor], Tensor], Tensor]) -> None:
    """Logits of positions whose next token is no padding."""
    tokens = torch.tensor([[5, 6, 7, 0], [8, 9, 0, 0]])
    logits = torch.arange(2 * 4 * 3, dtype=torch.float32).reshape(2, 4, 3)
    given = close(answer({"logits": logits}, tokens), logits[[0, 0, 1], [0, 1, 0]])
    if not given:
        raise Wrong(
            f"For the tokens {tokens.tolist()} the positions 0 and 1 of the first row and 0 of the second count; "
            "the code returns others."
        )


def warm_up_and_fall(answer: Callable[[int, int], Callable[[int], float]]) -> None:
    """A linear rise to 1, then a linear fall to 0."""
    for warm_up, total, expected in ((2, 4, [0.5, 1.0, 1.0, 0.5]), (1, 5, [1.0, 1.0, 0.75, 0.5, 0.25])):
        schedule = answer(warm_up, total)
        if schedule is None:
            raise Wrong("The function returns nothing yet.")
        given = close([schedule(step) for step in range(total)], torch.tensor(expected))
        if not given:
            raise Wrong(
                f"For warm_up={warm_up} and total={total} the multipliers are {expected}, the code gives {given.text}."
            )
