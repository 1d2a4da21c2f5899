"""Who ran what, when, on which machine, with which versions."""

import importlib.metadata
import os
import platform
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

LIBRARIES = ("uncertlr", "torch", "torchvision", "numpy", "datasets", "tokenizers")


def now() -> str:
    """The present time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def owner() -> dict[str, Any]:
    """This process."""
    return {"host": socket.gethostname(), "pid": os.getpid()}


def environment(device: str) -> dict[str, Any]:
    """Versions, what computed, and commit."""
    commit = _git("rev-parse", "HEAD")
    return {
        "device": device,
        "processor": torch.cuda.get_device_name(device) if device.startswith("cuda") else _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
        "git": {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _git(*arguments: str) -> str:
    folder = Path(__file__).resolve().parent
    try:
        result = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip()
