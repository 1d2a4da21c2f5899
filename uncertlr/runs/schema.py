"""What a run's two records must hold, of which types, before anything else reads them."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from uncertlr.errors import RunError

Row = dict[str, Any]
"""Named values, such as the scores of a run."""


SCORES = ("accuracy", "loss", "brier", "ece", "mc_accuracy", "mc_loss", "mc_brier", "mc_ece", "mutual_information")
"""The scores of a split that tables of runs show, of those that a summary holds."""


class _Checked(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class Owner(_Checked):
    """The process that trains, or trained, a run."""

    host: str
    pid: int


class Record(_Checked):
    """``run.json``. A published run's has no owner."""

    status: Literal["RUNNING", "COMPLETED", "FAILED", "INTERRUPTED"]
    owner: Owner | None = None
    resumed: list[str] = []
    data: str
    examples: dict[str, int]
    class_names: list[str]


class Summary(_Checked):
    """``summary.json``."""

    run_id: str
    result_version: int
    epochs: int
    steps: int
    best_epoch: int
    seconds: float
    seconds_per_epoch: float
    convergence: dict[str, float | bool | None]
    rate: dict[str, float]
    val: dict[str, Any]
    test: dict[str, Any] | None
    test_best: dict[str, Any] | None
    intervals: dict[str, list[float]]


def validated(path: Path, value: dict[str, Any], kind: type[BaseModel]) -> dict[str, Any]:
    """The value as it is, if it is what it should be.

    Args:
        path: where it was read, for the error.
        value: the file's content.
        kind: `Record` or `Summary`.

    Raises:
        RunError: an entry is missing or of another type.
    """
    try:
        kind.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        name, what = ".".join(map(str, first["loc"])), first["msg"][0].lower() + first["msg"][1:]
        given = "" if first["type"] == "missing" else f"={first['input']!r:.60}"
        raise RunError(
            f"{path}: {name}{given}: {what}; another version of uncertlr wrote it, or it was changed: remove the run's "
            "folder and run again"
        ) from None
    return value
