"""What all commands share: the program, parameters that several have, and one line about a word that none has."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import (
    App,
    CycloptsError,
    MissingArgumentError,
    Parameter,
    Token,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)
from cyclopts.validators import Number

from uncertlr import __version__
from uncertlr.config import PROFILES, RunConfig, describe_field, stored_names, whole_number
from uncertlr.errors import ConfigError, hint

app = App(
    "uncertlr",
    help="Learning rates set by predictive uncertainty.",
    help_epilogue="Every command takes --debug, which shows the traceback of an error.",
    help_format="plaintext",
    version=f"uncertlr {__version__}",
    default_parameter=Parameter(
        negative=(),
        allow_repeating=True,
        json_list=False,  # a word that looks like JSON is the user's own text
        json_dict=False,
        show_default=lambda value: str(value) if value else None,
    ),
)


def _whole(kind: type, tokens: Sequence[Token]) -> int:
    """A whole number; cyclopts itself would round 1.5."""
    if not isinstance(number := whole_number(tokens[0].value), int):
        raise ValueError(f"{tokens[0].value!r} is not a whole number")
    return number


def _writable(kind: type, path: Path | None) -> None:
    """See that a file can be written, before what goes into it is computed."""
    if path is None:
        return
    if path.is_dir():
        raise ValueError("it is a folder; name a file")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}; create it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError("it may not be written; choose another place")


WholeNumber = Annotated[int, Parameter(converter=_whole)]
NewFile = Annotated[Path | None, Parameter(validator=_writable)]
Words = Annotated[Sequence[str], Parameter(consume_multiple=1)]
WholeNumbers = Annotated[Sequence[WholeNumber], Parameter(consume_multiple=1)]
"""One or more after one flag."""

RUN_IDS = "RUN_ID..."
"""What the help calls the names of one or more runs."""

CPUS = os.cpu_count() or 1
Workers = Annotated[WholeNumber, Parameter(help="processes, of one thread each", validator=Number(gte=1))]
Profile = Annotated[str, Parameter(help=f"how much data and how many epochs ({', '.join(PROFILES)})")]
Root = Annotated[str, Parameter(help=describe_field("root"))]

ELSEWHERE = {
    "--lr": "--learning-rate",
    "--bs": "--batch-size",
    "--max-epochs": "--epochs",
    "--num-epochs": "--epochs",
    "--jobs": "--workers",
    "--num-workers": "--workers",
}
"""What other programs call our flags."""


def parse(words: Sequence[str]) -> Callable[[], None]:
    """The command that words ask for, with its parameters.

    Raises:
        ConfigError: the words ask for no command, or for one that does not have such parameters.
    """
    try:
        command, given, _ = app.parse_args([_expanded(word) for word in words], print_error=False, exit_on_error=False)
    except CycloptsError as error:
        raise ConfigError(_message(error)) from None
    if getattr(command, "__func__", None) is App.help_print and not {"--help", "-h"} & set(words):
        raise ConfigError(f"a command is missing; see {' '.join(['uncertlr', *words])} --help")
    return partial(command, *given.args, **given.kwargs)


def _expanded(word: str) -> str:
    """With the home folder in place of ``~``, which a shell leaves as it is in ``--root=~/runs``."""
    flag, sign, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return flag + sign + os.path.expanduser(value)


def _message(error: CycloptsError) -> str:
    chain = error.command_chain or ()
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        known = [name for name in error.app or app if not name.startswith("-")]
        return f"unknown command {error.unused_tokens[0]!r}; {hint(error.unused_tokens[0], known)}"
    if isinstance(error, UnknownOptionError):
        flags = [name for argument in error.argument_collection if argument.show for name in argument.names]
        flag = (error.token.keyword or error.token.value).partition("=")[0]
        return _unknown_flag(flag, " ".join(chain), [*flags, "--help"])
    if isinstance(error, MissingArgumentError) and error.argument and not error.tokens_so_far:
        fault = "needs a value" if error.keyword else "is missing"
        return f"{error.argument.name} {fault}; see {' '.join(['uncertlr', *chain])} --help"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{error.unused_tokens[0]!r} is one word too many; a parameter is set by a flag, as in --epochs 3"
    return f"{str(error).rstrip('.')}; see {' '.join(['uncertlr', *chain])} --help"


def _unknown_flag(flag: str, command: str, flags: Iterable[str]) -> str:
    """What a user meant, of the flags that the command has."""
    from uncertlr.sweep.file import SETTLED

    name = flag.lstrip("-").replace("-", "_")
    if command == "sweep" and name in SETTLED:
        return f"sweep has no flag {flag!r}; {SETTLED[name]}"
    if command != "run" and stored_names({name: None}).keys() <= RunConfig.model_fields.keys():
        mend = f"put it into the file, as base: {{{name}: ...}}" if command == "sweep" else "uncertlr run has it"
        return f"{command} has no flag {flag!r}; {mend}"
    return f"unknown flag {flag!r}; {hint(ELSEWHERE.get(flag, flag), flags, f'see uncertlr {command} --help')}"
