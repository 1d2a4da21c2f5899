"""What a model returns: where its logits are, and outputs of which a softmax would be meaningless."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

LogitsOf = Callable[[Any, Any], Tensor]


def with_inputs(logits: Callable[..., Tensor]) -> LogitsOf:
    """A user's ``logits=`` as a function of output and inputs; it may take the output alone."""
    try:
        parameters = inspect.signature(logits).parameters.values()
    except ValueError:  # some functions written in C have no signature
        return lambda output, inputs: logits(output)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [each for each in parameters if each.kind in positional and each.default is inspect.Parameter.empty]
    return logits if len(needed) >= 2 else lambda output, inputs: logits(output)


def inputs_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a model was called with: its one argument, else the dict of keywords, else the pair of both."""
    if not kwargs:
        return args[0] if len(args) == 1 else args
    return (args, kwargs) if args else kwargs


def find_logits(output: Any) -> Tensor:
    """The logits in a model's output, [B, C].

    They are the output itself, its entry or attribute ``logits``, or else the only tensor with two or more dimensions in a
    dict, a dataclass, a tuple or a list.

    Raises:
        TypeError: there is no such tensor, or more than one.
        ValueError: it does not have two dimensions.
    """
    found = output if isinstance(output, Tensor) else _named(output)
    if found is None:
        candidates = [each for each in _members(output) if isinstance(each, Tensor) and each.ndim >= 2]
        if len(candidates) != 1:
            raise TypeError(
                f"the model's output, a {type(output).__name__}, has no `logits` and {len(candidates)} tensors of two or "
                "more dimensions where one is needed; pass logits=, a function from the output to the logits"
            )
        found = candidates[0]
    if found.ndim != 2:
        raise ValueError(
            f"the model gave logits of shape {tuple(found.shape)}, but [examples, classes] is needed; pass logits=, a "
            "function of the output, or of output and inputs, such as lambda output, inputs: output[inputs != padding]"
        )
    return found


def check_logits(logits: object) -> Tensor:
    """What the user's function gave, if it can be logits [..., C].

    Raises:
        TypeError: it is no tensor.
        ValueError: it has fewer than two dimensions or no class.
    """
    if not isinstance(logits, Tensor):
        raise TypeError(f"logits= gave a {type(logits).__name__}, but a tensor [examples, classes] is needed")
    if logits.ndim < 2 or logits.shape[-1] == 0:
        raise ValueError(f"logits= gave shape {tuple(logits.shape)}, but [examples, classes] is needed, classes last")
    return logits


def refuse_other_problems(model: nn.Module) -> None:
    """Refuse a Hugging Face model that its configuration declares to be no classifier over exclusive classes.

    Raises:
        ValueError: its `problem_type` is regression or multi-label classification.
    """
    problem = getattr(getattr(model, "config", None), "problem_type", None)
    if problem == "multi_label_classification":
        raise ValueError(
            f"problem_type={problem!r}: the labels are not exclusive, so a softmax over them means nothing; one decision "
            "per label is logits=lambda output: output.logits.reshape(-1, 1)"
        )
    if problem == "regression":
        raise ValueError(f"problem_type={problem!r}: a regression has no predictive distribution over classes to observe")


def looks_like_probabilities(logits: Tensor) -> Tensor:
    """Whether [N, C] are probabilities instead of logits: none negative, every row sums to 1; 0-dim Boolean on the device.

    One column is known by the sigmoid that made it; see `made_by_sigmoid`.
    """
    if logits.shape[1] < 2:
        return torch.zeros((), dtype=torch.bool, device=logits.device)
    rounding = 8 * torch.finfo(logits.dtype).eps
    sums = logits.sum(1, dtype=torch.promote_types(logits.dtype, torch.float32))
    return (logits.amin() >= 0) & ((sums - 1).abs().amax() <= rounding)


def made_by_sigmoid(logits: Tensor) -> bool:
    """Whether one column was computed by a sigmoid, as autograd recorded it, also behind views."""
    node = logits.grad_fn if logits.shape[-1] == 1 else None
    while node is not None and node.name().startswith(_VIEWS):
        node = node.next_functions[0][0]
    return node is not None and node.name().startswith("SigmoidBackward")


def refuse_probabilities() -> None:
    """Refuse an output that is probabilities.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        "the model returns probabilities, not logits, and a second softmax would make every value nearly 1: leave out the "
        "softmax or sigmoid, or pass logits=lambda p: p.clamp(min=1e-12).log(), for one sigmoid column torch.logit"
    )


def warn_of_one_logit(model: object, logits: Tensor) -> None:
    """Say that a single output is taken as the logit of two classes, where the model is not this library's own.

    Args:
        model: whose output it is.
        logits: [..., C].

    Warns:
        UserWarning: there is one column.
    """
    if logits.shape[-1] == 1 and not type(model).__module__.startswith("uncertlr.models"):
        warnings.warn(
            f"{type(model).__name__} gives one output, which is taken as the logit of the second of two classes; for a "
            "regression the value means nothing. If it is meant, say so: logits=lambda output: output",
            UserWarning,
            stacklevel=2,
        )


_VIEWS = ("ViewBackward", "ReshapeAliasBackward", "SqueezeBackward", "UnsqueezeBackward", "ToCopyBackward", "AliasBackward")


def _named(output: Any) -> Tensor | None:
    found = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    return found if isinstance(found, Tensor) else None


def _members(output: Any) -> Iterator[Any]:
    if isinstance(output, Mapping):
        yield from output.values()
    elif isinstance(output, tuple | list):
        yield from output
    elif is_dataclass(output):
        yield from (getattr(output, field.name) for field in fields(output))
