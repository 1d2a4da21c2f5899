"""What the build adds to the pages of notebooks: links that save and launch them, and a warning where results are stale."""

from pathlib import Path
from urllib.parse import quote, urlsplit

from docutils import nodes
from provenance_page import known_runs, link_runs
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from uncertlr.book.colab import colab_address
from uncertlr.runs.archive import stale_results

EXECUTED = "book/executed/"
PROVENANCE = "book/provenance"
RESULTS = "book/all_results"
BINDER = "https://mybinder.org"
BADGE = Path(__file__).with_name("colab.svg")
HOSTS = {"github.com": "gh", "gitlab.com": "gl"}
"""Where a repository lies, and what Binder calls that place."""


def launch_address(repository: str, branch: str, notebook: str) -> str:
    """Where Binder opens a notebook of a repository in JupyterLab; nothing without a repository."""
    if not repository:
        return ""
    parts = urlsplit(repository.removesuffix(".git").rstrip("/"))
    if parts.netloc in HOSTS:
        where = HOSTS[parts.netloc] + (parts.path if parts.netloc == "github.com" else "/" + quote(parts.path[1:], safe=""))
    else:
        where = "git/" + quote(repository, safe="")
    return f"{BINDER}/v2/{where}/{quote(branch, safe='')}?urlpath=lab/tree/notebooks/{notebook}.ipynb"


def add_links(app: Sphinx, doctree: nodes.document) -> None:
    """Under a notebook's title: save it, and where a repository is configured launch it. Runs lead to their results."""
    docname = app.env.docname
    if not docname.startswith(EXECUTED):
        return
    name = docname.removeprefix(EXECUTED)
    links = nodes.paragraph(classes=["notebook-links"])
    target = f"/notebooks/{name}.ipynb"
    links += addnodes.download_reference("", "Download this notebook", refdoc=docname, reftarget=target, refdomain="")
    if address := launch_address(app.config.uncertlr_repository, app.config.uncertlr_branch, name):
        links += [nodes.Text(" · "), nodes.reference("", "Launch it on Binder", refuri=address, internal=False)]
    if address := colab_address(app.config.uncertlr_repository, app.config.uncertlr_branch, name):
        badge = BADGE.read_text(encoding="utf-8").strip()
        links += [nodes.Text(" · "), nodes.raw("", f'<a href="{address}">{badge}</a>', format="html")]
    _after_title(doctree, links)
    page, known = app.builder.get_relative_uri(docname, RESULTS), known_runs()
    for raw in doctree.findall(nodes.raw):
        if raw["format"] == "html" and 'class="figure-data"' in raw.astext():
            raw.children = [nodes.Text(link_runs(raw.astext(), page, known))]


def warn_of_stale_results(app: Sphinx) -> None:
    """A strict build fails where a stored result is of another version."""
    for file, reason in stale_results().items():
        logging.getLogger(__name__).warning("results/%s %s; it is refused", file, reason)


def read_again_when_staleness_changes(app: Sphinx, env: BuildEnvironment, *changes: set[str]) -> list[str]:
    """Pages that carry the warning, or no longer should."""
    found, before = stale_results(), getattr(env, "uncertlr_stale", {})
    env.uncertlr_stale = found  # type: ignore[attr-defined]
    return [name for name in env.found_docs if _shows_results(name)] if found != before else []


def say_what_is_stale(app: Sphinx, doctree: nodes.document) -> None:
    """Loudly, at the top of every page that shows results."""
    stale = stale_results()
    if not stale or not _shows_results(app.env.docname):
        return
    warning = nodes.danger("", classes=["stale-results"])
    warning += nodes.paragraph("", "These results are refused: they were not made by this version of the library.")
    warning += nodes.bullet_list(
        "", *[nodes.list_item("", nodes.paragraph("", f"results/{file} {reason}.")) for file, reason in stale.items()]
    )
    _after_title(doctree, warning)


def _shows_results(docname: str) -> bool:
    return docname.startswith(EXECUTED) or docname in {PROVENANCE, RESULTS, "book/index"}


def _after_title(doctree: nodes.document, node: nodes.Node) -> None:
    title = next(iter(doctree.findall(nodes.title)))
    title.parent.insert(title.parent.index(title) + 1, node)


def connect(app: Sphinx) -> None:
    """Register with Sphinx; before its own collectors, which copy what is downloaded."""
    app.add_config_value("uncertlr_repository", "", "env")
    app.add_config_value("uncertlr_branch", "main", "env")
    app.connect("builder-inited", warn_of_stale_results)
    app.connect("env-get-outdated", read_again_when_staleness_changes)
    app.connect("doctree-read", add_links, priority=400)
    app.connect("doctree-read", say_what_is_stale, priority=401)
