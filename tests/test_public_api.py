"""The names that users import: what they are, what they take, and that importing the package loads nothing heavy."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import uncertlr

STORED = Path(__file__).with_name("public_api.txt")


def listing() -> str:
    """Every public name with its signature. ``python -m tests.test_public_api`` stores it after an intended change."""
    lines = []
    for name in dir(uncertlr):
        value = getattr(uncertlr, name)
        signature = str(inspect.signature(value)) if callable(value) else f": {type(value).__name__}"
        lines.append(f"{name}{signature}")
    return "\n".join(lines) + "\n"


def test_names_and_signatures_are_the_stored_ones():
    assert listing() == STORED.read_text(encoding="utf-8")


def test_every_name_of_dir_can_be_imported():
    assert set(dir(uncertlr)) == set(uncertlr.__all__)
    assert all(getattr(uncertlr, name) is not None for name in uncertlr.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="UncertaintyLr"):
        _ = uncertlr.UncertaintyLr


@pytest.mark.parametrize("statement", ["import uncertlr", "import uncertlr; dir(uncertlr); uncertlr.__version__"])
def test_importing_the_package_loads_nothing_heavy(statement):
    code = f"{statement}; import sys; print(*sorted({{'torch', 'numpy', 'pandas', 'matplotlib'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


@pytest.mark.parametrize(("name", "missing", "extra"), [("run", "pandas", "experiments"), ("plots", "scipy", "plots")])
def test_a_missing_package_is_one_line_with_the_extra(name, missing, extra):
    code = f"import sys; sys.modules[{missing!r}] = None; from uncertlr import {name}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert missing in last
    assert f"pip install 'uncertlr[{extra}]'" in last


if __name__ == "__main__":
    STORED.write_text(listing(), encoding="utf-8")
