"""An interrupted cell of a notebook, shown in one line."""

from types import TracebackType
from typing import Any

LINE = "interrupted; run the cell again, it starts anew"


def show_in_one_line(shell: Any) -> None:
    """Show an interrupt without its traceback, which in a training loop leads through a hundred lines of PyTorch's.

    Args:
        shell: IPython's.
    """
    shell.set_custom_exc((KeyboardInterrupt,), _show)


def _show(
    shell: Any, kind: type[BaseException], error: BaseException, trace: TracebackType, tb_offset: int | None = None
) -> list[str]:
    of_a_run = getattr(error, "_render_traceback_", None)  # which goes on where it was
    lines = of_a_run() if of_a_run else [LINE]
    shell._showtraceback(kind, error, lines)
    return lines
