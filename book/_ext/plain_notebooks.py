"""What the book adds to its notebooks, which are plain Markdown: captions, links to other pages, glossary terms.

A notebook reads well in JupyterLab and on GitHub as it is. In the book

- a link to ``../book/page.md`` leads to the page, although executed notebooks lie one folder deeper;
- a paragraph that begins with ``**Figure 1.2.**`` becomes the caption of the figure above it;
- its picture is shown in two copies, with text that has enough contrast on a light and on a dark page;
- a table of pandas knows which of its columns hold numbers, and names its index in the row of its heads;
- the first *emphasized* use of a glossary term on a page leads to the glossary.
"""

import re
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from uncertlr.plots import INK

EXECUTED = "book/executed/"
TEXT = {"light": "#57606a", "dark": "#aab2bb"}
"""The grey of labels and axes on each page; the notebook's own grey has to do for both."""

SPACED_PERCENT = re.compile(r"(?<=\d) %")
WHOLE = re.compile(r"(\b\d(?:\.\d+)?e-\d+\b|\bCIFAR-10\b)")
LITERAL = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)
CAPTION = re.compile(r"Figure ((?:\d+|[A-Z])\.)?\d+\.")
NAME = re.compile(r'data-figure="([^"]+)"')
CELL = re.compile(r"<(t[hd])\b([^>]*)>(.*?)</\1>", re.DOTALL)
ROW = re.compile(r"<tr\b[^>]*>.*?</tr>", re.DOTALL)
NUMBER = re.compile(r"[-+−]?[\d.,]+(e[-+]?\d+)?( %| of \d+)?|-?inf|NaN|None|")
"""What a column of numbers may hold, empty cells among it."""

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
            _caption(paragraph, Path(app.srcdir))
    for raw in list(doctree.findall(nodes.raw)):
        if 'class="dataframe"' in raw.astext():
            raw[:] = [nodes.Text(aligned(raw.astext()))]
    file = Path(app.srcdir) / "book" / "glossary.md"
    app.env.note_dependency(str(file))
    glossary, linked = terms(file), set[str]()
    for emphasis in list(doctree.findall(nodes.emphasis)):
        word = emphasis.astext().lower()
        term = glossary.get(word) or glossary.get(word.removesuffix("s"))
        if term and term not in linked:
            linked.add(term)
            link = addnodes.pending_xref(
                "", refdomain="std", reftype="term", reftarget=term, refexplicit=True, refwarn=True, refdoc=app.env.docname
            )
            emphasis.replace_self(link)
            link += emphasis


def aligned(table: str) -> str:
    """A table of pandas with a class, ``number`` or ``text``, on the cells of each column, and its heads in one row.

    Pandas writes the names of an index into a row of their own below the heads, where the other cells are empty. Cells are
    counted from the right, since one of an index of several levels may span rows; a row of heads that span columns stays.
    """
    head, body = re.search(r"<thead>.*?</thead>", table, re.DOTALL), re.search(r"<tbody>.*?</tbody>", table, re.DOTALL)
    rows = [CELL.findall(row) for row in ROW.findall(body[0])] if body else []
    if not head or not body or not rows:
        return table
    width = max(len(row) for row in rows)
    columns = [[row[at - width][2].strip() for row in rows if len(row) >= width - at] for at in range(width)]
    kinds = ["number" if all(map(NUMBER.fullmatch, column)) else "text" for column in columns]

    def marked(row: re.Match[str]) -> str:
        cells = CELL.findall(row[0])
        if any("colspan" in attributes for _, attributes, _ in cells):
            return row[0]
        written = iter(kinds[width - len(cells) :])
        return CELL.sub(lambda cell: f'<{cell[1]}{cell[2]} class="{next(written)}">{cell[3]}</{cell[1]}>', row[0])

    return table.replace(head[0], ROW.sub(marked, _in_one_row(head[0]))).replace(body[0], ROW.sub(marked, body[0]))


