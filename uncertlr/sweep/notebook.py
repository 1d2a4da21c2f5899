"""Notebooks executed with papermill."""

import tempfile
from pathlib import Path
from typing import Any

from uncertlr.errors import ConfigError, RunError, StaleResults


def execute_notebook(source: Path, target: Path, parameters: dict[str, Any], save_every_cell: bool = True) -> None:
    """Run a notebook with papermill; unlike papermill, refuse a parameter that the notebook does not have.

    What is not finished is written beside `target`, with the suffix ``.part.ipynb``.

    Args:
        source: the notebook.
        target: where it is written with its outputs.
        parameters: injected.
        save_every_cell: or only at the end, or when a cell fails; saving takes time where outputs are large.

    Raises:
        ConfigError: unknown parameter.
        RunError: a cell failed.
        StaleResults: a cell asked for a stored result of another version of the library.
    """
    import papermill
    from traitlets.config import Config

    known = papermill.inspect_notebook(str(source))
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise ConfigError(f"{source.name} has no parameter {unknown[0]!r}; it has {', '.join(known)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part.ipynb")
    with tempfile.TemporaryDirectory() as sockets:
        # sockets in the file system: two kernels that start at once cannot race for a port
        transport = Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"})
        try:
            papermill.execute_notebook(
                str(source),
                str(unfinished),
                parameters,
                kernel_name="python3",
                progress_bar=False,
                request_save_on_cell_execute=save_every_cell,
                cwd=str(source.parent),
                config=transport,
            )
        except papermill.PapermillExecutionError as error:
            kind = StaleResults if error.ename == "StaleResults" else RunError
            raise kind(f"{source.name} failed in cell {error.exec_count}: {error.ename}: {error.evalue}") from None
    unfinished.replace(target)
