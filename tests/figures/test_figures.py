"""The book's kinds of figures look as they did; see `tests.figures.drawings`."""

from pathlib import Path

import pytest
from matplotlib.testing.compare import compare_images

from tests.figures.drawings import BASELINE, DRAWINGS, save
from uncertlr import plots

TOLERANCE = 2.0
"""Root mean square of the pixels' differences, of 255: other builds of the font renderer move edges of letters."""


pytestmark = pytest.mark.usefixtures("published")
"""The front page's figures show the published runs."""


def difference(name: str, drawn: Path) -> str | None:
    """What is different from the stored picture; nothing where they are alike."""
    return compare_images(str(BASELINE / f"{name}.png"), str(drawn), TOLERANCE)


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_looks_as_stored(name, tmp_path):
    save(name, tmp_path / "drawn.png")
    assert difference(name, tmp_path / "drawn.png") is None


@pytest.mark.parametrize("name", DRAWINGS)
def test_other_data_are_seen(name, tmp_path):
    save(name, tmp_path / "drawn.png", 0.1)
    assert difference(name, tmp_path / "drawn.png")


@pytest.mark.parametrize("look", [{"font.size": 10}, {"axes.spines.top": True, "axes.spines.right": True}])
def test_another_look_is_seen(look, tmp_path):
    save("curves_with_a_legend", tmp_path / "drawn.png", **look)
    assert difference("curves_with_a_legend", tmp_path / "drawn.png")


def test_another_colour_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(plots, "COLOURS", plots.COLOURS[::-1])
    save("seeds_with_names_at_the_ends", tmp_path / "drawn.png")
    assert difference("seeds_with_names_at_the_ends", tmp_path / "drawn.png")


def test_every_stored_picture_is_drawn_and_all_are_small():
    stored = list(BASELINE.glob("*.png"))
    assert {path.stem for path in stored} == set(DRAWINGS)
    assert sum(path.stat().st_size for path in stored) < 500_000
