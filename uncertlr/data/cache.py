"""Decoded data on disk, so that a set is decoded once; safe for several processes."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import filelock
import numpy as np
import platformdirs

from uncertlr.errors import DataError

Decoded = dict[str, np.ndarray]


def cache_folder() -> Path:
    """``UNCERTLR_CACHE``, else the user's cache folder."""
    return Path(os.environ.get("UNCERTLR_CACHE") or platformdirs.user_cache_dir("uncertlr")).expanduser()


def cached(key: str, make: Callable[[], Decoded]) -> Decoded:
    """The arrays stored under a key, or those that `make` gives, which are then stored.

    Only one of several processes makes them; the others wait. To read takes no lock and no right to write. A damaged
    file is made again.

    Args:
        key: names the content; part of the file's name.
        make: called at most once; what it raises is passed on.

    Raises:
        DataError: the cache folder cannot be written.
    """
    path = cache_folder() / f"{key}.npz"
    stored = _read(path)
    if stored is not None:
        return stored
    with _lock(path):
        stored = _read(path)  # another process may have been first
        if stored is None:
            stored = make()
            _write(path, stored)
    return stored


def _lock(path: Path) -> AbstractContextManager[object]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(path.with_suffix(".lock")).acquire()
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def _read(path: Path) -> Decoded | None:
    if not path.is_file():
        return None
    try:
        # opened here, because numpy leaves a damaged file open
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception:  # numpy and zipfile raise half a dozen kinds for a damaged file
        return None


def _write(path: Path, arrays: Decoded) -> None:
    temporary = path.with_suffix(".part")  # one name is enough: the lock is held
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(folder: Path, error: OSError) -> DataError:
    reason = error.strerror or str(error)
    return DataError(f"the cache folder {folder} cannot be written ({reason}); set UNCERTLR_CACHE to a folder that can")
