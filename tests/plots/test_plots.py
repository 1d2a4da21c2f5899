import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from uncertlr import plots
from uncertlr.plots.run_curves import curves_svg


@pytest.fixture
def ax():
    return Figure().subplots()


SERIES = {"one": ([1, 2, 3], [0.1, 0.2, 0.3]), "two": ([1, 2, 3], [0.3, 0.2, 0.1])}


def test_curves_draw_what_they_are_given(ax):
    assert plots.curves(ax, SERIES, "epoch", "accuracy") is ax
    assert [line.get_label() for line in ax.get_lines()] == ["one", "two"]
    np.testing.assert_array_equal(ax.get_lines()[1].get_ydata(), [0.3, 0.2, 0.1])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "accuracy")
    assert all(tick == int(tick) for tick in ax.get_xticks())


def test_rates_are_logarithmic_with_the_bounds(ax):
    plots.rate(ax, SERIES, (1e-5, 1e-2))
    assert ax.get_yscale() == "log"
    assert [line.get_ydata()[0] for line in ax.get_lines()[2:]] == [1e-5, 1e-2]


def test_uncertainty_is_a_share_with_the_threshold(ax):
    plots.uncertainty(ax, SERIES, 0.5)
    assert ax.get_ylim() == (0, 1.02)
    assert ax.get_lines()[-1].get_ydata()[0] == 0.5
    assert ax.texts[0].get_text() == "threshold"


@pytest.mark.parametrize("channels", [1, 3])
def test_gallery_shows_grey_and_colour(channels):
    axes = Figure().subplots(1, 2)
    plots.gallery(axes, np.zeros((2, channels, 8, 8), dtype=np.uint8), ["cat", "dog"])
    assert [ax.get_title() for ax in axes] == ["cat", "dog"]
    assert all(ax.images for ax in axes)


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("page", ["#ffffff", "#121212"])
@pytest.mark.parametrize("colour", [plots.INK, *plots.COLOURS])
def test_colours_stand_out_on_a_light_and_a_dark_page(colour, page):
    """WCAG 2.1 asks for a contrast of 3 for graphics and for large text."""
    light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3.0


def test_style_is_complete():
    import matplotlib as mpl

    with mpl.rc_context():
        plots.use_style()
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(plots.COLOURS)


def test_differences_show_interval_zone_and_outcome(ax):
    table = pd.DataFrame(
        {
            "outcome": ["missing", "helps", "descriptive"],
            "difference": [np.nan, 2.0, 0.1],
            "ci95_low": [np.nan, 1.0, -0.8],
            "ci95_high": [np.nan, 3.0, 1.0],
            "pairs": [0, 10, 3],
        },
        index=["waiting", "better", "few"],
    )
    plots.differences(ax, table, 0.5, "points")
    assert [text.get_text() for text in ax.texts] == [
        *("waiting", "missing, n = 0"),
        *("better", "helps, n = 10"),
        *("few", "descriptive, n = 3"),
    ]
    heights = [text.xy[1] for text in ax.texts]
    assert heights[0] < heights[1] < heights[2] < heights[3] < heights[4] < heights[5]
    assert ax.yaxis_inverted()
    parting = [line.get_ydata()[0] for line in ax.get_lines() if line.get_label() == "_next"]
    assert heights[1] < parting[0] < heights[2] < heights[3] < parting[1] < heights[4]
    assert len(parting) == 2
    zero, interval, mark = (line for line in ax.get_lines()[-4:] if line.get_label() != "_next")
    assert [*zero.get_xdata()] == [0, 0]
    np.testing.assert_array_equal(interval.get_xdata(), [-0.8, 1.0])
    assert mark.get_markerfacecolor() == "none"
    assert len(ax.collections) == len(table)
    assert ax.get_xscale() == "linear"
    low, high = ax.get_xlim()
    assert low < -0.8 < 3.0 < high


def test_differences_draw_the_inner_interval_in_the_given_colour(ax):
    row = {"outcome": "helps", "difference": 2.0, "ci95_low": 1.0, "ci95_high": 3.0, "ci90_low": 1.2, "ci90_high": 2.8}
    table = pd.DataFrame([row | {"pairs": 10, "colour": plots.COLOURS[1]}], index=["better"])
    plots.differences(ax, table, 0.5, "points", inner=True)
    outer, inner, _ = ax.get_lines()[1:]
    np.testing.assert_array_equal(inner.get_xdata(), [1.2, 2.8])
    assert inner.get_linewidth() > outer.get_linewidth()
    assert {line.get_color() for line in (outer, inner)} == {plots.COLOURS[1]}


