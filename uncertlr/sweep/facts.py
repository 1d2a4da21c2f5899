"""What a sweep's file states about its study beside the runs: which arm is compared with which, and what was known when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from uncertlr.errors import ConfigError, hint

ARM_FACTS = {
    "matched_mean_rate_of": "matched_mean_rates",
    "matched_constant_rate_of": "matched_constant_rates",
    "ablation_of": "ablations",
}
"""Keys of an arm that change no run, each with the field of `Facts` that holds what they state."""

Arms = Mapping[str, tuple[str, ...]]
"""For the arm that a key names, the arms that have this key."""


@dataclass(frozen=True)
class Facts:
    """Facts about a study.

    Attributes:
        protocol_fixed: UTC, in ISO format; runs that began earlier belong to the pilot. Empty if there was none.
        chosen_on_validation: whether settings were chosen on validation, here or on another set, so that arms differ in
            their learning rates by design.
        baselines: arms that every arm with feedback is compared with.
        matched_mean_rates: for an arm with feedback, the arm whose rate has its mean and no feedback.
        matched_constant_rates: for an arm with feedback, the arm that keeps its initial rate.
        ablations: for an arm, the arms that change one thing about its rule.
    """

    protocol_fixed: str = ""
    chosen_on_validation: bool = False
    baselines: tuple[str, ...] = ()
    matched_mean_rates: Arms = field(default_factory=dict)
    matched_constant_rates: Arms = field(default_factory=dict)
    ablations: Arms = field(default_factory=dict)


def require_arm(where: str, name: object, arms: Iterable[str], otherwise: str = "name an arm of this file") -> None:
    """Refuse a name that is no arm; suggests the nearest one.

    Raises:
        ConfigError: there is no such arm.
    """
    known = list(arms)
    if name not in known:
        raise ConfigError(f"{where}: no arm {name!r}; {hint(name, known, otherwise)}")
