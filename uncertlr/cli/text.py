"""Lines of text for a terminal or a log file, and what is checked before anything takes time."""

import math
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

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


def folded(cells: Sequence[str], stream: TextIO | None = None) -> list[str]:
    """A row of a table, or a sentence, as the lines that a terminal has room for; one line where the output is no terminal.

    The output is stdout unless another stream is given. Rows whose cells are padded to columns are folded at the same
    columns. Only the last cell is folded between its words.
    """
    if not (stream or sys.stdout).isatty():
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


def aligned(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows of cells, all but the last padded to the widest of its column.

    >>> aligned([("run", "rate"), ("a", "1e-3")])
    [['run', 'rate'], ['a  ', '1e-3']]
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return [[*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]] for row in rows]


def frame_text(frame: "pd.DataFrame", *, digits: str, index: bool = True) -> str:
    """A table as text, in a terminal with its headings in several lines, and in blocks of columns, as far as it needs them.

    Args:
        frame: the table.
        digits: how numbers are formatted, such as ``4g``.
        index: show the names of its rows.
    """

    def text(table: "pd.DataFrame", width: int | None = None) -> str:
        form = f"{{:.{digits}}}".format
        return str(table.to_string(index=index, na_rep="", float_format=form, line_width=width, sparsify=False))

    whole, width = text(frame), terminal_width() if sys.stdout.isatty() else math.inf
    if _width(whole) <= width:
        return whole
    frame = _with_folded_headings(frame)
    whole = text(frame)
    return whole if _width(whole) <= width else text(frame, int(width))


def _width(text: str) -> int:
    return max(map(len, text.splitlines()))


def _with_folded_headings(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The same table, its headings broken between words, the last of each in the lowest line."""
    import pandas as pd

    words = [str(name).replace("_", "_ ").split() for name in frame.columns]
    height = max(map(len, words))
    rows = [[""] * (height - len(each)) + each for each in words]
    names = [*[""] * (height - 1), frame.columns.name]
    return frame.set_axis(pd.MultiIndex.from_tuples(map(tuple, rows), names=names), axis="columns")


@contextmanager
def writing(flag: str, path: Path) -> Iterator[None]:
    """While a file is written that a flag names.

    Raises:
        ConfigError: the system refuses.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{flag} {path}: {error.strerror or error}") from None
