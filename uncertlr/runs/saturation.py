"""Whether the learning rate of a run saturated at a bound of its rule."""

from collections.abc import Mapping

SHARES = {"at_floor": "lower", "at_ceiling": "upper"}
"""The shares of steps at each bound, as a summary stores them, and the bound."""

NOTES = {
    "lower": "the learning rate was at the rule's lower bound for more than half of the steps",
    "upper": "the learning rate was at the rule's upper bound for more than half of the steps",
}
"""What a user is shown, by the bound."""


def saturated_bound(rate: Mapping[str, float]) -> str:
    """The bound at which the factor was for more than half of a run's steps: ``lower``, ``upper``, or empty for none.

    Args:
        rate: of a run's summary.

    >>> saturated_bound({"at_floor": 0.8, "at_ceiling": 0.1}), saturated_bound({"at_floor": 0.5})
    ('lower', '')
    """
    return next((bound for name, bound in SHARES.items() if rate.get(name, 0.0) > 0.5), "")
