"""Decoded data on disk, so that a set is decoded once; safe for several processes."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import filelock
import numpy as np
import platformdirs

from uncertlr.errors import DataError

Arrays = dict[str, np.ndarray]


def cache_folder() -> Path:
    """``UNCERTLR_CACHE``, else the user's cache folder."""
    return Path(os.environ.get("UNCERTLR_CACHE") or platformdirs.user_cache_dir("uncertlr"))


def cached(key: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays stored under a key, or those that `make` gives, which are then stored.

    Only one of several processes makes them; the others wait. A damaged file is made again.

    Args:
        key: names the content; part of the file's name.
        make: called at most once.

    Raises:
        DataError: the cache folder cannot be written.
    """
    path = cache_folder() / f"{key}.npz"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_suffix(".lock")):
            stored = _read(path)
            if stored is None:
                stored = make()
                _write(path, stored)
            return stored
    except PermissionError as error:
        raise _unwritable(path.parent, error) from error
    except OSError as error:
        if error.filename is None or not str(error.filename).startswith(str(path.parent)):
            raise
        raise _unwritable(path.parent, error) from error


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"the cache folder {folder} cannot be written ({error.strerror}); set UNCERTLR_CACHE to a folder that can"
    )


def _read(path: Path) -> Arrays | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception:  # numpy and zipfile raise half a dozen kinds for a damaged file
        return None


def _write(path: Path, arrays: Arrays) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
