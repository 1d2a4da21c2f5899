"""The figures and counts of outcomes are those of the stored comparisons."""

import itertools
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from uncertlr import plots
from uncertlr.analysis.paired import ALPHA, SEEDS_FOR_A_CLAIM
from uncertlr.book.outcomes_figure import (
    COPIES,
    ENLARGED,
    FOUND,
    GAINS,
    LOSSES,
    MAIN_OUTCOMES,
    OUTCOME_COLOURS,
    OUTCOME_MARKS,
    TESTS_OF_FEEDBACK,
    all_differences,
    chosen_differences,
    colour_of,
)


@pytest.fixture
def groups(published, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "book" / "_ext")
    import result_tables

    return result_tables.comparisons_in_groups()


@pytest.mark.parametrize("chosen", [LOSSES, GAINS, TESTS_OF_FEEDBACK, COPIES], ids=["losses", "gains", "feedback", "copies"])
def test_the_chosen_comparisons_are_drawn_with_their_outcomes(groups, chosen):
    ax = chosen_differences(Figure().add_subplot(), chosen, "title")
    points = [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o"]
    outcomes = [text.get_text().partition(";")[0] for text in ax.texts[1::3]]
    stored = groups.set_index(["study", "arm", "against"]).loc[[tuple(each) for _, *each in reversed(chosen)]]
    assert (stored["pairs"] == SEEDS_FOR_A_CLAIM).all()
    assert points == list(stored["difference"])
    assert outcomes == list(stored["outcome"])
    copies = [text.get_text().endswith("as a copy equivalent") for text in ax.texts[1::3]]
    assert copies == list((stored["outcome"] == "no contrast") & (stored["p_equivalence"] <= ALPHA))


def test_the_titles_of_the_main_outcomes_are_what_their_comparisons_show(groups):
    import drawings

    stored = groups.set_index(["study", "arm", "against"])
    rows = {
        chosen: stored.loc[[tuple(each) for _, *each in chosen]] for chosen in (LOSSES, GAINS, TESTS_OF_FEEDBACK, COPIES)
    }
    title = {name: drawings.DRAWINGS[f"outcomes-{name}"][0].keywords["title"] for name in ("losses", "copies")}
    least, most = -rows[LOSSES]["difference"].max(), -rows[LOSSES]["difference"].min()
    assert f"lose {least:.0f} to {most:.0f} points" in title["losses"]
    assert (rows[LOSSES]["outcome"] == "harms").all()
    on_one_cycle = rows[GAINS].xs("one_cycle", level="against")["difference"]
    assert (on_one_cycle.round() == 1).all()
    assert len(on_one_cycle) == 2
    assert set(rows[TESTS_OF_FEEDBACK]["outcome"]) == {"inconclusive"}
    equal = (rows[COPIES]["p_equivalence"] <= ALPHA).sum()
    assert (equal, len(rows[COPIES])) == (4, 6)
    assert "Four of six curves" in title["copies"]


def test_a_comparison_has_the_colour_of_its_first_method():
    colours = {arm: colour_of(arm) for _, _, arm, _ in MAIN_OUTCOMES}
    assert colours.pop("report") == plots.COLOURS[1]
    assert colours.pop("one_cycle") == plots.INK
    assert set(colours.values()) == {plots.COLOURS[0]}


@pytest.mark.usefixtures("groups")
def test_names_and_outcomes_have_the_pages_own_colour_of_text():
    with mpl.rc_context({"text.color": "#ced6dd"}):
        ax = chosen_differences(Figure().add_subplot(), COPIES, "title")
    assert {text.get_color() for text in ax.texts} == {"#ced6dd"}


def both_panels(rows):
    """The two panels of the figure of all comparisons."""
    whole, enlarged = Figure().subplots(1, 2, sharey=True)
    all_differences(whole, enlarged, rows, "title")
    return whole, enlarged


def marks(ax):
    """Each single mark: its place, and its shape."""
    lines = [line for line in ax.lines if len(line.get_xdata()) == 1]
    return [(float(line.get_ydata()[0]), float(line.get_xdata()[0]), line.get_marker()) for line in lines]


def test_each_comparison_that_is_judged_is_drawn_once(groups):
    whole, _ = both_panels(groups)
    judged = groups[groups["outcome"].isin(OUTCOME_COLOURS)]
    drawn = sorted((points, mark) for _, points, mark in marks(whole))
    stored = zip(judged["difference"], judged["outcome"].map(OUTCOME_MARKS), strict=True)
    assert drawn == sorted(stored)
    assert len(whole.get_yticks()) == len(judged)


def test_the_enlarged_panel_shows_the_same_differences_or_on_which_side_they_lie(groups):
    whole, enlarged = map(marks, both_panels(groups))
    beyond = 0
    for (row, points, mark), (same_row, place, shape) in zip(whole, enlarged, strict=True):
        assert row == same_row
        if abs(points) <= ENLARGED:
            assert (place, shape) == (points, mark)
        else:
            beyond += 1
            assert (place, shape) == ((ENLARGED, ">") if points > 0 else (-ENLARGED, "<"))
    assert 0 < beyond < len(whole)


def test_outcomes_differ_by_their_marks():
    looks = {(OUTCOME_MARKS[outcome], outcome == "no contrast") for outcome in OUTCOME_COLOURS}
    assert len(looks) == len(OUTCOME_COLOURS)  # that of no contrast is hollow


def test_a_row_is_named_by_its_method_and_headed_by_what_it_shares(groups):
    rows = groups[(groups["study"] == "cifar10-regulating") & (groups["arm"] == "regulating")]
    whole, enlarged = both_panels(rows)
    heads = [text.get_text() for text in whole.texts]
    assert heads[1::2] == ["cifar10-regulating: … − constant", "cifar10-regulating: regulating − …"]
    assert [label.get_text() for label in whole.get_yticklabels()] == ["regulating", "yoked", "yoked_3", "matched_rate"]
    assert list(enlarged.texts) == []


ALL_COMPARISONS = ["outcomes-against-schedules", "outcomes-of-others"]


@pytest.mark.parametrize("name", ALL_COMPARISONS)
def test_no_text_of_the_figures_of_all_comparisons_lies_over_another(groups, name):
    import drawings

    draw, size = drawings.DRAWINGS[name]
    with mpl.rc_context(drawings._style(drawings.PALETTES["light"])):
        figure = Figure(figsize=size, layout="constrained")
        draw(ax := figure.add_subplot(), drawings.PALETTES["light"])
        figure.draw_without_rendering()
        (legend,) = figure.legends
        numbers = [
            label
            for panel in figure.axes
            for tick in panel.xaxis.get_major_ticks()
            if panel.get_xlim()[0] <= tick.get_loc() <= panel.get_xlim()[1]
            for label in (tick.label1, tick.label2)
        ]
        texts = [*ax.texts, *ax.get_yticklabels(), *legend.get_texts(), legend.get_title(), *numbers]
        boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    for (one, here), (other, there) in itertools.combinations(boxes, 2):
        assert not here.padded(-1).overlaps(there.padded(-1)), (one, other)  # the boxes of two lines may touch
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for _, box in boxes)


