"""The command line: ``uncertlr run | runs | show | compare | sweep | challenge | notebook | tune | evidence`` and others."""

import io
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from uncertlr.cli import challenge, lab, notebook, publish, run, runs, sweep  # noqa: F401 - each adds its commands
from uncertlr.cli.app import parse
from uncertlr.cli.text import folded
from uncertlr.errors import UncertlrError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Whatever goes wrong is printed in one line on stderr; ``--debug`` shows the traceback before it.

    Returns:
        0 when it succeeded, 1 when who read the output went away, such as ``head``, or when something failed that nobody
        foresaw, 2 when the user can mend what was wrong, 130 when interrupted, 143 when terminated.
    """
    if os.environ.get("MPLBACKEND", "").startswith("module://"):
        del os.environ["MPLBACKEND"]  # a notebook's, from which this command was started; it draws in a kernel only
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may hold bytes that are no text
    try:
        try:
            return _answer(arguments)
        finally:
            sys.stdout.flush()  # here and not at exit, where a reader that has gone could not be caught
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left has a place to go at exit
        return 1


def _answer(arguments: Sequence[str] | None) -> int:
    words, debug = _debugged(sys.argv[1:] if arguments is None else arguments)
    try:
        command = parse(words)
        with _terminable(), _warnings_in_one_line():
            command()
    except UncertlrError as error:
        _print_error(" ".join(str(error).split("\n")), debug=debug)
        return 2
    except BrokenPipeError:
        raise
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        _print_error(f"{cause} (unforeseen; run it again with --debug to see where)", debug=debug)
        return 1
    except KeyboardInterrupt as interrupt:
        print("uncertlr: interrupted; the same command goes on from the last finished epoch", file=sys.stderr)
        return 143 if isinstance(interrupt, Terminated) else 130
    return 0


def _debugged(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The words without ``--debug``, and whether it was among them; what follows ``--`` is for another program."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    ours = [word for word in arguments[:end] if word != "--debug"]
    return [*ours, *arguments[end:]], len(ours) < end


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    def one_line(message: Warning | str, *_where: Any) -> str:
        return f"uncertlr: warning: {message}\n"

    before = warnings.formatwarning
    warnings.formatwarning = one_line  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.formatwarning = before


def _print_error(message: str, *, debug: bool) -> None:
    """One line on stderr, which a terminal folds; before it, where that is asked for, the traceback of the exception."""
    if debug:
        traceback.print_exc()
    print(*folded([f"uncertlr: {message}"], sys.stderr), sep="\n", file=sys.stderr)


class Terminated(KeyboardInterrupt):
    """SIGTERM: what a cluster sends before it takes a machine away is answered as Ctrl-C is."""


@contextmanager
def _terminable() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # where Python allows no handlers
        yield
        return

    def terminate(number: int, frame: object) -> None:
        raise Terminated("SIGTERM")

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
