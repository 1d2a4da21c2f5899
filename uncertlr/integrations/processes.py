"""The processes that train one model together, and the sum of their observations."""

import warnings
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import nn


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's module inside `torch.compile` and the data-parallel wrappers."""
    return list(_layers_of_wrapping(model))[-1]


class Processes:
    """The process groups over which a model's observations are added up.

    Args:
        model: as the training loop calls it; None if it is not known.
        process_group: the group; None for that of `DistributedDataParallel`, or of the mesh on which the model's
            parameters are sharded. A mesh of several dimensions is added up along each.

    Warns:
        UserWarning: no group was found, although the default group has several processes.
    """

    def __init__(self, model: nn.Module | None, process_group: Any = None) -> None:
        self._groups = [process_group] if process_group is not None else list(_groups_of(model))
        self._device = next((p.device for p in model.parameters()), None) if model is not None else None
        if not self._groups and _default_size() > 1:
            kind = type(model).__name__ if model is not None else "a monitor without a model"
            warnings.warn(
                f"{_default_size()} processes run, but {kind} is neither DistributedDataParallel nor sharded, so every "
                "process decides by itself; give the wrapped model, or process_group=, if they train one model together",
                UserWarning,
                stacklevel=3,
            )

    def __bool__(self) -> bool:
        """Whether there is anything to add up."""
        return bool(self._groups)

    @property
    def rank(self) -> int:
        """A number that differs between the processes."""
        return dist.get_rank() if self._groups else 0

    def add_up(self, total: float, weight: float) -> tuple[float, float]:
        """Both numbers, each summed over the processes; every process of the group must call it."""
        both = torch.tensor([total, weight], dtype=torch.float64, device=self._device or "cpu")
        for group in self._groups:
            dist.all_reduce(both, group=group)
        total, weight = both.tolist()
        return total, weight


def _layers_of_wrapping(model: nn.Module) -> Iterator[nn.Module]:
    yield model
    wrappers = (nn.parallel.DistributedDataParallel, nn.DataParallel)
    inner = model.module if isinstance(model, wrappers) else getattr(model, "_orig_mod", None)
    if isinstance(inner, nn.Module):
        yield from _layers_of_wrapping(inner)


def _groups_of(model: nn.Module | None) -> Iterator[Any]:
    if model is None or not (dist.is_available() and dist.is_initialized()):
        return
    from torch.distributed.fsdp import FullyShardedDataParallel  # slow to import
    from torch.distributed.tensor import DTensor

    wrappers = list(_layers_of_wrapping(model))
    for wrapper in wrappers:
        if isinstance(wrapper, nn.parallel.DistributedDataParallel | FullyShardedDataParallel):
            yield wrapper.process_group
            return
    mesh = next((p.device_mesh for p in wrappers[-1].parameters() if isinstance(p, DTensor)), None)
    if mesh is not None:
        yield from (mesh.get_group(dimension) for dimension in range(mesh.ndim))


def _default_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
