"""The command line: ``uncertlr run | sweep | runs | evidence | evaluate | book | results``.

Flags and help come from RunConfig.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from uncertlr.cli_sweep import add_commands
from uncertlr.config import PRESETS, PROFILES, RunConfig, describe_field, preset, type_name
from uncertlr.errors import ConfigError, UncertlrError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0 when it succeeded, 2 when the user can mend what was wrong, 130 when interrupted.
    """
    parser = build_parser()
    known, unknown = parser.parse_known_args(arguments)
    try:
        if unknown:
            raise _unknown_flag(unknown[0])
        known.command(known)
    except UncertlrError as error:
        print(f"uncertlr: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("uncertlr: interrupted; the same command goes on from the last finished epoch", file=sys.stderr)
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    about = "Learning rates that listen to predictive uncertainty."
    parser = argparse.ArgumentParser("uncertlr", description=about, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="train one network, or find the run that did", allow_abbrev=False)
    run.add_argument("dataset", help=f"{', '.join(PRESETS)}, or a folder in the hub's Parquet layout")
    run.add_argument("--profile", default="exact", help=f"how much data and how many epochs ({', '.join(PROFILES)})")
    for name in RunConfig.model_fields:
        if name != "dataset":
            _add_field(run, name)
    run.set_defaults(command=_run)

    add_commands(commands)

    book = commands.add_parser("book", help="execute the notebooks and build the site", allow_abbrev=False)
    book.add_argument(
        "--profile", default="quick", choices=["quick", "standard", "full"], help="what is trained if it is missing"
    )
    book.set_defaults(command=_book)

    results = commands.add_parser("results", help="publish finished runs", allow_abbrev=False)
    actions = results.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", help="write finished runs into one file of results/", allow_abbrev=False)
    add.add_argument("name", help="name of the new file, without its ending")
    add.add_argument("run_ids", nargs="+", help="names of finished runs")
    add.add_argument("--root", default="", help=describe_field("root"))
    add.add_argument("--predictions", nargs="*", default=[], help="runs whose predictions go along")
    add.set_defaults(command=_add_results)
    examples = actions.add_parser("examples", help="write what runs are least and most sure of", allow_abbrev=False)
    examples.add_argument("run_ids", nargs="+", help="names of finished runs with predictions")
    examples.add_argument("--root", default="", help=describe_field("root"))
    examples.set_defaults(command=_store_examples)
    return parser


def _add_field(parser: argparse.ArgumentParser, name: str) -> None:
    field = RunConfig.model_fields[name]
    flag, help_text = "--" + name.replace("_", "-"), (field.description or "").replace("%", "%%")
    if field.annotation is bool:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=help_text)
    elif get_origin(field.annotation) is list:
        parser.add_argument(flag, nargs="+", default=None, help=help_text)
    else:
        choices = "|".join(get_args(field.annotation)) if type_name(field.annotation) == "str" else ""
        parser.add_argument(flag, default=None, metavar=choices or type_name(field.annotation).upper(), help=help_text)


def _unknown_flag(flag: str) -> ConfigError:
    name = flag.lstrip("-").partition("=")[0].replace("-", "_")
    try:
        RunConfig(**{name: None})
    except ConfigError as error:
        return error
    return ConfigError(f"unknown argument {flag!r}")


def _run(options: argparse.Namespace) -> None:
    values: dict[str, Any] = {name: getattr(options, name) for name in RunConfig.model_fields}
    given = {name: value for name, value in values.items() if value is not None and name != "dataset"}
    config = preset(options.dataset, options.profile, **given)

    from uncertlr.experiments import run
    from uncertlr.runs import load_run

    paths = run(config)
    summary = load_run(paths).summary
    final = summary["test"] or summary["val"]
    split = "test" if summary["test"] else "validation"
    print(f"{split} accuracy {final['accuracy']:.4f}, loss {final['loss']:.4f}, ECE {final['ece']:.4f}")
    print(paths.directory)


def _book(options: argparse.Namespace) -> None:
    from uncertlr.book import build_book

    print(f"open {build_book(options.profile)}")


def _add_results(options: argparse.Namespace) -> None:
    from pathlib import Path

    from uncertlr.published import publish
    from uncertlr.runs import RunPaths, default_root, load_run

    root = Path(options.root) if options.root else default_root()
    runs = [load_run(RunPaths(root, run_id)) for run_id in options.run_ids]
    path = publish(runs, options.name, with_predictions=options.predictions)
    print(f"{len(runs)} runs, {path.stat().st_size:,} bytes: {path}")


def _store_examples(options: argparse.Namespace) -> None:
    from pathlib import Path

    from uncertlr.examples import store_examples
    from uncertlr.runs import RunPaths, default_root, load_run

    root = Path(options.root) if options.root else default_root()
    for run_id in options.run_ids:
        print(store_examples(load_run(RunPaths(root, run_id))))


if __name__ == "__main__":
    sys.exit(main())
