"""Figures that answer to the reader, in a browser: their numbers are the library's, by mouse and by keyboard."""

import re

import pytest
import torch

from uncertlr.book.interactive import dropout_masks, loop
from uncertlr.book.interactive.dropout_masks import answers
from uncertlr.book.interactive.loop import CHOICES, START, rule_of, simulated_network
from uncertlr.estimators import Prediction
from uncertlr.schedulers import simulate, simulate_loop

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


CURVE = [1.0, 0.98, 0.85, 0.6, 0.35, 0.2, 0.12, 0.1]
SETTINGS = {
    "the report's rule": {},
    "a threshold that is crossed": {"threshold": 0.9, "low": 0.1, "high": 3.0},
    "one decision per epoch": {"threshold": 0.9, "low": 0.3, "every": 21},
    "regulated": {"low": 1.0, "rise": 0.1},
    "inverted": {"threshold": 0.3, "inverted": True},
    "inverted, regulated": {"threshold": 0.4, "rise": 0.2, "every": 5, "inverted": True},
}


def move_sliders(tab, settings):
    for name, value in settings.items():
        tab.evaluate(f"document.querySelector('[name={name}]').focus()")
        if name == "inverted":
            press(tab, " ")
            continue
        now, goal = CHOICES[name].index(START[name]), CHOICES[name].index(value)
        for _ in range(abs(goal - now)):
            press(tab, "ArrowRight" if goal > now else "ArrowLeft")


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_loop_gives_the_librarys_factors(tab, tmp_path, settings):
    opened(tab, tmp_path, loop(CURVE, spacing=50, steps=400))
    move_sliders(tab, settings)
    rule = rule_of(**{**START, **settings})
    signals, factors = simulate_loop(rule, simulated_network(CURVE, 50, settings.get("rise", 0.0)), 400)
    assert tab.evaluate(f"{FIGURE}.factors") == pytest.approx(factors, rel=1e-12)
    assert tab.evaluate(f"{FIGURE}.signals") == pytest.approx(signals, rel=1e-12)
    assert simulate(rule, tab.evaluate(f"{FIGURE}.signals"))[:-1] == pytest.approx(factors[1:], rel=1e-12)
    tab.evaluate("document.querySelector('.controls button').click()")
    assert tab.evaluate(f"{FIGURE}.factors") == pytest.approx([max(0.01, 0.5**n) for n in range(400)])


def test_the_inverted_rule_keeps_the_threshold():
    rule = rule_of(**{**START, "threshold": 0.3}, inverted=True)
    assert simulate(rule, [0.4, 0.2]) == [1.1, 0.55]


def test_a_simulated_network_follows_its_curve_by_the_sum_of_the_factors():
    respond = simulated_network([1.0, 0.5, 0.25], spacing=2)
    assert [respond(factor) for factor in (1, 2, 1, 5, 1)] == [1.0, 0.75, 0.375, 0.25, 0.25]
    respond = simulated_network([0.5, 0.5], rise=0.2)
    assert [respond(factor) for factor in (1, 2, 10)] == pytest.approx([0.7, 0.9, 1.0])
