"""Rows of a set through the ``datasets`` library: from the hub, or from exactly the files of a folder."""

import contextlib
import glob
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from uncertlr.data.columns import Columns, arrow_type, read_schema
from uncertlr.data.layout import Layout
from uncertlr.errors import DataError

HUB_SECONDS = 10.0
"""How long the hub may take to answer at all."""


def fetch(repository: str, name: str) -> Any:
    """All splits of a repository of the hub.

    Raises:
        DataError: it cannot be reached, or answers with an error.
    """
    import datasets

    _silence()
    try:
        _reach_hub(repository)
        return datasets.load_dataset(repository)
    except Exception as error:  # the hub's client and Arrow raise many kinds
        raise DataError(
            f"{name} could not be fetched from the Hugging Face hub ({repository}): {_first_line(error)}; connect to "
            f"the network, or set UNCERTLR_DATA to a folder that holds {name}/ in the hub's Parquet layout"
        ) from error


def schemas_of(layout: Layout) -> dict[str, pa.Schema]:
    """The columns of every file that is read, by the file's name.

    Raises:
        DataError: a file cannot be opened, or its footer cannot be read.
    """
    return {layout.name_of(path): read_schema(path) for path in layout.read}


def load_files(
    layout: Layout, schema: pa.Schema, columns: Columns, name: str
) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """Two columns of a folder's files.

    Args:
        layout: says which files, as which split.
        schema: of the files.
        columns: that are loaded.
        name: of the set, for errors.

    Returns:
        The rows of each split, and how many each of its files has.

    Raises:
        DataError: they cannot be read, or a split has no rows; says why.
    """
    import datasets

    _silence()
    wanted = [columns.inputs, columns.labels]
    features = datasets.Features.from_arrow_schema(pa.schema([(column, arrow_type(schema, column)) for column in wanted]))
    counts = {split: [rows_of(path) for path in paths] for split, paths in layout.splits.items()}
    for split, rows in counts.items():
        refuse_empty(split, sum(rows), name)
    filled = {
        split: [path for path, rows in zip(paths, counts[split], strict=True) if rows]  # `datasets` reads no empty file
        for split, paths in layout.splits.items()
    }
    try:
        with _plainly_named(filled) as files, tempfile.TemporaryDirectory() as scratch:
            # the decoded form is cached, so Arrow copies are not kept
            loaded = datasets.load_dataset(
                "parquet", data_files=files, columns=wanted, features=features, cache_dir=scratch, keep_in_memory=True
            )
    except Exception as error:  # Arrow and the file system raise many kinds
        unreadable = _first_unreadable(layout, wanted)
        mend = "; if its writer can read it, write it anew, else fetch it again" if unreadable else ""
        raise DataError(
            f"{name} could not be read from {unreadable or layout.folder}: {_first_line(_root_cause(error))}{mend}"
        ) from error
    return dict(loaded), counts


def refuse_empty(split: str, rows: int, name: str) -> None:
    """See that a split has rows.

    Raises:
        DataError: it has none.
    """
    if not rows:
        mend = "; without its file a fifth of train is held out" if split == "test" else ""
        raise DataError(f"{name}: the {split} split has no rows; add some{mend}")


def rows_of(path: Path) -> int:
    """How many rows a Parquet file has."""
    with path.open("rb") as file:
        return int(pq.read_metadata(file).num_rows)


def _first_unreadable(layout: Layout, columns: list[str]) -> Path | None:
    for path in layout.read:
        try:
            with path.open("rb") as file:
                pq.read_table(file, columns=columns)
        except (pa.ArrowException, OSError):
            return path
    return None


@contextlib.contextmanager
def _plainly_named(files: Mapping[str, Sequence[Path]]) -> Iterator[dict[str, list[str]]]:
    """Links to files under names that mean nothing else: `datasets` takes some signs of a path for patterns or addresses."""
    with tempfile.TemporaryDirectory() as folder:
        linked: dict[str, list[str]] = {}
        for split, paths in files.items():
            for index, path in enumerate(paths):
                link = Path(folder, f"{split}-{index:05}.parquet")
                try:
                    link.symlink_to(path.absolute())
                except OSError:  # where links need a right of their own
                    shutil.copyfile(path, link)
                linked.setdefault(split, []).append(glob.escape(str(link)))
        yield linked


def _reach_hub(repository: str) -> None:
    """Ask the hub once, since `datasets` asks for half a minute; what the hub answers is for `datasets` to judge."""
    import datasets
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    if datasets.config.HF_HUB_OFFLINE:  # then datasets looks in its own cache only, at once
        return
    with contextlib.suppress(HfHubHTTPError):
        HfApi(endpoint=datasets.config.HF_ENDPOINT).dataset_info(repository, timeout=HUB_SECONDS)


def _silence() -> None:
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # what goes wrong is reported once, by the error


def _root_cause(error: BaseException) -> BaseException:
    """The first error of a chain, which says more than what it led to."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return error


def _first_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename or tempfile.gettempdir()})"
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
