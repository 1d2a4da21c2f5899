"""Find the `UncertaintyLR` among a trainer's schedulers."""

from collections.abc import Iterator
from typing import Any

from torch.optim.lr_scheduler import SequentialLR

from uncertlr.schedulers import UncertaintyLR


def find_scheduler(*candidates: Any) -> UncertaintyLR:
    """The one `UncertaintyLR` among schedulers, also inside `SequentialLR` or Accelerate's wrapper.

    Raises:
        ValueError: there is none, or more than one.
    """
    found = find_schedulers(*candidates)
    if len(found) != 1:
        raise ValueError(f"found {len(found)} UncertaintyLR where exactly one is needed; see find_schedulers")
    return found[0]


def find_schedulers(*candidates: Any) -> list[UncertaintyLR]:
    """Every `UncertaintyLR` among schedulers, in their order, also inside `SequentialLR` or Accelerate's wrapper.

    Raises:
        ValueError: there is none, or one `SequentialLR` has more than one, of which only one can be in turn.
    """
    found = {id(scheduler): scheduler for candidate in candidates for scheduler in _descend(candidate)}
    if not found:
        kinds = ", ".join(type(candidate).__name__ for candidate in candidates) or "none"
        raise ValueError(f"found 0 UncertaintyLR among the schedulers ({kinds}); give the trainer one")
    return list(found.values())


def _descend(candidate: Any) -> Iterator[UncertaintyLR]:
    if isinstance(candidate, UncertaintyLR):
        yield candidate
        return
    inner = [getattr(candidate, "scheduler", None), *getattr(candidate, "_schedulers", ())]
    found = [scheduler for each in inner if each is not None for scheduler in _descend(each)]
    if isinstance(candidate, SequentialLR) and len(found) > 1:
        raise ValueError(
            f"found {len(found)} UncertaintyLR in one SequentialLR, whose turns follow each other: use one UncertaintyLR "
            "with a schedule= for all of the training"
        )
    yield from found
