"""Switch a model's modes for a while and give everything back, also when the model raises."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd


def stochastic_layers(module: nn.Module) -> list[nn.Module]:
    """The layers that draw random numbers in training mode: dropout of any kind; recurrent and attention layers with it."""
    return [layer for layer in module.modules() if _drops(layer)]


@contextmanager
def sampling_modes(model: nn.Module, sample: bool) -> Iterator[None]:
    """Evaluation mode everywhere (batch normalization uses and keeps its running statistics), gradients off.

    Args:
        model: any module.
        sample: put the stochastic layers into training mode, so that every pass draws a new sample.
    """
    before = {layer: layer.training for layer in model.modules()}
    try:
        model.eval()
        for layer in stochastic_layers(model) if sample else []:
            layer.training = True
        with torch.no_grad():
            yield
    finally:
        for layer, training in before.items():
            layer.training = training


@contextmanager
def own_stream(device: torch.device, generator: torch.Generator | None) -> Iterator[None]:
    """Let layers draw from a stream of ours: the global one comes back untouched.

    Args:
        device: where the model draws.
        generator: gives the seed of the inner stream; None for a seed of 0.
    """
    seed = 0
    if generator is not None:
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _drops(layer: nn.Module) -> bool:
    if isinstance(layer, _DropoutNd):
        return layer.p > 0
    if isinstance(layer, nn.MultiheadAttention):
        return bool(layer.dropout > 0)
    return isinstance(layer, nn.RNNBase) and layer.dropout > 0 and layer.num_layers > 1
