"""A rule's name and settings in a saved state, by which a state of another rule is recognized."""

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from uncertlr.schedulers.rules import Bounds, Rule

RENAMED_RULES = {"Proportional": "PowerLaw", "Flipped": "Inverted"}
RENAMED_SETTINGS = {"reference": "relative_to", "level": "quantile"}
"""Names in states that were saved before these classes and `RelativeThreshold`'s settings were renamed."""


def description_of(rule: Rule | None) -> dict[str, Any]:
    """A rule's name and settings as plain values that survive JSON; an empty dict for no rule."""
    if rule is None:
        return {}
    return {"name": type(rule).__name__, **{name: _plain(getattr(rule, name)) for name in _names(rule)}}


def is_description_of(saved: dict[str, Any], rule: Rule | None) -> bool:
    """Whether a saved description is that of a rule; a setting that it lacks had its default."""
    if rule is None or not saved:
        return rule is None and not saved
    given = {name: _plain(value) for name, value in saved.items()}
    return description_of(rule) in (_defaults(rule) | given, _defaults(rule) | _renamed(given, rule))


def _plain(value: Any) -> Any:
    if isinstance(value, Bounds):
        return {"low": value.low, "high": value.high}
    if hasattr(value, "signal_range"):
        return description_of(value)  # a rule inside a rule
    return list(value) if isinstance(value, tuple) else value


def _names(rule: Rule) -> list[str]:
    return [field.name for field in fields(rule)] if is_dataclass(rule) else list(vars(rule))


def _defaults(rule: Rule) -> dict[str, Any]:
    settings: tuple[Field[Any], ...] = fields(rule) if is_dataclass(rule) else ()
    return {field.name: _plain(field.default) for field in settings if field.default is not MISSING}


def _renamed(saved: dict[str, Any], rule: Rule) -> dict[str, Any]:
    """The description as it is written today, from one of the first states; an inner rule had no name."""
    name = saved.get("name", type(rule).__name__)
    now = saved | {"name": RENAMED_RULES.get(name, name)}
    if "min_factor" in now and "max_factor" in now:
        now["bounds"] = {"low": now.pop("min_factor"), "high": now.pop("max_factor")}
    if now["name"] == "RelativeThreshold":
        now = {RENAMED_SETTINGS.get(name, name): value for name, value in now.items()}
    inner = getattr(rule, "rule", None)
    if inner is not None and isinstance(now.get("rule"), dict):
        now["rule"] = _defaults(inner) | _renamed(now["rule"], inner)
    return now