def test_a_hollow_row_is_a_box_with_whiskers(ax):
    row = {"difference": 0.1, "ci95_low": -0.5, "ci95_high": 0.7, "ci90_low": -0.3, "ci90_high": 0.5, "pairs": 10}
    names = ["no contrast", "equivalent", "a copy", "a claim"]
    table = pd.DataFrame([row | {"outcome": name} for name in names], index=names)
    hollow = {True: [True, False, False, False], False: [False, False, True, False]}
    for stated, rows in (False, table), (True, table.assign(hollow=hollow[False])):
        ax.clear()
        plots.differences(ax, rows, 0.5, inner=True)
        faces = [line.get_markerfacecolor() == "none" for line in ax.get_lines() if line.get_marker() == "o"]
        assert faces == hollow[not stated]
        boxes = [line.get_xdata() for line in ax.get_lines() if len(line.get_xdata()) == 5 and line.get_linewidth() == 1]
        assert [(min(box), max(box)) for box in boxes] == [(-0.3, 0.5)]


def test_differences_write_their_numbers_where_asked(ax):
    row = {"outcome": "equivalent", "ci95_low": -0.4, "ci95_high": 0.3, "pairs": 10}
    table = pd.DataFrame([row | {"difference": value} for value in (-1.25, -0.04, np.nan)], index=["one", "two", "three"])
    plots.differences(ax, table, 0.5, numbers=True)
    assert [text.get_text() for text in ax.texts[1::2]] == [
        "\N{MINUS SIGN}1.2 equivalent",
        "0.0 equivalent",
        "equivalent",
    ]


def test_the_axis_of_points_is_linear_and_holds_intervals_and_margin(ax):
    plots.points_axis(ax, np.array([[-15.0, -12.0], [0.1, np.nan]]), 0.5)
    assert ax.get_xscale() == "linear"
    low, high = ax.get_xlim()
    assert -17 < low < -15 < 0.5 < high < 2


def test_survival_starts_at_one_and_stays_where_no_run_reaches_the_target(ax):
    plots.survival(ax, np.array([2, 4]), np.array([0.5, 0.25]), 10, plots.COLOURS[0])
    plots.survival(ax, np.array([]), np.array([]), 10, plots.INK)
    some, nobody = ax.get_lines()
    np.testing.assert_allclose(some.get_xydata(), [[0, 1], [2, 0.5], [4, 0.25], [10.3, 0.25]])
    np.testing.assert_array_equal(nobody.get_ydata(), [1, 1])


def test_a_profile_falls_from_one_to_none(ax):
    plots.profile(ax, [0.6, 0.5], plots.INK)
    np.testing.assert_array_equal(ax.get_lines()[0].get_xydata(), [[0.5, 1], [0.6, 0.5], [0.6, 0]])


LOOKS = {"one": {"color": plots.INK}, "two": {"color": plots.COLOURS[1], "linestyle": "--"}}


def test_lines_over_seeds_have_a_band_from_five_seeds_on_within_what_is_possible(ax):
    five = np.array([[0.5, 0.99], [0.5, 1.0], [0.6, 0.9], [0.4, 1.0], [0.5, 1.0]])
    plots.over_seeds(ax, {"one": ([1, 2], five), "two": ([1, 2], five[:4])}, LOOKS, "accuracy", within=(0, 1))
    assert [line.get_label() for line in ax.get_lines()] == ["one", "two"]
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), [0.5, 0.978])
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((0.5 - 0.0878, 1.0), abs=1e-3)


def test_curves_have_a_band_from_five_seeds_on_within_what_is_possible(ax):
    three = np.array([[0.1, 0.99], [0.9, 1.0], [0.5, 0.9]])
    plots.curves(ax, {"one": ([1, 2], three)}, "epoch", "accuracy", within=(0, 1))
    assert not ax.collections
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), three.mean(0))
    plots.curves(ax, {"two": ([1, 2], np.vstack([three, 1 - three]))}, "epoch", "accuracy", within=(0, 1))
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() >= 0
    assert heights.max() <= 1
    assert heights.max() - heights.min() > 0.5


