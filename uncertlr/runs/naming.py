"""What a run is called beside its id: its method, and what sets it apart."""

import re
from typing import Any

from uncertlr.config import EXECUTION_FIELDS, PRESETS, RunConfig, shown_name

RULE_METHODS = {"threshold": "report", "relative": "relative", "integral": "integral", "bold_driver": "bold_driver"}
"""Methods with a rule whose name does not depend on other settings."""


def arm_name(config: RunConfig) -> str:
    """The name of a run's method where no sweep gives it one: that of the sweeps' arms with the same settings.

    >>> arm_name(RunConfig()), arm_name(RunConfig(learning_rate=3e-4)), arm_name(RunConfig(schedule="one_cycle"))
    ('constant', 'constant 3e-4', 'one_cycle')
    >>> arm_name(RunConfig(rule="threshold")), arm_name(RunConfig(rule="threshold", decide_every=0))
    ('report', 'report_epoch')
    >>> arm_name(RunConfig(rule="proportional", exponent=-1.0, schedule="one_cycle"))
    'one_cycle_over_uncertainty'
    """
    if config.rule == "none":
        if config.schedule != "constant":
            return config.schedule
        usual = RunConfig.model_fields["learning_rate"].default
        return "constant" if config.learning_rate == usual else f"constant {format_rate(config.learning_rate)}"
    if config.rule == "proportional":
        if config.schedule == "constant":
            return "inverse" if config.exponent < 0 else "proportional"
        return f"{config.schedule}_{'over' if config.exponent < 0 else 'times'}_uncertainty"
    if config.rule in ("replay", "shuffled"):
        return config.rule if len(config.donors) == 1 else "mean_curve"
    if config.rule == "own":
        return re.sub(r"^[\w.]+:", "", config.own_rule).partition(" {")[0]
    name = RULE_METHODS.get(config.rule, config.rule) + ("_inverted" if config.flip else "")
    cadence = {0: "_epoch", 1: ""}.get(config.decide_every, f"_every_{config.decide_every}")
    scheduled = "" if config.schedule == "constant" else f"{config.schedule}_times_"
    return f"{scheduled}{name}{cadence}"


def format_rate(value: float) -> str:
    """A learning rate as people write it.

    >>> format_rate(0.0003)
    '3e-4'
    """
    digits, exponent = f"{value:.1e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def differing(config: RunConfig) -> dict[str, Any]:
    """The settings in which a run differs from the usual run on its data, by the names that are shown; seed and rule apart.

    >>> differing(RunConfig(dataset="digits", channels=[16, 32], hidden_size=64, epochs=5, rule="proportional", flip=True))
    {'epochs': 5, 'inverted': True}
    """
    usual = PRESETS.get(config.dataset, {})
    fields = type(config).model_fields
    left_out = {"dataset", "seed", "rule", *EXECUTION_FIELDS}
    given = {name: value for name, value in config if name not in left_out}
    return {shown_name(name): value for name, value in given.items() if value != usual.get(name, fields[name].default)}


def listed(settings: dict[str, Any]) -> str:
    """Settings in one line.

    >>> listed({"learning_rate": 3e-4, "augment": False, "channels": [4, 8], "source_runs": ["a"]})
    'learning_rate=0.0003 augment=false channels=4,8 source_runs=a'
    """
    return " ".join(f"{name}={_value(value)}" for name, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
