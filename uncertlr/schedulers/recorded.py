"""The learning-rate curve of a finished run as a file that any training loop can follow."""

import json
import math
from pathlib import Path
from typing import Any

from uncertlr.errors import ConfigError
from uncertlr.schedulers.replay import stretched
from uncertlr.schedulers.schedules import Schedule

FORMAT = {"format": "uncertlr-schedule", "version": 1}
"""What a schedule file says of itself."""


def load_schedule(path: str | Path, total_steps: int) -> Schedule:
    """The recorded curve as a function of the step, for `torch.optim.lr_scheduler.LambdaLR` or ``UncertaintyLR(schedule=)``.

    At as many steps as the recorded run had, the multipliers are those of that run, bit for bit. At any other number their
    logarithms are interpolated over relative progress. The last one stays in force after the last step.

    Args:
        path: a file that ``uncertlr record`` wrote.
        total_steps: of the training that follows the curve, such as epochs times batches per epoch.

    Returns:
        From a step, counted from 0, to what the initial rate is multiplied by.

    Raises:
        ConfigError: the file is no schedule, or `total_steps` is not a whole number of at least 1.
        OSError: the file cannot be read.
    """
    if type(total_steps) is not int or total_steps < 1:
        raise ConfigError(f"total_steps={total_steps!r} must be a whole number of at least 1")
    curve = stretched(_multipliers(Path(path)), total_steps)
    return lambda step: curve[min(step, total_steps - 1)]


def _multipliers(path: Path) -> list[float]:
    try:
        content: Any = json.loads(path.read_bytes())
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON file ({error}); write it with: uncertlr record RUN") from None
    if not isinstance(content, dict) or {name: content.get(name) for name in FORMAT} != FORMAT:
        raise ConfigError(f"{path} is no schedule of version {FORMAT['version']}; write it with: uncertlr record RUN")
    multipliers = content.get("multipliers")
    if not isinstance(multipliers, list) or not multipliers or not all(map(_is_usable, multipliers)):
        raise ConfigError(
            f"{path}: 'multipliers' must be a list of finite numbers above 0; write it with: uncertlr record RUN"
        )
    return [float(value) for value in multipliers]


def _is_usable(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
