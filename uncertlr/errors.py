"""The errors a user can meet: each says what is wrong, with which value, and how to mend it."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class UncertlrError(Exception):
    """Base of every error that uncertlr raises on purpose."""


class InputError(UncertlrError, ValueError):
    """Something that was given is wrong; a notebook shows it in one line, since the code that found it is not at fault."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class ConfigError(InputError):
    """A parameter has an unknown name or a value that makes no sense."""


class DataError(InputError):
    """A data set is missing, unreachable or malformed."""


class RunError(UncertlrError, RuntimeError):
    """A run on disk is in use, damaged, or belongs to something else."""


class StaleResults(RunError):
    """A stored result is of another version of the library, or of another layout, and must not be shown."""


class ClaimError(UncertlrError):
    """A sentence of the book that the stored runs do not support."""


class Interrupted(KeyboardInterrupt):
    """A run was interrupted; says where, and that it can go on. A notebook shows it in one line.

    Args:
        run_id: the run.
        where: such as ``"at epoch 2 of 4"``.
    """

    def __init__(self, run_id: str, where: str) -> None:
        super().__init__(f"run {run_id} was interrupted {where}; run it again to continue")
        self.where = where

    def _render_traceback_(self) -> list[str]:
        return [f"interrupted {self.where}; run the cell again to continue"]


def hint(name: object, known: Iterable[str], otherwise: str = "") -> str:
    """What to write in place of an unknown name.

    Args:
        name: as it was given.
        known: the names that exist.
        otherwise: said where none of them is near; if empty, all of them are listed.

    >>> hint("epoch", ["epochs", "seed"])
    "did you mean 'epochs'?"
    """
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise or f"choose from {', '.join(known)}"


@contextmanager
def located(place: str) -> Iterator[None]:
    """Puts the place (a file, an arm) before the message of a `ConfigError`."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from None
