"""The commands ``uncertlr run`` and ``record``: train one network, and its learning rates as a schedule."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from cyclopts import Parameter

from uncertlr.cli.app import NewFile, Profile, Root, Words, app
from uncertlr.config import PRESETS, RunConfig, describe_field, preset, shown_name, type_name

if TYPE_CHECKING:
    from uncertlr.training.progress import Callback


def _flag(field: str, *, show: bool) -> Any:
    """What the flag of a field takes: text, which RunConfig reads, except that a bool has a flag for either value."""
    default = RunConfig.model_fields[field].default
    kind = type_name(RunConfig.model_fields[field].annotation)
    given = {"bool": bool, "list[int]": Words, "list[str]": Words}.get(kind, str)
    written = " ".join(map(str, default)) if isinstance(default, list) else str(default)
    help_text, negative = describe_field(field), None if given is bool else ()
    return Annotated[
        given, Parameter(help=help_text, metavar=kind.upper(), show_default=written or False, show=show, negative=negative)
    ]


_NAMES = {name: field for field in RunConfig.model_fields if field != "dataset" for name in (shown_name(field), field)}
if TYPE_CHECKING:
    Flags = dict[str, Any]
else:
    Flags = TypedDict("Flags", {name: _flag(of, show=name == shown_name(of)) for name, of in _NAMES.items()}, total=False)


@app.command
def _run(
    dataset: Annotated[str, Parameter(help=f"{', '.join(PRESETS)}, or a folder in the hub's Parquet layout")],
    /,
    *,
    profile: Profile = "exact",
    tensorboard: Annotated[Path | None, Parameter(help="folder, where TensorBoard event files are written")] = None,
    fields: Annotated[Flags | None, Parameter(name="*")] = None,
) -> None:
    """Train one network, or find the run that did.

    What the data set and the profile say of a parameter comes before its default.
    """
    config = preset(dataset, profile, **(fields or {}))

    from uncertlr.runs.store import read_run
    from uncertlr.training.run import run as train

    callbacks: list[Callback] = []
    if tensorboard:
        from uncertlr.training.tensorboard import TensorBoard

        callbacks.append(TensorBoard(tensorboard))
    paths = train(config, callbacks=callbacks)
    summary = read_run(paths).summary
    final = summary["test"] or summary["val"]
    split = "test" if summary["test"] else "validation"
    print(f"{split} accuracy {final['accuracy']:.4f}, loss {final['loss']:.4f}, ECE {final['ece']:.4f}")
    print(paths.directory)


@app.command
def _record(
    run_id: Annotated[str, Parameter(help="name of a finished or published run")],
    /,
    *,
    output: Annotated[NewFile, Parameter(help="the schedule file (schedule-RUN.json)")] = None,
    root: Root = "",
) -> None:
    """Write a finished run's learning rates as a schedule."""
    from uncertlr.cli.runs import load_named
    from uncertlr.training.record import save_schedule

    finished, path = load_named(run_id, root), output or Path(f"schedule-{run_id}.json")
    save_schedule(finished, path)
    rate = finished.config.learning_rate
    print(f"wrote {path}; the initial learning rate is {rate:g}")
    print(f"follow it with load_schedule({str(path)!r}, total_steps=...)")