def _in_one_row(head: str) -> str:
    """The heads of a table with the names of its index among them, where there is a single row and room for the names."""
    rows = ROW.findall(head)
    if len(rows) != 2:
        return head
    heads, names = ([cell[2] for cell in CELL.findall(row)] for row in rows)
    if len(heads) != len(names) or any(one and other for one, other in zip(heads, names, strict=True)):
        return head
    both = iter(one or other for one, other in zip(heads, names, strict=True))
    merged = CELL.sub(lambda cell: f"<{cell[1]}{cell[2]}>{next(both)}</{cell[1]}>", rows[0])
    return head.replace(rows[0], merged).replace(rows[1], "")


@cache
def terms(glossary: Path) -> dict[str, str]:
    """The glossary's terms as they are written there, by their lower case."""
    found = GLOSSARY.search(glossary.read_text(encoding="utf-8")) if glossary.is_file() else None
    lines = found[1].splitlines() if found else []
    return {line.strip().lower(): line.strip() for line in lines if line and not line.startswith(" ")}


def _caption(paragraph: nodes.paragraph, sources: Path) -> None:
    """Make a paragraph the caption of the picture in the cell above it."""
    siblings = paragraph.parent.children
    before = siblings[: siblings.index(paragraph)]
    cell = next((node for node in reversed(before) if "cell" in node.get("classes", [])), None)
    images = list(cell.findall(nodes.image)) if cell is not None else []
    drawn = images[-1:] or [raw for raw in (cell.findall(nodes.raw) if cell is not None else ()) if "<svg" in raw.astext()]
    if not drawn:
        return
    name = next((NAME.search(raw.astext()) for raw in cell.findall(nodes.raw) if NAME.search(raw.astext())), None)
    anchor = f' id="fig-{name[1]}"' if name else ""
    picture = drawn[-1]
    pictures = _light_and_dark(picture, sources) if isinstance(picture, nodes.image) else [picture]
    caption = nodes.paragraph("", "", *paragraph.children)
    # HTML, since a figure of Sphinx would get a second number, or a warning where it cannot
    parts = [_html(f'<figure class="align-default drawing"{anchor}>'), *(each.deepcopy() for each in pictures)]
    parts += [_html("<figcaption>"), caption, _html("</figcaption></figure>")]
    picture.replace_self(parts)
    paragraph.parent.remove(paragraph)


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def _light_and_dark(image: nodes.image, sources: Path) -> list[nodes.image]:
    """A vector drawing twice, of which the theme shows one; any other picture as it is."""
    path = sources / image["uri"].lstrip("/")
    if path.suffix != ".svg":
        return [image]
    copies = []
    for mode, grey in TEXT.items():
        changed = path.with_name(f"{path.stem}-{mode}.svg")
        changed.write_text(path.read_text(encoding="utf-8").replace(INK, grey), encoding="utf-8")
        copy = image.deepcopy()
        copy["uri"] = image["uri"].removesuffix(".svg") + f"-{mode}.svg"
        copy["classes"] = [f"only-{mode}"]
        copies.append(copy)
    return copies


def keep_percent(app: Sphinx, doctree: nodes.document) -> None:
    """No line of any page begins with a percent sign: the space before it does not break."""
    for text in list(doctree.findall(nodes.Text)):
        if SPACED_PERCENT.search(text) and not isinstance(text.parent, LITERAL):
            text.parent.replace(text, nodes.Text(SPACED_PERCENT.sub("\N{NO-BREAK SPACE}%", text)))


def keep_whole(app: Sphinx, doctree: nodes.document) -> None:
    """No line ends within a number such as 3e-4 or the name CIFAR-10, where browsers may break after the hyphen."""
    for text in list(doctree.findall(nodes.Text)):
        parent = text.parent
        if isinstance(parent, nodes.literal) and WHOLE.fullmatch(text):
            parent["classes"].append("whole")
        elif WHOLE.search(text) and not isinstance(parent, LITERAL):
            parent.replace(text, [_piece(part) for part in WHOLE.split(text) if part])


def _piece(text: str) -> nodes.Node:
    return nodes.inline("", text, classes=["whole"]) if WHOLE.fullmatch(text) else nodes.Text(text)


def connect(app: Sphinx) -> None:
    """Register with Sphinx; before its own collectors, which look for pictures."""
    app.connect("source-read", lead_to_pages)
    app.connect("doctree-read", decorate, priority=390)
    app.connect("doctree-read", keep_percent)
    app.connect("doctree-read", keep_whole)
