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

    They are the output itself, its entry or attribute ``logits``, or else the only floating-point tensor with two or more
    dimensions in a dict, a dataclass, a tuple or a list.

    Raises:
        TypeError: there is no such tensor, or more than one, or it is not floating-point.
        ValueError: it does not have two dimensions.
    """
    place, found = _place_of_logits(output)
    _refuse_other_numbers(found)
    if found.ndim != 2:
        raise ValueError(
            f"the model gave logits of shape {tuple(found.shape)}, but [examples, classes] is needed; pass logits=, a "
            f"function to logits with the classes last, {_remedy(place, found)}"
        )
    return found


def check_logits(logits: object) -> Tensor:
    """What the user's function gave, if it can be logits [..., C].

    A shape does not say which axis is that of the classes. Where a convolution or an interpolation made the tensor, it is
    the second one.

    Raises:
        TypeError: it is no floating-point tensor.
        ValueError: it has fewer than two dimensions or no class, or the classes are known not to be last.
    """
    if not isinstance(logits, Tensor):
        raise TypeError(f"logits= gave a {type(logits).__name__}, but a tensor [examples, classes] is needed")
    _refuse_other_numbers(logits)
    if logits.ndim < 2 or logits.shape[-1] == 0:
        raise ValueError(f"logits= gave shape {tuple(logits.shape)}, but [examples, classes] is needed, classes last")
    if logits.ndim > 2 and _has_channels_second(logits):
        raise ValueError(
            f"logits= gave shape {tuple(logits.shape)} as a convolution or an interpolation left it, with the classes on "
            "axis 1; they are needed last: append .movedim(1, -1)"
        )
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

    Those of a sigmoid are known by it; see `made_by_sigmoid`.
    """
    if logits.shape[1] < 2:
        return torch.zeros((), dtype=torch.bool, device=logits.device)
    rounding = 8 * torch.finfo(logits.dtype).eps
    sums = logits.sum(1, dtype=torch.promote_types(logits.dtype, torch.float32))
    return (logits.amin() >= 0) & ((sums - 1).abs().amax() <= rounding)


def made_by_sigmoid(logits: Tensor) -> bool:
    """Whether they are the output of a sigmoid, as autograd recorded it, also behind views."""
    whole = logits._base  # autograd records no view that was taken with gradients off
    sources = (logits,) if whole is None else (logits, whole)
    return any(_last_operation(each, _CASTS + _VIEWS).startswith("SigmoidBackward") for each in sources)


def refuse_probabilities() -> None:
    """Refuse an output that is probabilities.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        "the model returns probabilities, not logits, and a second softmax would make every value nearly 1: leave out the "
        "softmax or sigmoid, or pass logits=lambda p: p.clamp(min=1e-12).log() for a softmax, logits=lambda p: "
        "torch.logit(p, 1e-6).reshape(-1, 1) for sigmoids"
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


def _refuse_other_numbers(logits: Tensor) -> None:
    if not logits.is_floating_point():
        raise TypeError(f"logits must be floating-point numbers, but they are {logits.dtype}, such as indices of classes")


_CASTS = ("ToCopyBackward", "AliasBackward")
_VIEWS = (
    "ViewBackward",
    "ReshapeAliasBackward",
    "SqueezeBackward",
    "UnsqueezeBackward",
    "PermuteBackward",
    "TransposeBackward",
    "SliceBackward",
    "SelectBackward",
    "IndexBackward",
    "CloneBackward",
)


def _has_channels_second(tensor: Tensor) -> bool:
    made_so = ("ConvolutionBackward", "MpsConvolutionBackward", "Upsample")
    return _last_operation(tensor, _CASTS).startswith(made_so)


def _last_operation(tensor: Tensor, ignored: tuple[str, ...]) -> str:
    """The operation that made a tensor, as autograd recorded it; empty where it did not."""
    node = tensor.grad_fn
    while node is not None and node.name().startswith(ignored):
        node = node.next_functions[0][0]
    return "" if node is None else node.name()


def _place_of_logits(output: Any) -> tuple[str, Tensor]:
    """Where the logits are, as Python would write it, and the logits."""
    if isinstance(output, Tensor):
        return "output", output
    name = "output['logits']" if isinstance(output, Mapping) else "output.logits"
    named = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if isinstance(named, Tensor):
        return name, named
    tensors = [(place, each) for place, each in _members(output) if isinstance(each, Tensor)]
    candidates = [(place, each) for place, each in tensors if each.ndim >= 2 and each.is_floating_point()]
    if len(candidates) != 1:
        example = "from the output to the logits"
        if candidates:
            example = f"such as lambda output: {_classes_last(*candidates[0])}"
        found = ", ".join(f"{place} {tuple(each.shape)}" for place, each in candidates) or "none"
        raise TypeError(
            f"the model's output, a {type(output).__name__}, has no `logits` and not exactly one tensor of two or more "
            f"dimensions ({found}); pass logits=, a function {example}"
        )
    return candidates[0]


def _members(output: Any) -> Iterator[tuple[str, Any]]:
    """What an output holds, each with the Python expression for it."""
    if isinstance(output, Mapping):
        yield from ((f"output[{key!r}]", value) for key, value in output.items())
    elif isinstance(output, tuple) and hasattr(output, "_fields"):
        yield from ((f"output.{name}", getattr(output, name)) for name in output._fields)
    elif isinstance(output, tuple | list):
        yield from ((f"output[{index}]", value) for index, value in enumerate(output))
    elif is_dataclass(output):
        yield from ((f"output.{field.name}", getattr(output, field.name)) for field in fields(output))


def _classes_last(place: str, found: Tensor) -> str:
    return f"{place}.movedim(1, -1)" if found.ndim > 2 and _has_channels_second(found) else place


def _remedy(place: str, found: Tensor) -> str:
    """An example of ``logits=`` for a tensor of this shape."""
    if found.ndim < 2:
        return f"such as lambda output: {place}.reshape(-1, 1) for one logit of two classes per example"
    if found.ndim == 3 and not _has_channels_second(found):
        return (
            f"such as lambda output: {place} if they are so already, or lambda output, inputs: "
            f"{place}[inputs != padding] if some positions do not count"
        )
    return f"such as lambda output: {place}.movedim(1, -1)"
