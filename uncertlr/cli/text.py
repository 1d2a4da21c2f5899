"""Lines of text for a terminal or a log file, and what is checked before anything takes time."""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from uncertlr.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

INDENT = "    "
"""Of a line that goes on with the row before."""


def counted(count: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "run"), counted(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def terminal_width() -> int:
    """Characters that a line may have, one less than the terminal's; 79 where that is unknown."""
    return shutil.get_terminal_size().columns - 1


def folded(cells: Sequence[str]) -> list[str]:
    """A row of a table, or a sentence, as the lines that a terminal has room for; one line where the output is no terminal.

    Rows whose cells are padded to columns are folded at the same columns. Only the last cell is folded between its words.
    """
    if not sys.stdout.isatty():
        return ["  ".join(cells).rstrip()]
    width, lines = max(40, terminal_width()), [cells[0]]
    for cell in cells[1:-1]:
        if len(lines[-1]) + 2 + len(cell) <= width:
            lines[-1] += f"  {cell}"
        else:
            lines.append(INDENT + cell)
    last = "  ".join([lines.pop(), *cells[1:][-1:]])
    lines += textwrap.wrap(last, width, subsequent_indent=INDENT, break_on_hyphens=False)
    return [line.rstrip() for line in lines]


def frame_text(frame: "pd.DataFrame", *, digits: str, index: bool = True) -> str:
    """A table as text, in a terminal broken into blocks of columns that it has room for.

    Args:
        frame: the table.
        digits: how numbers are formatted, such as ``4g``.
        index: show the names of its rows.
    """
    width = terminal_width() if sys.stdout.isatty() else None
    return str(frame.to_string(index=index, na_rep="", float_format=f"{{:.{digits}}}".format, line_width=width))


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
