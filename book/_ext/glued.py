"""What an executed notebook has glued, shown on another page: ``{glued} notebook key``."""

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.directives.patches import Figure
from sphinx.util.docutils import SphinxDirective

EXECUTED = Path("book") / "executed"
GENERATED = Path("book") / "_generated"


def glued(notebook: Path, key: str) -> dict[str, Any]:
    """The MIME bundle that `myst_nb.glue` has stored under a key.

    Raises:
        LookupError: the notebook is not executed, or has glued nothing of that name.
    """
    if not notebook.is_file():
        raise LookupError(f"{notebook.name} is not executed; run uncertlr book")
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            scrap = output.get("metadata", {}).get("scrapbook", {})
            if scrap.get("name") == key:
                return {mime.removeprefix(scrap["mime_prefix"]): value for mime, value in output["data"].items()}
    raise LookupError(f"{notebook.name} has glued no {key!r}")


class Glued(Figure, SphinxDirective):
    """A picture becomes a figure with the options and the caption of one, a table stays a table, Markdown is parsed."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """What the key stands for."""
        name, key = self.arguments
        notebook = Path(self.env.srcdir) / EXECUTED / f"{name}.ipynb"
        self.env.note_dependency(str(notebook))
        try:
            bundle = glued(notebook, key)
        except LookupError as error:
            raise self.error(str(error)) from None
        if "image/svg+xml" in bundle:
            return self._figure(key, _text(bundle["image/svg+xml"]))
        if "text/html" in bundle:
            opening = '<div class="cell_output docutils container" style="overflow-x: auto" tabindex="0">'
            return [nodes.raw("", f"{opening}{_text(bundle['text/html'])}</div>", format="html")]
        container = nodes.container(classes=["glued", key])
        lines = StringList(_text(bundle["text/markdown"]).splitlines(), source=str(notebook))
        self.state.nested_parse(lines, self.content_offset, container)
        return [container]

    def _figure(self, key: str, svg: str) -> list[nodes.Node]:
        target = Path(self.env.srcdir) / GENERATED / f"{key}.svg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(svg, encoding="utf-8")
        self.arguments = [f"/{(GENERATED / key).as_posix()}.svg"]
        figure, *rest = super().run()
        for image in figure.findall(nodes.image):
            image["classes"].append("dark-light")  # transparent: no card behind it on a dark page
        return [figure, *rest]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "".join(value)
