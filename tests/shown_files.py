"""The Python files that a page shows: blocks whose first line is a comment with the file's name."""

import re
import sys
from pathlib import Path

import pytest

SHOWN = re.compile(r"^```python\n(?=# (\w+)\.py\n)(.*?)^```$", re.DOTALL | re.MULTILINE)


def importable(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the files that a page's text shows, and let this test import them; afterwards they are forgotten."""
    for name, lines in SHOWN.findall(text):
        (folder / f"{name}.py").write_text(lines, encoding="utf-8")
        monkeypatch.setitem(sys.modules, name, None)  # so that the test's end removes the module,
        del sys.modules[name]  # which the test itself can import
    monkeypatch.syspath_prepend(folder)