def test_the_titles_of_all_comparisons_say_how_large_the_differences_are(groups):
    import drawings

    titles = [" ".join(drawings.DRAWINGS[name][0].keywords["title"].split()) for name in ALL_COMPARISONS]
    judged = groups[groups["outcome"].isin(OUTCOME_COLOURS)]
    schedules = judged[judged["group"] == "rule against schedule"].set_index("arm")["difference"]
    loses, gains = -schedules["report"], schedules[FOUND]
    assert f"the report's rule loses {loses.min():.0f} to {loses.max():.0f} points" in titles[0]
    assert f"the found rule gains {gains.min():.1f} to {gains.max():.1f}" in titles[0]
    controls = judged[(judged["group"] == "rule against control") & ~judged["against"].str.endswith("matched_rate")]
    least, most = (f"{points:.1f}".replace("-", "\N{MINUS SIGN}") for points in controls["difference"].agg(["min", "max"]))
    assert f"{least} to {most} points: no gain is shown" in titles[1]
    assert "helps" not in set(controls["outcome"])


@pytest.mark.parametrize(
    ("study", "arm", "against", "group"),
    [
        ("cifar10-standard", "report", "constant", "rule against schedule"),
        ("cifar10-standard", "inverse", "constant_low", "rule against schedule"),
        ("cifar10-standard", "inverse", "inverse_shuffled", "rule against control"),
        ("cifar10-recipe", "one_cycle_over_uncertainty", "replay_of_1011", "rule against control"),
        ("cifar10-regulating", "regulating", "regulating_matched_rate", "rule against control"),
        ("cifar10-regulating", "regulating_matched_rate", "constant", "schedule against schedule"),
        ("cifar10-standard", "report", "report_inverted", "rule against rule"),
    ],
)
def test_a_comparison_has_the_group_of_its_methods(groups, study, arm, against, group):
    found = groups[(groups["study"] == study) & (groups["arm"] == arm) & (groups["against"] == against)]
    assert list(found["group"]) == [group]


def test_a_pair_of_runs_in_two_studies_counts_once(groups):
    shared = groups[groups["study"].isin(["cifar10-exact", "cifar10-full"]) & (groups["outcome"] != "missing")]
    assert sorted(shared["arm"]) == ["report", "report_epoch"]
