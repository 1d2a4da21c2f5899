"""The global random streams of Python, NumPy and all devices: whether a pass drew from them, and how to give them back."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor


class StreamStates:
    """The states of Python's, NumPy's and torch's global random streams at one moment; taking them draws nothing."""

    def __init__(self) -> None:
        self._python = random.getstate()
        self._numpy: Any = np.random.get_state()  # noqa: NPY002 (the user's stream, not one of ours)
        self._torch = _torch_states()

    def __eq__(self, other: object) -> bool:
        """Whether nothing was drawn between two moments."""
        if not isinstance(other, StreamStates):
            return NotImplemented
        same = self._torch.keys() == other._torch.keys() and self._python == other._python
        same = same and all(map(np.array_equal, self._numpy, other._numpy))
        return same and all(torch.equal(state, other._torch[device]) for device, state in self._torch.items())

    __hash__ = None  # type: ignore[assignment]

    def restore(self) -> None:
        """Put every stream back to where it was."""
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002
        for device, state in self._torch.items():
            _module(device).set_rng_state(state, *_index(device))


@contextmanager
def borrowed_streams(seed: int) -> Iterator[None]:
    """Let layers draw from streams of their own; the global ones come back untouched."""
    before = StreamStates()
    try:
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        torch.manual_seed(seed)
        yield
    finally:
        before.restore()


def _torch_states() -> dict[str, Tensor]:
    devices = ["cpu"]
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        devices += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return {device: _module(device).get_rng_state(*_index(device)) for device in devices}


def _module(device: str) -> Any:
    return torch.random if device == "cpu" else getattr(torch, device.split(":")[0])


def _index(device: str) -> tuple[Any, ...]:
    return (device,) if ":" in device else ()
