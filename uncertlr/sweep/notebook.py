"""Notebooks executed with papermill."""

import os
import tempfile
from pathlib import Path
from typing import Any

from uncertlr.config import SHOWN_NAMES, RunConfig
from uncertlr.errors import ConfigError, RunError, StaleResults, hint
from uncertlr.runs.paths import paths_of

_LONGEST_FOLDER = 70
"""Bytes of the path of a folder for sockets, whose own path may have 107."""


def checked_parameters(source: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters as the notebook takes them: other fields of `RunConfig` in its ``overrides``, where it has one.

    Raises:
        ConfigError: the file cannot be read as a notebook; the notebook does not have a parameter, or it needs a list.
    """
    known = _parameters_of(source)
    if "overrides" in known:
        parameters = _other_fields_in_overrides(parameters, set(known))
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise ConfigError(f"{source.name} has no parameter {unknown[0]!r}; {hint(unknown[0], known)}")
    _refuse_others_for_lists(source, parameters, known)
    return parameters


def check_for_runs(source: Path, config: RunConfig) -> None:
    """See that a notebook can be executed beside runs, before any of them is trained.

    Raises:
        ConfigError: it does not take all fields of a run.
    """
    known = _parameters_of(source)
    if "overrides" not in known and not set(RunConfig.model_fields) <= set(known):
        raise ConfigError(f"{source.name} cannot be executed beside runs: no parameter 'overrides' takes their settings")
    checked_parameters(source, config.model_dump())


def _parameters_of(source: Path) -> dict[str, Any]:
    """The notebook's parameters by name, as papermill infers them.

    Raises:
        ConfigError: the file cannot be read as one with parameters.
    """
    import papermill
    from nbformat import ValidationError

    try:
        return dict(papermill.inspect_notebook(str(source)))
    except (ValueError, ValidationError) as error:
        raise ConfigError(f"{source} cannot be read as a notebook: {str(error).splitlines()[0]}") from None


def execute_notebook(
    source: Path, target: Path, parameters: dict[str, Any], save_every_cell: bool = True, progress_bar: bool = False
) -> None:
    """Run a notebook with papermill; unlike papermill, refuse a parameter that the notebook does not have.

    In a notebook with a parameter ``overrides``, every other field of `RunConfig` may be given by its name too.

    What is not finished is written beside `target`, with the suffix ``.part.ipynb``.

    Args:
        source: the notebook.
        target: where it is written with its outputs.
        parameters: injected.
        save_every_cell: or only at the end, or when a cell fails; saving takes time where outputs are large.
        progress_bar: draw one that counts cells.

    Raises:
        ConfigError: unknown parameter.
        RunError: a cell failed.
        StaleResults: a cell asked for a stored result of another version of the library.
    """
    import papermill
    from traitlets.config import Config

    from uncertlr.sweep.kernel import QuietKernelManager

    parameters = checked_parameters(source, parameters)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part.ipynb")
    with tempfile.TemporaryDirectory(dir=_short_folder()) as sockets:
        # sockets in the file system: two kernels that start at once cannot race for a port
        transport = Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"})
        try:
            papermill.execute_notebook(
                str(source),
                str(unfinished),
                parameters,
                kernel_name="python3",
                progress_bar=progress_bar,
                request_save_on_cell_execute=save_every_cell,
                cwd=str(source.parent),
                config=transport,
                kernel_manager_class=QuietKernelManager,
            )
        except papermill.PapermillExecutionError as error:
            kind = StaleResults if error.ename == "StaleResults" else RunError
            failure = f"{source.name} failed in cell {error.exec_count}: {error.ename}: {error.evalue}"
            raise kind(f"{failure}; {unfinished} shows the cells up to it") from None
    unfinished.replace(target)


def _short_folder() -> str | None:
    """Where temporary folders go, but for one whose path is too long for a socket; None for the usual place."""
    usual = tempfile.gettempdir()
    if len(os.fsencode(usual)) <= _LONGEST_FOLDER:
        return None
    return next((place for place in ("/tmp", "/var/tmp", "/dev/shm") if os.access(place, os.W_OK)), None)


def _refuse_others_for_lists(source: Path, parameters: dict[str, Any], known: dict[str, Any]) -> None:
    for name, value in parameters.items():
        parameter = known.get(name, {})
        is_list = str(parameter.get("inferred_type_name")).startswith("list") or str(parameter.get("default")).startswith(
            "["
        )
        if is_list and not isinstance(value, list):
            raise ConfigError(f"{source.name}: {name}={value!r} must be a list; write -y '{name}: [{value}]'")


def _other_fields_in_overrides(parameters: dict[str, Any], own: set[str]) -> dict[str, Any]:
    """The parameters with every field of a run that is no parameter of its own moved to ``overrides``."""
    fields = {*RunConfig.model_fields, *SHOWN_NAMES.values()} - own
    moved = {name: value for name, value in parameters.items() if name in fields}
    if not moved:
        return parameters
    kept = {name: value for name, value in parameters.items() if name not in fields}
    return kept | {"overrides": kept.get("overrides", {}) | moved}


def executed_notebook(config: RunConfig) -> Path:
    """Where a run's executed notebook lies."""
    return paths_of(config).directory / "notebook.ipynb"
