"""What is made again when something has changed, so that a build after a change gives the same site as a new one.

Sphinx itself reads a page again when the page's file or a file that it depends on has changed, and writes what it has read.
"""

import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from myst_nb.sphinx_ext import add_global_html_resources
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.autodoc.mock import mock

import uncertlr
from uncertlr.book.fingerprint import digest, files_of, installed
from uncertlr.runs.archive import published_ids, results_folder, stale_results
from uncertlr.runs.paths import default_root, project_folder

EXTENSION = Path(__file__).parent


def code() -> str:
    """A digest of what turns sources into pages; after a change every page is read again."""
    return digest(files_of(EXTENSION), installed())


def generated_from(shown: list[str]) -> str:
    """A digest of what drawings, tables and CSV files are made from.

    Published runs count by their files in the results folder: a build unpacks them among one's own runs.

    Args:
        shown: names of the drawings that the pages show.
    """
    project = project_folder()
    folders = [EXTENSION, Path(uncertlr.__file__).parent, project / "sweeps", project / "benchmarks", results_folder()]
    published = published_ids()
    own = [path for path in default_root().glob("*/summary.json") if path.parent.name not in published]
    runs = sorted((path.parent.name, path.stat().st_mtime_ns) for path in own)
    return digest(files_of(*folders), installed(), stale_results(), runs, shown)


def shown_by_others(app: Sphinx, env: BuildEnvironment) -> str:
    """A digest of what a page may show of other pages, and of the files that all pages load: titles, targets, equations."""
    objects = sorted([domain, *map(str, each)] for domain, made in env.domains.items() for each in made.get_objects())
    slugs = {name: sorted(metadata.get("myst_slugs", {})) for name, metadata in env.metadata.items()}
    equations = sorted(map(str, env.domaindata["math"]["objects"].items()))
    sources = Path(app.srcdir)
    files = files_of(sources / "_toc.yml", sources / "book" / "references.bib", sources / "book" / "_static")
    return digest(files, code(), objects, slugs, equations)


def write_all_when_others_show_a_change(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """All pages, whose old ones are removed first, among them pages of what is gone."""
    shown, before = shown_by_others(app, env), getattr(env, "uncertlr_shown_by_others", "")
    if shown == before:
        return []
    env.uncertlr_shown_by_others = shown  # type: ignore[attr-defined]
    for folder in ("book", "_modules"):
        shutil.rmtree(Path(app.outdir) / folder, ignore_errors=True)
    return sorted(env.found_docs)


def copy_style_of_notebooks(app: Sphinx) -> None:
    """Before a page is written, since pages name the file's checksum; MyST-NB copies it after the first build's pages."""
    (Path(app.outdir) / "_static").mkdir(parents=True, exist_ok=True)
    add_global_html_resources(app, None)


def import_code(app: Sphinx) -> Iterator[Any]:
    """Import the modules whose code is shown, as autodoc does: viewcode asks for their files, and would import Lightning."""
    with mock(app.config.autodoc_mock_imports):
        for name in getattr(app.env, "_viewcode_modules", ()):
            import_module(name)
    return iter(())


def connect(app: Sphinx) -> None:
    """Register with Sphinx."""
    app.add_config_value("uncertlr_code", code(), "env")
    app.connect("builder-inited", copy_style_of_notebooks)
    app.connect("env-updated", write_all_when_others_show_a_change, priority=900)
    app.connect("html-collect-pages", import_code, priority=400)
