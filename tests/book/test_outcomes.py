"""The figures and counts of outcomes are those of the stored comparisons."""

import itertools
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from uncertlr import plots
from uncertlr.analysis.paired import ALPHA, SEEDS_FOR_A_CLAIM
from uncertlr.book.outcomes_figure import (
    AGAINST_CONTROLS,
    AGAINST_SCHEDULES,
    OUTCOME_COLOURS,
    all_differences,
    chosen_differences,
    colour_of,
)


@pytest.fixture
def groups(published, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "book" / "_ext")
    import result_tables

    return result_tables.comparisons_in_groups()


@pytest.mark.parametrize("chosen", [AGAINST_SCHEDULES, AGAINST_CONTROLS], ids=["methods", "controls"])
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


def test_a_comparison_has_the_colour_of_its_first_method():
    colours = {arm: colour_of(arm) for _, _, arm, _ in (*AGAINST_SCHEDULES, *AGAINST_CONTROLS)}
    assert colours.pop("report") == plots.COLOURS[1]
    assert colours.pop("one_cycle") == plots.INK
    assert set(colours.values()) == {plots.COLOURS[0]}


@pytest.mark.usefixtures("groups")
def test_names_and_outcomes_have_the_pages_own_colour_of_text():
    with mpl.rc_context({"text.color": "#ced6dd"}):
        ax = chosen_differences(Figure().add_subplot(), AGAINST_CONTROLS, "title")
    assert {text.get_color() for text in ax.texts} == {"#ced6dd"}


def test_each_comparison_that_is_judged_is_drawn_once(groups):
    ax = all_differences(Figure().add_subplot(), groups, "title")
    points = [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    judged = groups[groups["outcome"].isin(OUTCOME_COLOURS)]
    assert sorted(points) == sorted(judged["difference"])
    assert len(ax.get_yticks()) == len(judged)


def test_a_row_is_named_by_its_method_and_headed_by_what_it_shares(groups):
    rows = groups[(groups["study"] == "cifar10-regulating") & (groups["arm"] == "regulating")]
    ax = all_differences(Figure().add_subplot(), rows, "title")
    heads = [text.get_text() for text in ax.texts]
    assert heads[1::2] == ["cifar10-regulating: … − constant", "cifar10-regulating: regulating − …"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["regulating", "yoked", "yoked_3", "matched_rate"]


@pytest.mark.parametrize("name", ["outcomes-against-schedules", "outcomes-of-others"])
def test_no_text_of_the_figures_of_all_comparisons_lies_over_another(groups, name):
    import drawings

    draw, size = drawings.DRAWINGS[name]
    with mpl.rc_context(drawings._style(drawings.PALETTES["light"])):
        figure = Figure(figsize=size, layout="constrained")
        draw(ax := figure.add_subplot(), drawings.PALETTES["light"])
        figure.draw_without_rendering()
        texts = [*ax.texts, *ax.get_yticklabels(), *ax.get_legend().get_texts(), ax.title]
        boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    for (one, here), (other, there) in itertools.combinations(boxes, 2):
        assert not here.padded(-1).overlaps(there.padded(-1)), (one, other)  # the boxes of two lines may touch
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for _, box in boxes)


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
