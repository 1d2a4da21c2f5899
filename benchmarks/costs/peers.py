"""The environment of the libraries that ours is compared with: ``python -m benchmarks.costs.peers`` makes it.

It lies in .venv-bench and stands on the environment it is made from: what the two have in common, torch above all, is not
installed a second time, and nothing is installed into the first.
"""

import importlib.metadata
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from uncertlr.runs.paths import project_folder

LIBRARIES = ("torch-uncertainty", "baal", "lightning", "transformers", "accelerate", "torchmetrics", "netcal", "torchvision")
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def environment() -> Path:
    """Where the environment lies."""
    return project_folder() / ".venv-bench"


def interpreter() -> Path:
    """The environment's Python.

    Raises:
        SystemExit: it has not been made.
    """
    python = environment() / "bin" / "python"
    if not python.is_file():
        raise SystemExit(
            "the peers' environment is missing: python -m benchmarks.costs.peers makes it, and so does make bench"
        )
    return python


def make() -> None:
    """Create the environment, or bring it up to date."""
    venv.create(environment(), with_pip=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = environment() / "lib" / version / "site-packages"
    (packages / "shared.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n", encoding="utf-8"
    )
    subprocess.run([interpreter(), "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS], check=True)


def versions() -> dict[str, str]:
    """Of the peers that this process can import."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    make()
