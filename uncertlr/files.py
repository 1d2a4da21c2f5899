"""Files written whole or not at all, and read without trusting them."""

import hashlib
import io
import json
import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from uncertlr.errors import RunError

Arrays = dict[str, np.ndarray]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash at any moment, finds the old content or the new, never a part."""
    # not tempfile's: its files are readable by their owner alone, whatever the umask says
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically."""
    write_atomically(path, (json.dumps(value, indent=1) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RunError: the file is not one.
    """
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}); remove the run's folder and run again") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is damaged (not an object); remove the run's folder and run again")
    return value


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write named arrays, atomically."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def save_state(path: Path, state: dict[str, Any]) -> str:
    """Write tensors and plain values as torch does, atomically.

    Returns:
        The SHA-256 of the file.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote; nothing but tensors and plain values is unpickled."""
    import torch

    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
