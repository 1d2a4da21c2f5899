"""One form of error for a rule's settings."""


def check_ranges(rule: object, **ranges: tuple[bool, str]) -> None:
    """Refuse settings that are out of range.

    Args:
        rule: whose settings are checked.
        ranges: for each setting, whether its value is in range, and the range in words, such as ``"in (0, 1]"``.

    Raises:
        ValueError: names the rule, the setting, its value and its range.
    """
    for name, (is_valid, words) in ranges.items():
        if not is_valid:
            raise ValueError(f"{type(rule).__name__}: {name}={getattr(rule, name)!r} must be {words}")
