"""Random streams, each derived from (seed, epoch, purpose).

Nothing carries a random state from one epoch into the next, so a run that resumes at the start of an epoch draws
exactly what the uninterrupted run drew, and no purpose can shift the numbers of another.
"""

import hashlib

import torch


def derive_seed(seed: int, epoch: int, purpose: str) -> int:
    """A 63-bit seed that is a function of its three arguments alone.

    Args:
        seed: the run's seed.
        epoch: the epoch the stream serves, counted from 1; 0 for what happens once, before training.
        purpose: what the stream is for, such as ``"order"`` or ``"augment"``.

    >>> derive_seed(0, 1, "order") == derive_seed(0, 1, "order") != derive_seed(0, 2, "order")
    True
    """
    digest = hashlib.sha256(f"{seed}/{epoch}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, epoch: int, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
    """A fresh `torch.Generator` for one purpose of one epoch; see `derive_seed`."""
    return torch.Generator(device=device).manual_seed(derive_seed(seed, epoch, purpose))
