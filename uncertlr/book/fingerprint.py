"""Whether something has to be made again: digests of files, of installed packages, and of other facts."""

import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterable
from pathlib import Path


def digest(files: Iterable[Path], *facts: object) -> str:
    """A digest of files, by their paths and contents, and of facts that JSON can hold."""
    made = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for path in sorted(set(files), key=str):
        made.update(str(path).encode() + path.read_bytes())
    return made.hexdigest()


def installed() -> list[str]:
    """Python's version, and those of the installed packages."""
    return [sys.version, *sorted(f"{each.name} {each.version}" for each in importlib.metadata.distributions())]


def files_of(*paths: Path) -> list[Path]:
    """The files among some paths and in the folders among them, without compiled ones."""
    inside = [each for path in paths for each in ([path] if path.is_file() else path.rglob("*"))]
    return [path for path in inside if path.is_file() and "__pycache__" not in path.parts]
