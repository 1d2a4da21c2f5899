"""The commands ``uncertlr book build``, ``results add`` and ``results examples``: what is published."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from uncertlr.cli.app import RUN_IDS, Root, app
from uncertlr.cli.text import counted

book = App("book", help="Build the book.")
results = App("results", help="Publish finished runs.")
app.command(book)
app.command(results)


@book.command
def _build(
    *,
    profile: Annotated[Literal["quick", "standard", "full"], Parameter(help="what is trained if it is missing")] = "quick",
    zip: Annotated[bool, Parameter(help="pack the site into one file as well")] = False,
) -> None:
    """Execute the notebooks and build the site."""
    from uncertlr.book.build import build_book, zip_site

    index = build_book(profile)
    print(f"open {index}")
    if zip:
        print(f"the same in one file: {zip_site(index)}")


@results.command
def _add(
    name: Annotated[str, Parameter(help="name of the new file, without its ending")],
    run_ids: Annotated[Sequence[str], Parameter(help="names of finished runs", name=RUN_IDS)] = (),
    /,
    *,
    sweep: Annotated[Path | None, Parameter(help="and all finished runs of this sweep not yet published")] = None,
    root: Root = "",
    predictions: Annotated[Sequence[str], Parameter(help="runs whose predictions go along", consume_multiple=True)] = (),
) -> None:
    """Write finished runs into one file of results/."""
    from uncertlr.runs.archive import publish
    from uncertlr.runs.paths import RunPaths, default_root
    from uncertlr.runs.store import read_run

    folder = Path(root) if root else default_root()
    named = [*run_ids, *(_finished(sweep, root) if sweep else [])]
    runs = [read_run(RunPaths(folder, run_id)) for run_id in dict.fromkeys(named)]
    path = publish(runs, name, with_predictions=predictions)
    print(f"{counted(len(runs), 'run')}, {path.stat().st_size:,} bytes: {path}")


def _finished(sweep: Path, root: str) -> list[str]:
    from uncertlr.runs.states import run_states
    from uncertlr.sweep import read_sweep

    configs = [job.config for job in read_sweep(sweep, root)]
    return [config.run_id for config, state in zip(configs, run_states(configs), strict=True) if state == "done"]


@results.command
def _examples(
    run_ids: Annotated[Sequence[str], Parameter(help="names of finished runs with predictions", name=RUN_IDS)],
    /,
    *,
    root: Root = "",
) -> None:
    """Write what runs are least and most sure of, and what they take for what."""
    from uncertlr.book.examples import store_examples
    from uncertlr.runs.paths import RunPaths, default_root
    from uncertlr.runs.store import read_run

    folder = Path(root) if root else default_root()
    for run_id in run_ids:
        print(store_examples(read_run(RunPaths(folder, run_id))))
