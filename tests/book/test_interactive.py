"""Figures that answer to the reader, in a browser: their numbers are the library's, by mouse and by keyboard."""

import re

import numpy as np
import pytest
import torch
from scipy.special import entr, expit

from uncertlr.book.interactive import dropout_masks, loop, points_on_a_line, reliability_over_epochs
from uncertlr.book.interactive.dropout_masks import answers
from uncertlr.book.interactive.loop import CHOICES, START, rule_of, simulated_network
from uncertlr.book.interactive.points_on_a_line import Bumps, fitted, prediction_on_a_line
from uncertlr.book.interactive.reliability_over_epochs import means_of
from uncertlr.estimators import Prediction
from uncertlr.metrics import expected_calibration_error, reliability_curve
from uncertlr.plots import COLOURS
from uncertlr.schedulers import simulate, simulate_loop

pytestmark = pytest.mark.browser
PAGE = "<!doctype html><html><head><meta charset='utf-8'><title>t</title></head><body>{}</body></html>"
FIGURE = "document.querySelector('.interactive')"
ENTROPIES = f"[Number({FIGURE}.dataset.predictive), Number({FIGURE}.dataset.expected)]"
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"

CUT_OFF = """[...document.querySelectorAll('.interactive svg text')].filter(text => {
  const own = text.getBoundingClientRect(), drawing = text.closest('svg').getBoundingClientRect();
  const past = [drawing.left - own.left, own.right - drawing.right, drawing.top - own.top, own.bottom - drawing.bottom];
  return Math.max(...past) > 1;
}).map(text => text.textContent)"""


def opened(tab, tmp_path, figure, width=390):
    page = tmp_path / "page.html"
    page.write_text(PAGE.format(figure._repr_html_()), encoding="utf-8")
    tab.open(page.as_uri(), width=width)
    assert tab.errors == []
    assert [url for url in tab.requests if not url.startswith(("file:", "about:"))] == []
    assert not tab.evaluate(TOO_WIDE)
    assert tab.evaluate(CUT_OFF) == []


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


@pytest.mark.parametrize("width", [390, 1024])
def test_each_mean_probability_stands_under_its_bar(tab, tmp_path, layer, width):
    opened(tab, tmp_path, dropout_masks(*layer, ["3", "5", "8"], seed=3), width=width)
    mean = answers(*layer, first_masks(tab), 0.5).mean(0).tolist()
    shown = tab.evaluate("[...document.querySelectorAll('.mean .legend output')].map(output => output.textContent)")
    assert [float(number) for number in shown] == pytest.approx(mean, abs=0.0051)
    box = "document.querySelector('.mean .{}').getBoundingClientRect().toJSON()"
    bar, numbers = (tab.evaluate(box.format(part)) for part in ("bar", "legend"))
    assert bar["left"] == pytest.approx(numbers["left"], abs=1)
    assert bar["bottom"] <= numbers["top"]
    assert numbers["height"] < 30  # pixels: one line


@pytest.mark.parametrize("width", [390, 1024])
def test_a_mask_stands_beside_its_probabilities(tab, tmp_path, layer, width):
    opened(tab, tmp_path, dropout_masks(*layer, ["3", "5", "8"]), width=width)
    middles = [
        tab.evaluate(
            f"[...document.querySelectorAll('{part}')].map(x => x.getBoundingClientRect()).map(x => x.top + x.height / 2)"
        )
        for part in (".line:not(.heads) > .units", ".bar")
    ]
    assert len(middles[0]) == 7  # six masks and their mean
    assert middles[0] == pytest.approx(middles[1], abs=4)


def test_units_are_reached_by_keyboard(tab, tmp_path, layer):
    opened(tab, tmp_path, dropout_masks(*layer, ["3", "5", "8"]), width=1024)
    keep = first_masks(tab)
    tab.evaluate("document.querySelector('.unit').focus()")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft"):
        press(tab, key)
    assert re.findall(r"\d+", tab.evaluate("document.activeElement.getAttribute('aria-label')"))[:2] == ["3", "1"]
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
    *probs, entropies = np.reshape(values, (6, 4)).T
    assert sum(probs) == pytest.approx(1, abs=0.02)
    assert entropies == pytest.approx(entr(np.array(probs)).sum(0), abs=0.03)


