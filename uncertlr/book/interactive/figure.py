"""A figure with a script: HTML that stands alone."""

import hashlib
import json
from importlib.resources import files
from typing import Any


class InteractiveFigure:
    """Shown as a cell's last value.

    Args:
        script: a file beside this one, ``NAME.js``, that holds one function of (root element, data). It may use what
            ``elements.js`` defines.
        data: what the function is given; plain lists, numbers and text.
        label: the figure in words, for screen readers.
        static: HTML that is seen where scripts do not run.
    """

    def __init__(self, script: str, data: dict[str, Any], label: str, static: str) -> None:
        self.script, self.data, self.label, self.static = script, data, label, static

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.script!r})"  # the same whenever a notebook is run

    def _repr_html_(self) -> str:
        folder = files("uncertlr.book.interactive")
        names = ("elements.js", f"{self.script}.js", "style.css")
        elements, code, style = (folder.joinpath(name).read_text(encoding="utf-8") for name in names)
        data = json.dumps(self.data).replace("<", "\\u003c")
        identifier = f"{self.script}-{hashlib.sha256(data.encode()).hexdigest()[:8]}"
        call = f"(\n{code}\n)(document.getElementById({json.dumps(identifier)}), {data});"
        return (
            f'<style>{style}</style><div class="interactive" id="{identifier}" role="group" aria-label="{self.label}">'
            # in braces, so that several figures of a page may define the same names
            f"{self.static}</div><script>{{\n{elements}\n{call}\n}}</script>"
        )
