"""Let the C library keep the memory that a process has once taken.

A training step frees large blocks and takes the same again. glibc returns blocks above a threshold to the system at once,
and the system clears every page before it gives it out anew: up to half of a step's time on a CPU.
"""

import ctypes
import functools
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_KEPT = (1 << 30, 1 << 25)  # older versions of glibc take no more than 32 MiB


@functools.cache
def keep_freed_memory() -> bool:
    """Raise glibc's thresholds for this process, once; numbers do not change, the process keeps what it freed.

    Returns:
        Whether it was done: not where the C library is another.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return any(mallopt(M_MMAP_THRESHOLD, size) for size in LARGEST_KEPT) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
