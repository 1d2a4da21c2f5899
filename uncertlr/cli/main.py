"""The command line: ``uncertlr run | runs | show | compare | sweep | challenge | notebook | tune | evidence`` and others.

Flags and help come from RunConfig.
"""

import argparse
import difflib
import io
import os
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, get_args, get_origin

from uncertlr import __version__
from uncertlr.cli import challenge, lab, notebook, runs, sweep
from uncertlr.cli.text import counted
from uncertlr.config import PRESETS, PROFILES, RunConfig, describe_field, preset, shown_name, type_name
from uncertlr.errors import ConfigError, UncertlrError

if TYPE_CHECKING:
    from uncertlr.training.progress import Callback


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
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        known, unknown = build_parser().parse_known_args(words)
        if unknown:
            raise _unknown_flag(unknown[0], known.parser)
        _expand_home(known)
        with _terminable(), _warnings_in_one_line():
            known.command(known)
    except UncertlrError as error:
        _print_error(" ".join(str(error).split("\n")), debug="--debug" in words)
        return 2
    except BrokenPipeError:
        raise
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        _print_error(f"{cause} (unforeseen; run it again with --debug to see where)", debug="--debug" in words)
        return 1
    except KeyboardInterrupt as interrupt:
        print("uncertlr: interrupted; the same command goes on from the last finished epoch", file=sys.stderr)
        return 143 if isinstance(interrupt, Terminated) else 130
    return 0


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


def _expand_home(options: argparse.Namespace) -> None:
    """Read ``~`` as the home folder, which a shell does not in ``--root=~/runs`` and quoted words."""
    for name, value in vars(options).items():
        if isinstance(value, str | Path):
            setattr(options, name, type(value)(os.path.expanduser(value)))


def _print_error(message: str, *, debug: bool) -> None:
    """One line on stderr, after the traceback of the exception that is being handled where it is asked for."""
    if debug:
        traceback.print_exc()
    print(f"uncertlr: {message}", file=sys.stderr)


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


