"""Every figure of the built site at phone width: drawn in vectors, its smallest text still legible."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from test_site import CHAPTERS, WIDTHS, address

pytestmark = pytest.mark.browser

LEGIBLE = 9.0
"""CSS pixels, of a font."""

SHOWN = """[...document.querySelectorAll('.bd-article figure :is(img, svg[role=img])')].filter(e => e.checkVisibility())
  .map(e => [e.closest('figure').id, e.getBoundingClientRect().width, e.src || '', e.src ? '' : e.outerHTML])"""
SCALE = re.compile(r"scale\(([\d.]+) -\1\)")
"""Matplotlib draws the glyphs of a text at 100 points, upside down, and scales them; an index in it is scaled once more."""


def text_sizes(svg: str, shown: float) -> list[float]:
    """The font sizes in a drawing that is shown so wide, smallest first, in the unit of that width."""
    (width,) = re.findall(r'viewBox="0 0 ([\d.]+) [\d.]+"', svg)
    return sorted(100 * float(scale) * shown / float(width) for scale in SCALE.findall(svg))


def source(image: str) -> str:
    """The drawing that an image of the site shows."""
    path = Path(unquote(urlsplit(image).path))
    assert path.suffix == ".svg", f"{path.name} is no vector drawing"
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", CHAPTERS)
def test_text_of_figures_is_legible_on_a_phone(tab: Any, page: str) -> None:
    tab.open(address(page), width=WIDTHS[0])
    smallest = {
        figure: text_sizes(source(image) if image else inline, shown)[0]
        for figure, shown, image, inline in tab.evaluate(SHOWN)
    }
    assert {figure: size for figure, size in smallest.items() if size < LEGIBLE} == {}


def test_the_size_of_a_text_is_that_of_its_font() -> None:
    from io import StringIO

    from matplotlib.figure import Figure

    figure, file = Figure(figsize=(4, 1)), StringIO()
    figure.text(0.1, 0.5, "level", fontsize=12)
    figure.text(0.5, 0.5, "upright $10^{-3}$", rotation=90, fontsize=8)
    figure.savefig(file, format="svg")
    assert text_sizes(file.getvalue(), 144) == pytest.approx([4, 6])
