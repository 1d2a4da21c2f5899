"""Finished runs: found on the disk or among the published ones, without training and without loading torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from uncertlr.config import RunConfig
from uncertlr.errors import DataError, RunError
from uncertlr.runs.archive import restore_published
from uncertlr.runs.paths import RunPaths, paths_of
from uncertlr.runs.store import Run, read_record, read_run


def find(config: RunConfig) -> Run | None:
    """A finished run, published or local, or None; trains nothing.

    Raises:
        DataError: the run was trained on other data than its folder now holds.
    """
    paths = paths_of(config)
    return read_run(paths) if found(config, paths) else None


def found(config: RunConfig, paths: RunPaths) -> bool:
    """Whether a finished run is here or published; its data and its code are compared with those of now.

    Raises:
        DataError: the run was trained on other data than its folder now holds.
        RunError: it was trained with other code of a rule or a network of the user's own, or its files cannot be read.
    """
    with disk_errors(paths):
        complete = paths.complete or restore_published(paths)
    if complete:
        refuse_other_data(config, paths)
        refuse_other_code(config, read_record(paths))
    return complete


def refuse_other_code(config: RunConfig, record: dict[str, Any]) -> None:
    """See that a rule or a network of the user's own is the one that a run was begun with.

    Raises:
        RunError: its code has changed.
    """
    if not config.own_rule and not config.own_model:
        return
    from uncertlr.training.own import sources  # it loads torch, which reading a result needs not

    before = record.get("own", {})
    for field, digest in sources(config).items():
        if before.get(field, digest) != digest:
            raise RunError(
                f"run {config.run_id} was made with other code of {getattr(config, field)!r}; give the new code another "
                "name, with name=, or use another root"
            )


def refuse_other_data(config: RunConfig, paths: RunPaths) -> None:
    """See that a finished run has seen what its folder of data holds now.

    Nothing is compared for a named set, nor where the folder is not on this machine.

    Raises:
        DataError: the folder holds other data; says both fingerprints.
    """
    if not Path(config.dataset).is_dir():
        return
    from uncertlr.data import folder_fingerprint  # it loads torch, which reading a result needs not

    now = folder_fingerprint(config.dataset, config.data_kind, config.input_column, config.label_column)
    if now and now != (seen := str(read_record(paths)["data"])):
        raise DataError(
            f"run {paths.run_id} was trained on data with fingerprint {seen[:12]}, but {config.dataset} now holds "
            f"{now[:12]}; remove {paths.directory} or use another root to train on what it holds, or restore the data"
        )


@contextmanager
def disk_errors(paths: RunPaths) -> Iterator[None]:
    """Turn what the disk refuses into a RunError that names the file.

    Args:
        paths: the run whose files are read or written meanwhile.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"run {paths.run_id} stopped, since {error.filename or paths.directory} could not be read or written: "
            f"{error.strerror or error}; mend that and run again, it goes on from its last checkpoint"
        ) from error
