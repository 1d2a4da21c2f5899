"""Schedules fixed in advance: functions of the step that multiply the initial rate, as `LambdaLR` takes them."""

import math
from collections.abc import Callable

Schedule = Callable[[int], float]


def constant(total_steps: int) -> Schedule:
    """Factor 1 at every step."""
    return lambda step: 1.0


def cosine(total_steps: int) -> Schedule:
    """Half a cosine from 1 to 0 over `total_steps` steps (Loshchilov & Hutter 2017, without restarts)."""
    return lambda step: 0.5 * (1.0 + math.cos(math.pi * min(step, total_steps) / total_steps))


def warmup_cosine(total_steps: int) -> Schedule:
    """Linear rise to 1 over the first 5 % of the steps (Goyal et al. 2017), then half a cosine to 0 over the others.

    The first step has the factor 1 over the number of warm-up steps, the last of these has 1.
    """
    warm_up = max(1, round(0.05 * total_steps))
    falling = cosine(max(1, total_steps - warm_up))
    return lambda step: (step + 1) / warm_up if step < warm_up else falling(step - warm_up)


def one_cycle(total_steps: int) -> Schedule:
    """Cosine rise from 1/25 to 1 over the first 30 % of the steps, then cosine fall to 1/250,000 (Smith & Topin 2018).

    The proportions are those of `torch.optim.lr_scheduler.OneCycleLR`; the initial rate is the peak.
    """
    start, end, peak = 1 / 25, 1 / 250_000, max(1.0, 0.3 * total_steps - 1)

    def factor(step: int) -> float:
        if step <= peak:
            return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * step / peak))
        progress = min(1.0, (step - peak) / max(1.0, total_steps - 1 - peak))
        return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * progress))

    return factor


SCHEDULES: dict[str, Callable[[int], Schedule]] = {
    "constant": constant,
    "cosine": cosine,
    "warmup_cosine": warmup_cosine,
    "one_cycle": one_cycle,
}
