"""Figures that answer to the reader, in a browser: their numbers are the library's, by mouse and by keyboard."""

import re

import pytest
import torch

from uncertlr.book.interactive import dropout_masks
from uncertlr.book.interactive.dropout_masks import answers
from uncertlr.estimators import Prediction

pytestmark = pytest.mark.browser
PAGE = "<!doctype html><html><head><meta charset='utf-8'><title>t</title></head><body>{}</body></html>"
FIGURE = "document.querySelector('.interactive')"
ENTROPIES = f"[Number({FIGURE}.dataset.predictive), Number({FIGURE}.dataset.expected)]"
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def opened(tab, tmp_path, figure, width=390):
    page = tmp_path / "page.html"
    page.write_text(PAGE.format(figure._repr_html_()), encoding="utf-8")
    tab.open(page.as_uri(), width=width)
    assert tab.errors == []
    assert [url for url in tab.requests if not url.startswith(("file:", "about:"))] == []
    assert not tab.evaluate(TOO_WIDE)


def press(tab, key):
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=32 if key == " " else 0)


@pytest.fixture
def layer():
    stream = torch.Generator().manual_seed(1)
    return (torch.rand(8, generator=stream), torch.randn(3, 8, generator=stream), torch.randn(3, generator=stream))


def expected(layer, keep, p=0.5):
    prediction = Prediction.from_probs(answers(*layer, keep, p)[:, None])
    return pytest.approx([float(prediction.predictive_entropy), float(prediction.expected_entropy)], abs=1e-6)


def first_masks(tab):
    states = tab.evaluate("[...document.querySelectorAll('.unit')].map(unit => unit.getAttribute('aria-pressed'))")
    return torch.tensor([state == "true" for state in states]).reshape(6, 8)


def test_dropout_masks_give_the_librarys_entropies(tab, tmp_path, layer):
    opened(tab, tmp_path, dropout_masks(*layer, ["3", "5", "8"], seed=3))
    keep = first_masks(tab)
    assert torch.equal(keep, torch.rand(6, 8, generator=torch.Generator().manual_seed(3)) >= 0.5)
    assert tab.evaluate(ENTROPIES) == expected(layer, keep)
    tab.evaluate("document.querySelectorAll('.unit')[10].click()")
    keep[1, 2] = ~keep[1, 2]
    assert torch.equal(first_masks(tab), keep)
    assert tab.evaluate(ENTROPIES) == expected(layer, keep)


def test_units_are_reached_by_keyboard(tab, tmp_path, layer):
    opened(tab, tmp_path, dropout_masks(*layer, ["3", "5", "8"]), width=1024)
    keep = first_masks(tab)
    tab.evaluate("document.querySelector('.unit').focus()")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft"):
        press(tab, key)
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')").startswith("mask 3, unit 1")
    tab.evaluate("document.activeElement.click()")
    keep[2, 0] = ~keep[2, 0]
    assert torch.equal(first_masks(tab), keep)


def test_all_units_kept_leaves_nothing_to_disagree_about(tab, tmp_path, layer):
    opened(tab, tmp_path, dropout_masks(*layer, ["3", "5", "8"]))
    tab.evaluate("[...document.querySelectorAll('.controls button')].at(-1).click()")
    predictive, of_samples = tab.evaluate(ENTROPIES)
    assert predictive == pytest.approx(of_samples, abs=1e-12)


def test_without_scripts_the_numbers_are_in_a_table(layer):
    figure = dropout_masks(*layer, ["3", "5", "8"])
    values = [float(value) for value in re.findall(r"<td>([\d.]+)</td>", figure.static)]
    assert len(values) == 6 * 3
    assert sum(values) == pytest.approx(6, abs=0.1)