@pytest.fixture
def points():
    stream = torch.Generator().manual_seed(2)
    positions = torch.cat([torch.rand(40, generator=stream) * 3 - 4, torch.rand(20, generator=stream) * 2 + 2]).double()
    return positions, torch.bernoulli(torch.sigmoid(2 * (positions + 2.5)), generator=stream).long()


def by_plain_newton(positions, labels, at, prior_precision):
    """Chance of class 1 and both parts by undamped Newton steps, an inverse matrix and an integral on a fine grid."""

    def columns(x):
        return np.c_[np.exp(-2 * (x[:, None] - np.linspace(-4, 4, 33)) ** 2), np.ones(len(x))]

    phi, y, weights = columns(positions), labels, np.zeros(34)
    for _ in range(50):
        p = expit(phi @ weights)
        curvature = phi.T @ (phi * (p * (1 - p))[:, None]) + prior_precision * np.eye(34)
        weights = weights - np.linalg.solve(curvature, phi.T @ (p - y) + prior_precision * weights)
    asked = columns(at)
    mean, deviation = asked @ weights, np.sqrt(np.einsum("bi,ij,bj->b", asked, np.linalg.inv(curvature), asked))
    z = np.linspace(-8, 8, 2001)
    density = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    probs = expit(mean[:, None] + deviation[:, None] * z)
    chance, aleatoric = probs @ density, (entr(probs) + entr(1 - probs)) @ density
    return chance, aleatoric, entr(chance) + entr(1 - chance) - aleatoric


@pytest.mark.parametrize("prior_precision", [0.01, 0.1, 5.0])
def test_the_fit_on_a_line_is_that_of_plain_newton_steps(points, prior_precision):
    positions, labels = points
    at = torch.linspace(-4, 4, 9).double()
    found = prediction_on_a_line(positions, labels, at, prior_precision=prior_precision)
    expected = by_plain_newton(positions.numpy(), labels.numpy(), at.numpy(), prior_precision)
    parts = (found.mean_probs[:, 1], found.expected_entropy, found.mutual_information)
    for part, value in zip(parts, expected, strict=True):
        assert part.numpy() == pytest.approx(value, abs=3e-3)  # the library averages over 256 points


def test_the_fit_on_a_line_has_no_slope_left(points):
    positions, labels = points
    model = fitted(positions, labels, 0.1)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(model(positions)[:, 0], labels.double(), reduction="sum")
    (loss + 0.05 * sum(each.square().sum() for each in model.parameters())).backward()
    assert all(each.grad.abs().max() < 1e-5 for each in model.parameters())
    assert Bumps().double()(positions).abs().max() == 0


SHOWN = f"['points', 'x', 'chance', 'aleatoric', 'epistemic'].map(name => Number({FIGURE}.dataset[name]))"


def assert_shown(tab, positions, labels):
    count, x, *values = tab.evaluate(SHOWN)
    found = prediction_on_a_line(positions, labels, torch.tensor([x]).double())
    assert count == len(positions)
    assert values == pytest.approx(
        [float(found.mean_probs[0, 1]), float(found.expected_entropy[0]), float(found.mutual_information[0])], abs=1e-6
    )
    return x


def with_more(positions, labels, x, more):
    return torch.cat([positions, torch.full((len(more),), x).double()]), torch.cat([labels, torch.tensor(more)])


def test_added_points_are_answered_with_the_librarys_numbers(tab, tmp_path, points):
    opened(tab, tmp_path, points_on_a_line(*points))
    x = assert_shown(tab, *points)
    press_button(tab, "Add ten of each")
    assert_shown(tab, *with_more(*points, x, [0, 1] * 10))
    press_button(tab, "Add class 1")
    assert_shown(tab, *with_more(*points, x, [0, 1] * 10 + [1]))
    press_button(tab, "Undo")
    press_button(tab, "Undo")
    assert_shown(tab, *points)
    press_button(tab, "Add class 0")
    press_button(tab, "Start again")
    press_button(tab, "Undo")  # nothing is left to undo
    assert_shown(tab, *points)


