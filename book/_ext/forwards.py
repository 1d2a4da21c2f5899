"""Addresses of pages that have moved: an old page leads to the new one."""

from pathlib import Path

from sphinx.application import Sphinx

MOVED = {
    "book/executed/uncertainty": "book/executed/entropy",
}
"""Old page to new page, without their ending."""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>This page has moved</title>
<meta http-equiv="refresh" content="0; url={address}">
<p>This page has moved: <a href="{address}">go to the new one</a>.</p>
</html>
"""


def write_forwards(app: Sphinx, error: Exception | None) -> None:
    """A page at every old address."""
    if error or app.builder.format != "html":
        return
    for old, new in MOVED.items():
        page = Path(app.outdir) / f"{old}.html"
        if old not in app.env.found_docs:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(PAGE.format(address=app.builder.get_relative_uri(old, new)), encoding="utf-8")


def connect(app: Sphinx) -> None:
    """Register with Sphinx."""
    app.connect("build-finished", write_forwards)
