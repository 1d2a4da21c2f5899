"""Lines of text for a terminal or a log file, and what is checked before anything takes time."""

import os
import shutil
from pathlib import Path

from uncertlr.errors import ConfigError


def counted(count: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "run"), counted(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def terminal_width() -> int:
    """Characters that a line may have, one less than the terminal's; 79 where that is unknown."""
    return shutil.get_terminal_size().columns - 1


def refuse_unwritable(flag: str, path: Path) -> None:
    """See that a file can be written, before what goes into it is computed.

    Raises:
        ConfigError: it is a folder, or its folder is missing or may not be written.
    """
    if path.is_dir():
        raise ConfigError(f"{flag} {path}: is a folder; name a file")
    if not path.parent.is_dir():
        raise ConfigError(f"{flag} {path}: there is no folder {path.parent}; create it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError(f"{flag} {path}: may not be written; choose another place")
