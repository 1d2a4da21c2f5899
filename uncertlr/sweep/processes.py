"""How the worker processes of this machine are started: forked off one that has loaded what they need."""

import contextlib
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import forkserver

_LONGEST_FOLDER = 70
"""Bytes of the path of the temporary folder: the forking process listens on a socket in it."""

_SHORT_FOLDER = len(os.fsencode(tempfile.gettempdir())) <= _LONGEST_FOLDER
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() and _SHORT_FOLDER else "spawn"

PRELOADED = ["uncertlr.sweep.preload"]
"""Loaded once, not by each worker: it takes seconds, mostly torch's."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""What Dask sets for its workers; libraries read it when they are loaded."""


def prepare_workers() -> None:
    """Begin to load what workers need, in a process of its own; called again it does nothing."""
    if METHOD != "forkserver":
        return
    multiprocessing.set_forkserver_preload(PRELOADED)
    before = dict(os.environ)
    os.environ.update(ONE_THREAD)
    try:
        with main_module_hidden():
            forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def main_module_hidden() -> Iterator[None]:
    """Processes that start meanwhile do not execute the user's script anew, so that it needs no guard.

    A worker is handed functions of this package and pickled values only. Nothing else of ``__main__`` changes.
    """
    main, missing = sys.modules["__main__"], object()
    hidden = {name: vars(main).pop(name, missing) for name in ("__file__", "__spec__")}
    main.__spec__ = None  # multiprocessing asks for it
    try:
        yield
    finally:
        for name, value in hidden.items():
            if value is missing:
                vars(main).pop(name, None)
            else:
                setattr(main, name, value)
