"""Files written whole or not at all, and read without trusting them."""

import hashlib
import io
import json
import os
import re
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from uncertlr.errors import RunError

Arrays = dict[str, np.ndarray]


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file so that a reader, or a crash at any moment, finds the old content or the new, never a part.

    Args:
        path: the file.
        content: all of it.
        durable: wait until it is on the disk; not for what is written anew every second.
    """
    # not tempfile's: its files are readable by their owner alone, whatever the umask says
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_unfinished(*folders: Path) -> None:
    """Remove what `write_atomically` was writing when its process was killed."""
    for folder in folders:
        for path in folder.iterdir():
            if re.fullmatch(r"\..+\.[0-9a-f]{32}", path.name):
                path.unlink(missing_ok=True)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Write a value as indented JSON, atomically; `durable` as for `write_atomically`."""
    write_atomically(path, (json.dumps(value, indent=1) + "\n").encode(), durable=durable)


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


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write named arrays, atomically."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def load_arrays(path: Path) -> Arrays:
    """Read what `save_arrays` wrote; nothing is unpickled.

    Raises:
        RunError: the file is damaged, or holds something else.
    """
    content = io.BytesIO(path.read_bytes())
    try:
        with np.load(content, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # damaged bytes can raise anything
        raise RunError(f"{path} is damaged, or holds no arrays ({error}); remove the run's folder and run again") from error


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
    """Read what `save_state` wrote; nothing but tensors and plain values is unpickled.

    Raises:
        RunError: the file is damaged, or holds something else.
    """
    import torch

    content = io.BytesIO(path.read_bytes())
    try:
        state = torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes can raise anything
        raise RunError(
            f"{path} is damaged, or no state of a run ({error}); remove the run's folder and run again"
        ) from error
    if not isinstance(state, dict):
        raise RunError(f"{path} holds a {type(state).__name__}, no state of a run; remove the run's folder and run again")
    return state
