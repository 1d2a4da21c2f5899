"""What a stranger's model gives: its logits, and outputs that are none."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def logits_of(output: Any) -> Tensor:
    """The logits of a model's output: a tensor itself, its ``logits``, or its entry of that name.

    Raises:
        TypeError: none of these.
    """
    found = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", output)
    if not isinstance(found, Tensor):
        raise TypeError(
            f"the model's output, a {type(output).__name__}, is no tensor and has no `logits`; "
            "pass logits=, a function from the output to them"
        )
    return found


def check_shape(logits: Tensor) -> Tensor:
    """The logits as they are, if there is a row of them for each example.

    Raises:
        ValueError: they have another number of dimensions than two.
    """
    if logits.ndim != 2:
        raise ValueError(
            f"the model gave logits of shape {tuple(logits.shape)}; an uncertainty over classes needs [batch, classes], "
            "one row an example. Pass logits=, a function from the model's output to them"
        )
    return logits


def refuse_probabilities(logits: Tensor) -> None:
    """See that what a model gives for logits are none of its probabilities, whose softmax is nearly flat.

    Args:
        logits: [B, C].

    Raises:
        ValueError: no entry is negative and every row sums to 1.
    """
    found = logits.detach().float()
    if found.shape[1] < 2 or found.numel() == 0 or bool((found < 0).any()):
        return
    if torch.allclose(found.sum(1), torch.ones(len(found), device=found.device), atol=8 * torch.finfo(logits.dtype).eps):
        raise ValueError(
            "the model seems to return probabilities, not logits: no entry is negative and every row sums to 1. A second "
            "softmax would make every reading nearly 1: leave the one in the model out, as CrossEntropyLoss wants it, or "
            "pass logits=lambda probabilities: probabilities.clamp(min=1e-12).log()"
        )


def warn_of_one_logit(model: object, logits: Tensor) -> None:
    """Say that a single output is read as the logit of two classes, where the model is not this library's own.

    Args:
        model: whose output it is.
        logits: [B, C].

    Warns:
        UserWarning: there is one column.
    """
    if logits.shape[1] == 1 and not type(model).__module__.startswith("uncertlr.models"):
        warnings.warn(
            f"{type(model).__name__} gives one output, which is read as the logit of the second of two classes; for a "
            "regression the reading means nothing. If it is meant, say so: logits=lambda output: output",
            UserWarning,
            stacklevel=2,
        )
