"""Recognise a head, a dropout followed by a dense layer, in a training pass: only by watching, nothing is run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from uncertlr.integrations.hooks import Hook
from uncertlr.integrations.random_streams import StreamStates


@dataclass(frozen=True)
class Head:
    """One call of a dropout and the call of a dense layer that took its output.

    Attributes:
        dropout: the dropout layer.
        linear: the dense layer, D to `out`.
        p: the dropout's probability in this call.
        features: the dropout's input in the layout of the dense layer's, [N, D].
        dropped: the dense layer's input, [N, D]: the features, partly 0, the others scaled by 1 / (1 - p).
        dtype: number format of the dense layer's output.
        alone: whether the pass drew no random number before and after this dropout; None if that was not watched.
    """

    dropout: nn.Dropout
    linear: nn.Linear
    p: float
    features: Tensor
    dropped: Tensor
    dtype: torch.dtype
    alone: bool | None


class PassRecorder:
    """Hooks on the layers that can be a head, for one training pass; the last pair of calls is kept.

    Args:
        model: that is about to run.
        layers: only dense layers inside this module count; None for all.
        watch_streams: whether to compare the global random streams, which shows what drew from them.
    """

    def __init__(self, model: nn.Module, layers: nn.Module | None = None, watch_streams: bool = False) -> None:
        self._start = StreamStates() if watch_streams else None
        self._entry: tuple[Tensor | None, StreamStates | None] = (None, None)
        self._dropout: _DropoutCall | None = None
        self._pair: tuple[_DropoutCall, nn.Linear, Tensor, torch.dtype] | None = None
        self._handles: list[RemovableHandle] = []
        allowed = None if layers is None else set(layers.modules())
        for module in _eager_modules(model):
            self._watch(module, allowed)

    def remove(self) -> None:
        """Take the hooks off and drop what they kept."""
        self._unhook()
        self._entry, self._dropout, self._pair = (None, None), None, None

    def finish(self) -> tuple[Head | None, bool]:
        """Take the hooks off.

        Returns:
            The head, if the recorded tensors can be one, and whether the pass is known to have drawn no random number.
        """
        self._unhook()
        end = StreamStates() if self._start is not None else None
        head = _as_head(*self._pair, self._start, end) if self._pair else None
        self.remove()
        return head, self._start is not None and self._start == end

    def _unhook(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _watch(self, module: nn.Module, allowed: set[nn.Module] | None) -> None:
        if type(module) is nn.Dropout and module.training and 0.0 < module.p < 1.0:
            if module.inplace or self._start is not None:
                self._handles.append(module.register_forward_pre_hook(Hook(self._before_dropout)))
            # Before any other hook, so that what another one makes of the output is not taken for the dropout's own.
            self._handles.append(module.register_forward_hook(Hook(self._after_dropout), prepend=True))
        elif type(module) in (nn.Linear, nn.LazyLinear) and (allowed is None or module in allowed):
            self._handles.append(module.register_forward_hook(Hook(self._after_linear)))

    def _before_dropout(self, module: nn.Dropout, args: tuple[Any, ...]) -> None:
        copied = args[0].detach().clone() if module.inplace and args and _is_plain(args[0]) else None
        self._entry = (copied, StreamStates() if self._start is not None else None)

    def _after_dropout(self, module: nn.Dropout, args: tuple[Any, ...], output: Any) -> None:
        copied, entry = self._entry
        self._entry, self._dropout = (None, None), None
        given = copied if module.inplace else (args[0] if args else None)
        if not _is_plain(given) or not _is_plain(output) or output.is_inference():  # the last has no version
            return
        if given.shape == output.shape and given.dtype == output.dtype:
            after = StreamStates() if self._start is not None else None
            self._dropout = _DropoutCall(module, module.p, given.detach(), output.detach(), output._version, entry, after)

    def _after_linear(self, module: nn.Linear, args: tuple[Any, ...], output: Any) -> None:
        call = self._dropout
        if call is None or not args or not _is_plain(args[0]) or not _is_plain(output):
            return
        same_memory = args[0].untyped_storage().data_ptr() == call.output.untyped_storage().data_ptr()
        if same_memory and args[0].numel() == call.output.numel() and args[0]._version == call.version:
            self._pair = (call, module, args[0].detach(), output.dtype)


@dataclass(frozen=True)
class _DropoutCall:
    dropout: nn.Dropout
    p: float
    given: Tensor
    output: Tensor
    version: int  # of the output; a change in place raises it
    entry: StreamStates | None
    exit: StreamStates | None


def _eager_modules(model: nn.Module) -> Iterator[nn.Module]:
    """The modules that run uncompiled, on this process alone and in this thread."""
    if hasattr(model, "_orig_mod") or model._compiled_call_impl is not None or is_sharded(model):
        return
    if isinstance(model, nn.DataParallel | torch.jit.ScriptModule):
        return
    yield model
    for child in model.children():
        yield from _eager_modules(child)


def is_sharded(model: nn.Module) -> bool:
    """Whether a module's parameters are sharded over processes by FSDP."""
    if not dist.is_available():
        return False
    from torch.distributed.fsdp import FSDPModule, FullyShardedDataParallel  # slow to import

    return isinstance(model, FSDPModule | FullyShardedDataParallel)


def _is_plain(value: Any) -> TypeGuard[Tensor]:
    return type(value) is Tensor and not torch._C._functorch.is_functorch_wrapped_tensor(value)


def _as_head(
    call: _DropoutCall,
    linear: nn.Linear,
    taken: Tensor,
    dtype: torch.dtype,
    start: StreamStates | None,
    end: StreamStates | None,
) -> Head | None:
    untouched = not (linear._forward_hooks or linear._forward_pre_hooks)
    untouched = untouched and not any("forward" in vars(layer) for layer in (call.dropout, linear))
    plain = all(type(each) is nn.Parameter for each in (linear.weight, linear.bias) if each is not None)
    if type(linear) is not nn.Linear or not (untouched and plain):
        return None
    given, output = call.given, call.output
    if given.stride() != output.stride():
        given = torch.empty_strided(output.shape, output.stride(), dtype=given.dtype, device=given.device).copy_(given)
    offset = given.storage_offset() + taken.storage_offset() - output.storage_offset()
    features = given.as_strided(taken.shape, taken.stride(), offset)
    alone = None if start is None else start == call.entry and call.exit == end
    size = taken.shape[-1]
    return Head(call.dropout, linear, call.p, features.reshape(-1, size), taken.reshape(-1, size), dtype, alone)