def test_the_figure_of_runs_bounds_its_accuracies(like, monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "curves", lambda *arguments, **named: drawn.append((arguments[3], named.get("within"))))
    curves_svg([like, like], ["a", "a"])
    assert dict(drawn)["validation accuracy"] == (0, 1)
    assert dict(drawn)["validation loss (nats)"] == (0, np.inf)


def test_lines_over_seeds_are_geometric_means_on_a_logarithmic_axis(ax):
    ax.set_yscale("log")
    plots.over_seeds(ax, {"one": ([1], np.array([[1e-2], [1e-4]]))}, LOOKS, "rate")
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), [1e-3])


def test_names_at_the_ends_of_lines_are_as_high_as_these_and_keep_apart(ax):
    ax.plot([0, 1], [0.0, 0.5], label="$a_b$")
    ax.plot([0, 1], [0.0, np.nan], label="b")
    ax.plot([0, 1], [0.0, 0.52], label="c")
    ax.axhline(0.9)  # has no name
    ax.set_ylim(0, 1)
    plots.label_ends(ax, room=0.1)
    heights = {text.get_text(): text.xy[1] for text in ax.texts}
    assert heights == pytest.approx({"$a_b$": 0.46, "b": 0.0, "c": 0.56})
    ax.figure.canvas.draw()
    ax.set(yscale="log", ylim=(1e-4, 1))
    ax.plot([0, 1], [1e-1, 1e-2], label="d")
    plots.label_ends(ax)
    assert ax.texts[-1].xy[1] == pytest.approx(0.5)


def test_names_follow_limits_that_follow_the_data(ax):
    ax.plot([0, 12], [1e-3, 1e-3], label="high")
    ax.plot([0, 12], [0.0, 0.0], label="low")
    plots.label_ends(ax)
    assert [text.xy[1] for text in ax.texts] == pytest.approx([0.955, 0.045], abs=0.01)


def test_the_name_of_a_threshold_stays_at_its_height_and_a_short_line_has_a_leader(ax):
    ax.plot([0, 0.5], [0.0, 0.5], label="short")
    ax.axhline(0.52, label="threshold")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    plots.label_ends(ax, room=0.1)
    assert {text.get_text(): text.xy[1] for text in ax.texts} == pytest.approx({"short": 0.42, "threshold": 0.52})
    (leader,) = (line for line in ax.get_lines() if line.get_label() == "_leader")
    np.testing.assert_allclose(leader.get_xydata(), [[0.5, 0.5], [1, 0.42]])


def test_the_gap_of_calibration_is_pooled_over_runs_and_empty_bins_are_left_out():
    ax, below = Figure().subplots(2)
    counts, confidence = [[0, 3, 1], [0, 1, 1]], [[np.nan, 0.5, 0.9], [np.nan, 0.5, 0.8]]
    accuracy = [[np.nan, 0.4, 1.0], [np.nan, 0.8, 1.0]]
    plots.calibration_gap(ax, below, {"one": (counts, confidence, accuracy)}, LOOKS)
    line = ax.get_lines()[-1]
    np.testing.assert_allclose(line.get_xdata(), [0.5, 0.85])
    np.testing.assert_allclose(line.get_ydata(), [0.0, 0.15], atol=1e-12)
    np.testing.assert_allclose(below.patches[0].get_data().values, [0, 4 / 6, 2 / 6])
    assert ax.get_xlim() == pytest.approx((1 / 3, 1))
    assert not any(len(segment) for segment in ax.collections[0].get_segments())  # two runs have no interval


@pytest.mark.parametrize("runs", [1, 5])
def test_the_gap_of_calibration_has_wilsons_interval_or_students(runs):
    ax, below = Figure().subplots(2)
    accuracy = np.linspace(0.4, 0.4 + 0.1 * (runs - 1), runs)[:, None]
    plots.calibration_gap(ax, below, {"one": (np.full((runs, 1), 3), np.full((runs, 1), 0.5), accuracy)}, LOOKS)
    ((low, high),) = (segment[:, 1] for segment in ax.collections[0].get_segments())
    expected = (0.0848 - 0.5, 0.8275 - 0.5) if runs == 1 else (0.1 - 0.1963, 0.1 + 0.1963)
    assert (low, high) == pytest.approx(expected, abs=1e-3)


