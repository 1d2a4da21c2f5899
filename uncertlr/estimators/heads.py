"""Find the head of a model that does not name one: its last layers, from the first random one on."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from uncertlr.estimators.modes import own_stream, sampling_modes, stochastic_layers


@dataclass(frozen=True)
class Head:
    """The end of a model, with all its random layers.

    Attributes:
        entrance: the layer whose input is the features.
        layers: from features to logits.
    """

    entrance: nn.Module
    layers: nn.Module


@dataclass(frozen=True)
class _Call:
    module: nn.Module
    argument: Tensor | None
    output: Any


def find_head(model: nn.Module, predict: Callable[[], Tensor]) -> Head | None:
    """Look in one pass of a model for a last piece that holds every random layer and can be run by itself.

    The piece is a chain of layers in which each takes what the one before gave, or a submodule, such as a ``classifier``,
    that follows other layers with weights. It counts only if it gives the model's logits again from the features that
    entered it.

    Args:
        model: any module; its modes and the global random stream stay as they were.
        predict: runs the model on a batch and returns its logits, [B, C].

    Returns:
        The head, or None where there is no such piece: a random layer inside the trunk, a branch, or a function
        between the layers.
    """
    calls, logits = _record(model, predict)
    times = Counter(call.module for call in calls)
    single = [call for call in calls if times[call.module] == 1]
    for head, features in _candidates(single, set(stochastic_layers(model))):
        if _gives(head.layers, features, logits):
            return head
    return None


def _record(model: nn.Module, predict: Callable[[], Tensor]) -> tuple[list[_Call], Tensor]:
    calls: list[_Call] = []

    def note(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        alone = len(args) == 1 and not kwargs and isinstance(args[0], Tensor)
        calls.append(_Call(module, args[0] if alone else None, output))

    inner = [module for module in model.modules() if module is not model]
    handles = [module.register_forward_hook(note, with_kwargs=True) for module in inner]
    try:
        with sampling_modes(model, sample=False), own_stream(None):
            return calls, predict()
    finally:
        for handle in handles:
            handle.remove()


def _candidates(calls: list[_Call], random: set[nn.Module]) -> Iterator[tuple[Head, Tensor]]:
    leaves = [call for call in calls if not list(call.module.children())]
    start = next((index for index, call in enumerate(leaves) if call.module in random), len(leaves))
    chain = leaves[start:]
    linked = all(after.argument is before.output for before, after in zip(chain, chain[1:], strict=False))
    if chain and linked and chain[0].argument is not None and random <= {call.module for call in chain}:
        yield Head(chain[0].module, nn.Sequential(*(call.module for call in chain))), chain[0].argument
    # A module's call is noted when it ends, so the smallest of nested modules comes first.
    for index, call in enumerate(calls):
        inside = set(call.module.modules())
        trunk = any(each.module not in inside and list(each.module.parameters()) for each in calls[:index])
        if call.argument is not None and random <= inside and trunk:
            yield Head(call.module, call.module), call.argument


def _gives(layers: nn.Module, features: Tensor, logits: Tensor) -> bool:
    with sampling_modes(layers, sample=False):
        again = layers(to_parameters(features, layers))
    if not isinstance(again, Tensor) or again.shape != logits.shape:
        return False
    # Under mixed precision the features have lost digits that a pass outside it does not lose.
    rounding = max(torch.finfo(each.dtype).eps for each in (features, logits, again) if each.is_floating_point())
    tolerance = max(1e-4, 8 * rounding)
    scale = float(logits.nan_to_num().abs().max())
    return torch.allclose(again.float(), logits.float(), rtol=tolerance, atol=tolerance * scale, equal_nan=True)


def to_parameters(features: Tensor, layers: nn.Module) -> Tensor:
    """The features in the number format of the layers' weights: autocast gives them in another."""
    weights = next(layers.parameters(), None)
    return features if weights is None or not features.is_floating_point() else features.to(weights.dtype)