def test_a_click_adds_a_point_where_it_is(tab, tmp_path, points):
    opened(tab, tmp_path, points_on_a_line(*points), width=1024)
    for share, label in ((0.12, 1), (0.4, 0)):
        box = tab.evaluate(f"{FIGURE}.querySelector('svg').getBoundingClientRect().toJSON()")
        left, top = box["x"] + 0.5 * box["width"], box["y"] + share * box["height"]
        for kind in ("mousePressed", "mouseReleased"):
            tab.call("Input.dispatchMouseEvent", type=kind, x=left, y=top, button="left", clickCount=1)
        x = tab.evaluate(SHOWN)[1]
        assert x == pytest.approx(-0.35, abs=0.06)  # the middle of the drawing, its left margin taken off
        points = with_more(*points, x, [label])
        assert_shown(tab, *points)


def test_places_are_reached_by_keyboard(tab, tmp_path, points):
    opened(tab, tmp_path, points_on_a_line(*points))
    before = tab.evaluate(SHOWN)[1]
    tab.evaluate(f"{FIGURE}.querySelector('input').focus()")
    tab.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
    assert assert_shown(tab, *points) == pytest.approx(before + 0.05)


def press_button(tab, text):
    tab.evaluate(f"[...{FIGURE}.querySelectorAll('button')].find(button => button.textContent === '{text}').click()")


def test_without_scripts_a_table_has_the_fit(points):
    figure = points_on_a_line(*points)
    values = [float(value) for value in re.findall(r"<td>(-?[\d.]+)</td>", figure.static)]
    assert values[::4] == list(range(-4, 5))
    found = prediction_on_a_line(*points, torch.tensor([0.0]))
    assert values[18] == pytest.approx(float(found.expected_entropy[0]), abs=0.005)


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


def test_the_loop_says_which_share_is_above_the_threshold(tab, tmp_path):
    opened(tab, tmp_path, loop(CURVE, spacing=50, steps=1_200))
    move_sliders(tab, {"low": 1.0, "rise": 0.1})
    signals, _ = simulate_loop(rule_of(0.5, 1.0, 10.0), simulated_network(CURVE, 50, 0.1), 1_200)
    above = np.array(signals) > 0.5
    shares = [int(share) for share in re.findall(r"(\d+) %", tab.evaluate(f"{FIGURE}.querySelector('.sum').textContent"))]
    assert shares[2:] == [round(100 * above.mean()), round(100 * above[800:].mean())]
    assert shares[3] == pytest.approx(12, abs=1)  # the factor stays between its bounds


def test_each_name_in_the_list_below_the_loop_stands_in_one_line_in_jupyterlab(tab, tmp_path):
    lab = ".jp-OutputArea-output :is(dl, dt, dd) { display: block } .jp-OutputArea-output dt { float: left; width: 20% }"
    figure = loop(CURVE, spacing=50, steps=400)._repr_html_()
    page = tmp_path / "lab.html"
    page.write_text(PAGE.format(f'<style>{lab}</style><div class="jp-OutputArea-output">{figure}</div>'), encoding="utf-8")
    tab.open(page.as_uri(), width=1024)
    heights = tab.evaluate("[...document.querySelectorAll('.sum dt')].map(name => name.getBoundingClientRect().height)")
    assert len(heights) == 4
    assert max(heights) < 30  # pixels


def test_the_loop_is_orange_under_the_reports_rule_alone(tab, tmp_path):
    opened(tab, tmp_path, loop(CURVE, spacing=50, steps=400))
    strokes = "[...new Set([...document.querySelectorAll('.trace')].map(trace => getComputedStyle(trace).stroke))]"
    blue, orange = ([f"rgb{tuple(bytes.fromhex(colour[1:]))}"] for colour in COLOURS[:2])
    assert tab.evaluate(strokes) == orange
    move_sliders(tab, {"inverted": True})
    assert tab.evaluate(strokes) == blue
    tab.evaluate("document.querySelector('.controls button').click()")
    assert tab.evaluate(strokes) == orange


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
    _, at_start = simulate_loop(rule_of(**START), simulated_network(CURVE, 50), 400)
    assert tab.evaluate(f"{FIGURE}.factors") == pytest.approx(at_start, rel=1e-12)


def test_the_inverted_rule_keeps_the_threshold():
    rule = rule_of(**{**START, "threshold": 0.3}, inverted=True)
    assert simulate(rule, [0.4, 0.2]) == [1.1, 0.55]


def test_a_simulated_network_follows_its_curve_by_the_sum_of_the_factors():
    respond = simulated_network([1.0, 0.5, 0.25], spacing=2)
    assert [respond(factor) for factor in (1, 2, 1, 5, 1)] == [1.0, 0.75, 0.375, 0.25, 0.25]
    respond = simulated_network([0.5, 0.5], rise=0.2)
    assert [respond(factor) for factor in (1, 2, 10)] == pytest.approx([0.7, 0.9, 1.0])


