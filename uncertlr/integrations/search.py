"""Find the `UncertaintyLR` among a trainer's schedulers."""

from collections.abc import Iterator
from typing import Any

from uncertlr.schedulers import UncertaintyLR


def find_scheduler(*candidates: Any) -> UncertaintyLR:
    """The one `UncertaintyLR` among schedulers, also inside `SequentialLR` or Accelerate's wrapper.

    Raises:
        ValueError: there is none, or more than one.
    """
    found = {id(scheduler): scheduler for candidate in candidates for scheduler in _descend(candidate)}
    if len(found) != 1:
        kinds = ", ".join(type(candidate).__name__ for candidate in candidates) or "none"
        raise ValueError(
            f"found {len(found)} UncertaintyLR among the trainer's schedulers ({kinds}) where exactly one is needed; "
            "give the trainer one, or make an UncertaintyMonitor for each model yourself"
        )
    return next(iter(found.values()))


def _descend(candidate: Any) -> Iterator[UncertaintyLR]:
    if isinstance(candidate, UncertaintyLR):
        yield candidate
        return
    for inner in (getattr(candidate, "scheduler", None), *getattr(candidate, "_schedulers", ())):
        if inner is not None:
            yield from _descend(inner)
