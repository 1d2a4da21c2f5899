"""The errors a user can meet: each says what is wrong, with which value, and how to mend it."""


class UncertlrError(Exception):
    """Base of every error that uncertlr raises on purpose."""


class ConfigError(UncertlrError, ValueError):
    """A parameter has an unknown name or a value that makes no sense."""


class DataError(UncertlrError, ValueError):
    """A data set is missing, unreachable or malformed."""


class RunError(UncertlrError, RuntimeError):
    """A run on disk is in use, damaged, or belongs to something else."""


class StaleResults(RunError):
    """A stored result is of another version of the library, or of another layout, and must not be shown."""


class ClaimError(UncertlrError):
    """A sentence of the book that the stored runs do not support."""


class Interrupted(KeyboardInterrupt):
    """A run was interrupted; says where, and that it can go on. A notebook shows it in one line."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