@pytest.fixture
def curves_over_epochs():
    """A network whose logits grow with the epochs while its answers stay: ever more confident, never more accurate."""
    stream = torch.Generator().manual_seed(5)
    logits, labels = torch.randn(500, 10, generator=stream), torch.randint(0, 10, (500,), generator=stream)
    logits[torch.arange(250), labels[:250]] += 3
    return {epoch: reliability_curve((logits * scale).softmax(-1), labels) for epoch, scale in ((1, 0.3), (5, 1), (40, 9))}


SCORES = f"['epoch', 'accuracy', 'confidence', 'ece'].map(name => Number({FIGURE}.dataset[name]))"


def assert_scores(tab, curves, epoch):
    values = (epoch, *means_of(curves[epoch]), float(expected_calibration_error(curves[epoch])))
    assert tab.evaluate(SCORES) == pytest.approx(values, abs=1e-6)
    counts = curves[epoch].counts
    for mark, least in (("point", 20), ("count", 1)):
        drawn = tab.evaluate(f"document.querySelectorAll('.reliability .{mark}').length")
        assert drawn == int((counts >= least).sum())


@pytest.mark.parametrize("width", [390, 1024])
def test_a_slider_moves_through_the_reliability_of_the_epochs(tab, tmp_path, curves_over_epochs, width):
    opened(tab, tmp_path, reliability_over_epochs(curves_over_epochs), width)
    assert_scores(tab, curves_over_epochs, 1)
    tab.evaluate("document.querySelector('.setting input').focus()")
    for epoch in (5, 40):
        press(tab, "ArrowRight")
        assert_scores(tab, curves_over_epochs, epoch)
    assert tab.evaluate("document.querySelector('.setting input').getAttribute('aria-valuetext')").endswith("40")


def test_the_drawn_points_are_the_gaps(tab, tmp_path, curves_over_epochs):
    opened(tab, tmp_path, reliability_over_epochs(curves_over_epochs, initial=5))
    points = tab.evaluate(
        "[...document.querySelectorAll('.reliability .point')].map(p => [p.cx.baseVal.value, p.cy.baseVal.value])"
    )
    curve = curves_over_epochs[5]
    large, full = curve.counts >= 20, curve.counts > 0
    drawn, gaps = np.array(points), (curve.accuracy - curve.confidence)[large].numpy()
    assert np.corrcoef(drawn[:, 0], curve.confidence[large].numpy())[0, 1] == pytest.approx(1)
    assert np.corrcoef(drawn[:, 1], gaps)[0, 1] == pytest.approx(-1)  # up is down in a drawing
    zero = tab.evaluate("document.querySelector('.reliability .limit').y1.baseVal.value")
    assert ((drawn[:, 1] < zero) == (gaps > 0)).all()
    heights = tab.evaluate(
        "[...document.querySelectorAll('.reliability .count')].map(bar => bar.getBoundingClientRect().height)"
    )
    assert np.corrcoef(heights, curve.counts[full].log10().numpy())[0, 1] == pytest.approx(1)


def test_without_scripts_a_table_has_the_scores_of_each_epoch(curves_over_epochs):
    figure = reliability_over_epochs(curves_over_epochs)
    values = [float(value) for value in re.findall(r"<td>([\d.]+)</td>", figure.static)]
    assert values[::4] == [1, 5, 40]
    assert values[1] == values[5] == values[9]  # the answers stay
    assert values[2] < values[6] < values[10]


@pytest.mark.parametrize(("epochs", "settings", "words"), [([], {}, "curves"), ([1, 5], {"initial": 2}, "initial=2")])
def test_curves_that_cannot_be_shown_are_refused(curves_over_epochs, epochs, settings, words):
    with pytest.raises(ValueError, match=words):
        reliability_over_epochs({epoch: curves_over_epochs[epoch] for epoch in epochs}, **settings)


def test_curves_of_different_bins_are_refused(curves_over_epochs):
    other = reliability_curve(torch.eye(10), torch.arange(10), num_bins=7)
    with pytest.raises(ValueError, match=r"\[7, 15\]"):
        reliability_over_epochs(curves_over_epochs | {2: other})
