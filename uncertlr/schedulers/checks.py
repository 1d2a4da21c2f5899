"""One form of error for a rule's settings."""


def check_ranges(rule: object, **valid: bool) -> None:
    """Refuse settings that are out of range.

    Args:
        rule: whose settings are checked.
        valid: for each setting, whether its value is in range.

    Raises:
        ValueError: names the rule, the setting and its value.
    """
    for name, is_valid in valid.items():
        if not is_valid:
            kind = type(rule).__name__
            raise ValueError(f"{kind}: {name}={getattr(rule, name)!r} is out of range; see help({kind})")
