"""Switch a model's modes for a while and give everything back, also when the model raises."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import is_lazy


def stochastic_layers(module: nn.Module) -> list[nn.Module]:
    """The layers that draw random numbers in training mode: dropout of any kind; recurrent and attention layers with it."""
    return [layer for layer in module.modules() if _drops(layer)]


@contextmanager
def sampling_modes(model: nn.Module, sample: bool, fixed: Collection[nn.Module] = ()) -> Iterator[None]:
    """Evaluation mode, or dropout on; gradients off. Modes, buffers and random streams come back as they were.

    Modes are set layer by layer and never through `nn.Module.train` or `nn.Module.eval`, which some models override in order
    to change their weights.

    Args:
        model: any module.
        sample: put every layer into training mode, so that dropout is on wherever it is called: layers with a flag of their
            own, functions that look at the flag of the module around them, and encoder layers whose evaluation mode leaves
            dropout out. Layers that keep running statistics stay in evaluation mode; so do recurrent layers without dropout.
        fixed: further layers that stay in evaluation mode; see `stateful_layers`.

    Raises:
        ValueError: the model has lazy layers that are not initialized yet.
    """
    with _untouched(model), torch.no_grad():
        for layer in model.modules():
            layer.training = sample and layer not in fixed and not _same_in_both_modes(layer)
        yield


@contextmanager
def own_stream(generator: torch.Generator | None) -> Iterator[None]:
    """Let layers draw from a stream of ours: the global ones come back untouched, those of all devices.

    Args:
        generator: gives the seed of the inner stream; None for a seed of 0.
    """
    seed = 0
    if generator is not None:
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with _streams_kept():
        for stream in _streams():  # not torch.manual_seed, which also seeds devices that wake up later
            stream.manual_seed(seed)
        yield


def stream_states() -> list[Tensor]:
    """Where the global random streams stand; equal lists mean that nothing was drawn in between."""
    return [stream.get_state() for stream in _streams()]


def drew_nothing(since: list[Tensor]) -> bool:
    """Whether the global random streams stand where they stood."""
    return all(torch.equal(before, after) for before, after in zip(since, stream_states(), strict=False))


def stateful_layers(model: nn.Module, run: Callable[[], object]) -> set[nn.Module]:
    """Layers that write their own buffers in training mode only, such as a moving average of a code book.

    Sampling has to leave them in evaluation mode. One pass is made, only where a layer has buffers that is no normalization,
    and another one where buffers were written.

    Args:
        model: any module; it stays as it was.
        run: passes a batch through it.
    """
    if not any(layer._buffers and not _same_in_both_modes(layer) for layer in model.modules()):
        return set()
    in_training = _written(model, run, sample=True)
    return in_training - _written(model, run, sample=False) if in_training else set()


def _written(model: nn.Module, run: Callable[[], object], sample: bool) -> set[nn.Module]:
    with sampling_modes(model, sample):
        before = {layer: _copies(layer) for layer in model.modules() if layer._buffers}
        run()
        return {layer for layer, copies in before.items() if not _equal(layer, copies)}


def _copies(layer: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """Each buffer of a layer's own and a copy of it."""
    return {name: (buffer, buffer.clone()) for name, buffer in layer._buffers.items() if buffer is not None}


def _equal(layer: nn.Module, copies: dict[str, tuple[Tensor, Tensor]]) -> bool:
    return all(
        (now := layer._buffers.get(name)) is not None and torch.equal(now, copy) for name, (_, copy) in copies.items()
    )


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    if any(map(is_lazy, chain(model.parameters(), model.buffers()))):
        raise ValueError("the model has lazy layers that no batch has passed yet: call model(inputs) once before")
    modes = {layer: layer.training for layer in model.modules()}
    # While a CUDA graph is recorded nothing can wait for the device; what is recorded has no buffers in its head.
    buffers = {} if _capturing() else {layer: _copies(layer) for layer in model.modules() if layer._buffers}
    with _streams_kept():
        try:
            yield
        finally:
            for layer, training in modes.items():
                layer.training = training
            for layer, copies in buffers.items():
                _give_back(layer, copies)


def _give_back(layer: nn.Module, copies: dict[str, tuple[Tensor, Tensor]]) -> None:
    for name, (buffer, copy) in copies.items():
        now = layer._buffers.get(name)
        if now is None or now.shape != copy.shape:
            continue  # a cache that was built anew for longer inputs; other attributes of the layer belong to it
        layer._buffers[name] = buffer
        if not torch.equal(buffer, copy):
            with torch.no_grad():
                buffer.copy_(copy)


@contextmanager
def _streams_kept() -> Iterator[None]:
    if _capturing():  # a recording has streams of its own
        yield
        return
    streams = _streams()
    states = [stream.get_state() for stream in streams]
    try:
        yield
    finally:
        for stream, state in zip(streams, states, strict=True):
            stream.set_state(state)


def _streams() -> list[torch.Generator]:
    """The global random streams of the processor and of every device that is in use."""
    found = [torch.default_generator]
    if _cuda_is_in_use():
        found += torch.cuda.default_generators
    if torch.xpu.is_available() and torch.xpu.is_initialized():  # type: ignore[no-untyped-call]
        found += torch.xpu.default_generators
    if torch.backends.mps.is_available():
        found.append(torch.mps._get_default_mps_generator())
    return found


def _capturing() -> bool:
    return _cuda_is_in_use() and torch.cuda.is_current_stream_capturing()


def _cuda_is_in_use() -> bool:
    return torch.cuda.is_available() and bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def _same_in_both_modes(layer: nn.Module) -> bool:
    """Layers that sampling leaves in evaluation mode, where normalization uses and keeps its running statistics."""
    if isinstance(layer, nn.RNNBase):
        return not _drops(layer)
    return isinstance(layer, _NormBase)


def _drops(layer: nn.Module) -> bool:
    if isinstance(layer, _DropoutNd):
        return layer.p > 0
    if isinstance(layer, nn.MultiheadAttention):
        return bool(layer.dropout > 0)
    return isinstance(layer, nn.RNNBase) and layer.dropout > 0 and layer.num_layers > 1
