"""What the book adds to its notebooks, which are plain Markdown: captions, links to other pages, glossary terms.

A notebook reads well in JupyterLab and on GitHub as it is. In the book

- a link to ``../book/page.md`` leads to the page, although executed notebooks lie one folder deeper;
- a paragraph that begins with ``**Figure 1.2.**`` becomes the caption of the figure above it;
- the first *emphasized* use of a glossary term on a page leads to the glossary.
"""

import re
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

EXECUTED = "book/executed/"
CAPTION = re.compile(r"Figure \d+\.\d+\.")
NAME = re.compile(r'data-figure="([^"]+)"')
GLOSSARY = re.compile(r"```\{glossary\}\n(.*?)```", re.DOTALL)


def lead_to_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    """Links that work from notebooks/, in the folder where the executed notebooks lie."""
    if docname.startswith(EXECUTED):
        source[0] = source[0].replace("](../book/", "](../")


def decorate(app: Sphinx, doctree: nodes.document) -> None:
    """Captions and glossary terms of a notebook."""
    if not app.env.docname.startswith(EXECUTED):
        return
    for paragraph in list(doctree.findall(nodes.paragraph)):
        bold = next((node for node in paragraph.children if node.astext()), None)  # Markdown leaves empty text before it
        if isinstance(bold, nodes.strong) and CAPTION.fullmatch(bold.astext()):
            _caption(paragraph)
    glossary, linked = terms(Path(app.srcdir) / "book" / "glossary.md"), set[str]()
    for emphasis in list(doctree.findall(nodes.emphasis)):
        term = glossary.get(emphasis.astext().lower())
        if term and term not in linked:
            linked.add(term)
            link = addnodes.pending_xref(
                "", refdomain="std", reftype="term", reftarget=term, refexplicit=True, refwarn=True, refdoc=app.env.docname
            )
            emphasis.replace_self(link)
            link += emphasis


@cache
def terms(glossary: Path) -> dict[str, str]:
    """The glossary's terms as they are written there, by their lower case."""
    found = GLOSSARY.search(glossary.read_text(encoding="utf-8")) if glossary.is_file() else None
    lines = found[1].splitlines() if found else []
    return {line.strip().lower(): line.strip() for line in lines if line and not line.startswith(" ")}


def _caption(paragraph: nodes.paragraph) -> None:
    """Make a paragraph the caption of the picture in the cell above it."""
    siblings = paragraph.parent.children
    before = siblings[: siblings.index(paragraph)]
    cell = next((node for node in reversed(before) if "cell" in node.get("classes", [])), None)
    images = list(cell.findall(nodes.image)) if cell is not None else []
    drawn = images[-1:] or [raw for raw in (cell.findall(nodes.raw) if cell is not None else ()) if "<svg" in raw.astext()]
    if not drawn:
        return
    figure = nodes.figure("")
    picture = drawn[-1]
    picture.replace_self(figure)
    figure += [picture, nodes.caption("", "", *paragraph.children)]
    name = next((NAME.search(raw.astext()) for raw in cell.findall(nodes.raw) if NAME.search(raw.astext())), None)
    if name:  # an anchor of its own: a figure with an id would get a second number
        figure.parent.insert(figure.parent.index(figure), nodes.raw("", f'<span id="fig-{name[1]}"></span>', format="html"))
    paragraph.parent.remove(paragraph)


def connect(app: Sphinx) -> None:
    """Register with Sphinx; before its own collectors, which look for pictures."""
    app.connect("source-read", lead_to_pages)
    app.connect("doctree-read", decorate, priority=390)