class _Parser(argparse.ArgumentParser):
    """One that raises what it finds wrong, to be printed as any other error, and whose commands all know ``--debug``."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error")

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see {self.prog} --help")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    about = "Learning rates set by predictive uncertainty."
    parser = _Parser("uncertlr", description=about, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"uncertlr {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="train one network, or find the run that did", allow_abbrev=False)
    run.add_argument("dataset", help=f"{', '.join(PRESETS)}, or a folder in the hub's Parquet layout")
    profiles = ", ".join(PROFILES)
    run.add_argument("--profile", default="exact", help=f"how much data and how many epochs ({profiles}; else %(default)s)")
    run.add_argument("--tensorboard", type=Path, metavar="FOLDER", help="write TensorBoard event files there")
    for name in RunConfig.model_fields:
        if name != "dataset":
            _add_field(run, name)
    run.set_defaults(command=_run, parser=run)

    record = commands.add_parser("record", help="write a finished run's learning rates as a schedule", allow_abbrev=False)
    record.add_argument("run_id", help="name of a finished or published run")
    record.add_argument("--output", type=Path, metavar="FILE", help="the schedule file (schedule-RUN.json)")
    record.add_argument("--root", default="", help=describe_field("root"))
    record.set_defaults(command=_record, parser=record)

    sweep.add_sweep_commands(commands)
    challenge.add_challenge_command(commands)
    runs.add_run_commands(commands)
    notebook.add_notebook_command(commands)
    lab.add_lab_command(commands)

    book = commands.add_parser("book", help="execute the notebooks and build the site", allow_abbrev=False)
    book.add_argument(
        "--profile", default="quick", choices=["quick", "standard", "full"], help="what is trained if it is missing"
    )
    book.add_argument("--zip", action="store_true", help="pack the site into one file as well")
    book.set_defaults(command=_book, parser=book)

    results = commands.add_parser("results", help="publish finished runs", allow_abbrev=False)
    actions = results.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", help="write finished runs into one file of results/", allow_abbrev=False)
    add.add_argument("name", help="name of the new file, without its ending")
    add.add_argument("run_ids", nargs="*", help="names of finished runs")
    add.add_argument("--sweep", default="", metavar="FILE", help="and all finished runs of this sweep not yet published")
    add.add_argument("--root", default="", help=describe_field("root"))
    add.add_argument("--predictions", nargs="*", default=[], help="runs whose predictions go along")
    add.set_defaults(command=_add_results, parser=add)
    examples = actions.add_parser(
        "examples", help="write what runs are least and most sure of, and what they take for what", allow_abbrev=False
    )
    examples.add_argument("run_ids", nargs="+", help="names of finished runs with predictions")
    examples.add_argument("--root", default="", help=describe_field("root"))
    examples.set_defaults(command=_store_examples, parser=examples)
    return parser


def _add_field(parser: argparse.ArgumentParser, name: str) -> None:
    field = RunConfig.model_fields[name]
    flags = ["--" + each.replace("_", "-") for each in dict.fromkeys((shown_name(name), name))]
    help_text = (field.description or "").replace("%", "%%")
    if field.annotation is bool:
        parser.add_argument(*flags, dest=name, action=argparse.BooleanOptionalAction, default=None, help=help_text)
    elif get_origin(field.annotation) is list:
        parser.add_argument(*flags, dest=name, nargs="+", default=None, help=help_text)
    else:
        choices = "|".join(map(shown_name, get_args(field.annotation))) if type_name(field.annotation) == "str" else ""
        metavar = choices or type_name(field.annotation).upper()
        parser.add_argument(*flags, dest=name, default=None, metavar=metavar, help=help_text)


ELSEWHERE = {
    "--lr": "--learning-rate",
    "--bs": "--batch-size",
    "--max-epochs": "--epochs",
    "--num-epochs": "--epochs",
    "--jobs": "--workers",
    "--num-workers": "--workers",
}
"""What other programs call our flags."""


def _unknown_flag(flag: str, parser: argparse.ArgumentParser) -> ConfigError:
    """What a user meant, of the flags that the command has."""
    if not flag.startswith("-"):
        return ConfigError(f"{flag!r} is one word too many; a parameter is set by a flag, as in --epochs 3")
    given = flag.partition("=")[0]
    asked = "--" + given.lstrip("-").replace("_", "-")
    flags = re.findall(r"--[a-z0-9][a-z0-9-]*", parser.format_usage())
    from uncertlr.sweep.file import SETTLED

    command, name = parser.prog.removeprefix("uncertlr "), asked[2:].replace("-", "_")
    if asked in flags:
        return ConfigError(f"unknown flag {given!r}; write {asked}")
    if command == "sweep" and name in SETTLED:
        return ConfigError(f"sweep has no flag {asked!r}; {SETTLED[name]}")
    if name in RunConfig.model_fields:
        mend = f"put it into the file, as base: {{{name}: ...}}" if command == "sweep" else "uncertlr run has it"
        return ConfigError(f"{command} has no flag {asked!r}; {mend}")
    near = [ELSEWHERE[asked]] if ELSEWHERE.get(asked) in flags else difflib.get_close_matches(asked, flags, n=1)
    mend = f"did you mean {near[0]}?" if near else f"see uncertlr {command} --help"
    return ConfigError(f"unknown flag {given!r}; {mend}")


def _run(options: argparse.Namespace) -> None:
    values: dict[str, Any] = {name: getattr(options, name) for name in RunConfig.model_fields}
    given = {name: value for name, value in values.items() if value is not None and name != "dataset"}
    config = preset(options.dataset, options.profile, **given)

    from uncertlr.runs.store import read_run
    from uncertlr.training.run import run

    callbacks: list[Callback] = []
    if options.tensorboard:
        from uncertlr.training.tensorboard import TensorBoard

        callbacks.append(TensorBoard(options.tensorboard))
    paths = run(config, callbacks=callbacks)
    summary = read_run(paths).summary
    final = summary["test"] or summary["val"]
    split = "test" if summary["test"] else "validation"
    print(f"{split} accuracy {final['accuracy']:.4f}, loss {final['loss']:.4f}, ECE {final['ece']:.4f}")
    print(paths.directory)


def _record(options: argparse.Namespace) -> None:
    from uncertlr.runs.archive import restore_published
    from uncertlr.runs.paths import RunPaths, default_root
    from uncertlr.runs.store import read_run
    from uncertlr.training.record import save_schedule

    paths = RunPaths(Path(options.root) if options.root else default_root(), options.run_id)
    if not paths.complete:
        restore_published(paths)
    run, path = read_run(paths), options.output or Path(f"schedule-{options.run_id}.json")
    save_schedule(run, path)
    print(
        f"initial learning rate {run.config.learning_rate:g}; follow it with load_schedule({str(path)!r}, total_steps=...)"
    )


def _book(options: argparse.Namespace) -> None:
    from uncertlr.book.build import build_book, zip_site

    index = build_book(options.profile)
    print(f"open {index}")
    if options.zip:
        print(f"the same in one file: {zip_site(index)}")


def _add_results(options: argparse.Namespace) -> None:
    from uncertlr.runs.archive import publish
    from uncertlr.runs.paths import RunPaths, default_root
    from uncertlr.runs.store import read_run

    root = Path(options.root) if options.root else default_root()
    run_ids = [*options.run_ids, *(_finished(Path(options.sweep), options.root) if options.sweep else [])]
    runs = [read_run(RunPaths(root, run_id)) for run_id in dict.fromkeys(run_ids)]
    path = publish(runs, options.name, with_predictions=options.predictions)
    print(f"{counted(len(runs), 'run')}, {path.stat().st_size:,} bytes: {path}")


def _finished(sweep: Path, root: str) -> list[str]:
    from uncertlr.runs.states import run_states
    from uncertlr.sweep import read_sweep

    configs = [job.config for job in read_sweep(sweep, root)]
    return [config.run_id for config, state in zip(configs, run_states(configs), strict=True) if state == "done"]


def _store_examples(options: argparse.Namespace) -> None:
    from pathlib import Path

    from uncertlr.book.examples import store_examples
    from uncertlr.runs.paths import RunPaths, default_root
    from uncertlr.runs.store import read_run

    root = Path(options.root) if options.root else default_root()
    for run_id in options.run_ids:
        print(store_examples(read_run(RunPaths(root, run_id))))


if __name__ == "__main__":
    sys.exit(main())
