"""What a sweep's file states about its study beside the runs: which arm is compared with which, and what was known when."""

import datetime
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from uncertlr.errors import ConfigError

SWEEP_FACTS = ("protocol_fixed", "chosen_on_validation", "baselines")
"""Keys of a sweep's file that change no run."""

ARM_FACTS = ("matched_rate_of", "ablation_of")
"""Keys of an arm that change no run; each names the arm that it is compared with."""


@dataclass(frozen=True)
class Facts:
    """Facts about a study.

    Attributes:
        protocol_fixed: UTC, in ISO format; runs that began earlier belong to the pilot. Empty if there was none.
        chosen_on_validation: whether settings were chosen on validation, here or on another set, so that arms differ in
            their learning rates by design.
        baselines: arms that every arm with feedback is compared with.
        matched_rates: for an arm with feedback, the arm whose rate has its mean and no feedback.
        ablations: for an arm, the arms that change one thing about its rule.
    """

    protocol_fixed: str = ""
    chosen_on_validation: bool = False
    baselines: tuple[str, ...] = ()
    matched_rates: Mapping[str, str] = field(default_factory=dict)
    ablations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_facts(grid: Mapping[str, Any], arms: Mapping[str, Mapping[str, Any]]) -> Facts:
    """The facts that a sweep's mapping states.

    Args:
        grid: the mapping as it stands in the file.
        arms: its arms.

    Raises:
        ConfigError: a value of the wrong kind, or an arm that does not exist.
    """
    chosen, baselines = grid.get("chosen_on_validation", False), grid.get("baselines") or []
    if not isinstance(chosen, bool):
        raise ConfigError(f"chosen_on_validation={chosen!r} must be true or false")
    if not isinstance(baselines, list):
        raise ConfigError(f"baselines={baselines!r} must be a list of arms")
    for name in baselines:
        require_arm("baselines", name, arms)
    stated = [(name, key, fields[key]) for name, fields in arms.items() for key in ARM_FACTS if key in fields]
    for name, key, other in stated:
        require_arm(f"arm {name!r}: {key}", other, [arm for arm in arms if arm != name])
    ablations: dict[str, tuple[str, ...]] = {}
    for name, key, other in stated:
        if key == "ablation_of":
            ablations[other] = (*ablations.get(other, ()), name)
    matched = {other: name for name, key, other in stated if key == "matched_rate_of"}
    return Facts(_time(grid.get("protocol_fixed", "")), chosen, tuple(baselines), matched, ablations)


def require_arm(where: str, name: object, arms: Iterable[str], otherwise: str = "name an arm of this file") -> None:
    """Refuse a name that is no arm; suggests the nearest one.

    Raises:
        ConfigError: there is no such arm.
    """
    known = list(arms)
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else otherwise
        raise ConfigError(f"{where}: no arm {name!r}; {hint}")


def _time(value: object) -> str:
    if not value:
        return ""
    try:  # YAML reads an unquoted time as a datetime
        time = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(str(value))
    except ValueError:
        raise ConfigError(f"protocol_fixed={value!r} must be a time in UTC such as 2026-11-23T19:09:11") from None
    return time.replace(tzinfo=None).isoformat()