@pytest.mark.filterwarnings("error")
def test_names_in_pictures_are_text_and_no_formula():
    image = np.zeros((1, 8, 8), dtype=np.uint8)
    name = "$\\frac{ _b"
    figure = plots.picture_rows({"least sure": [(image, name), (image, "$a$ 0.5")], "$most$": [(image, "_c")]})
    assert [ax.get_title() for ax in figure.axes] == [name, "$a$ 0.5", "_c", ""]
    figure.canvas.draw()  # a formula that makes no sense would be an error


def test_rows_of_dots_hold_all_values_and_count_the_filled_ones(ax):
    rows = {"one": [1.0, 2.0, 3.0], "two": [0.0, 4.0]}
    plots.dot_rows(ax, rows, "points", filled={"one": [True, False, True], "two": [False, False]})
    drawn = {line.get_label(): sorted(line.get_xdata()) for line in ax.get_lines()}
    assert drawn["one"] == [1, 3]
    assert drawn["one, hollow"] == [2]
    assert list(drawn["two"]) == []
    assert drawn["two, hollow"] == [0, 4]
    assert [line.get_xdata()[0] for line in ax.get_lines() if line.get_label() == "_mean"] == [2, 2]
    assert [re.findall(r"\d+", text.get_text()) for text in ax.texts] == [["2", "3"], ["0", "2"]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]


def test_rows_of_dots_mark_what_is_asked_for(ax):
    plots.dot_rows(ax, {"one": [1.0, 2.0, 6.0]}, "points", mark=np.max)
    assert [line.get_xdata()[0] for line in ax.get_lines() if line.get_label() == "_mean"] == [6]


def test_rows_of_dots_with_their_names_above_give_the_marked_value_at_the_end(ax):
    plots.dot_rows(ax, {"one_$": [1.0, 2.0, 6.04], "two": [3.0]}, "points", mark=np.max, above=True)
    assert [text.get_text().strip() for text in ax.texts] == ["6.0", "one_$", "3.0", "two"]
    ax.figure.canvas.draw()
    for row, name in enumerate([ax.texts[1], ax.texts[3]]):
        box = name.get_window_extent()
        points = np.concatenate([line.get_xydata() for line in ax.get_lines()])
        of_row = ax.transData.transform(points[np.abs(points[:, 1] - row) < 0.5])
        assert of_row[:, 1].max() < box.y0


def test_names_of_points_cover_neither_each_other_nor_a_point():
    figure = Figure(figsize=(4.5, 3.4), dpi=100)
    x = pd.Series([0.0, 0.05, 0.1, 1.0], index=["first", "second", "third", "last_$a$"])
    ax = plots.named_points(figure.subplots(), x, pd.Series([0.0, 0.02, 0.09, 1.0], index=x.index))
    figure.canvas.draw()
    assert [text.get_text() for text in ax.texts] == list(x.index)
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(one.overlaps(other) for at, one in enumerate(boxes) for other in boxes[:at])
    dots = ax.transData.transform(ax.get_lines()[0].get_xydata())
    assert not any(box.contains(*dot) for box in boxes for dot in dots)


def test_panels_of_an_experiment_hold_means_bounds_and_names(monkeypatch):
    from matplotlib import pyplot

    def panels(rows, columns, **_):
        figure = Figure()
        return figure, figure.subplots(rows, columns)

    monkeypatch.setattr(pyplot, "subplots", panels)
    lines = {"constant": ([1, 2], np.array([[0.5, 0.6], [0.7, 0.8]]))}
    looks = {"constant": {"color": plots.INK}}
    for figure in (plots.learning_curves(lines, lines, looks), plots.rate_and_signal(lines, lines, looks, 0.01, 0.4)):
        top, bottom = figure.axes
        np.testing.assert_allclose(bottom.get_lines()[0].get_ydata(), [0.6, 0.7])
        assert all(ax.texts[0].get_text() == "constant" for ax in (top, bottom))
    assert top.get_yscale() == "log"
    assert [ax.get_lines()[1].get_ydata()[0] for ax in (top, bottom)] == [0.01, 0.4]
