"""The figures and counts of outcomes are those of the stored comparisons."""

import itertools
import re
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from uncertlr import plots
from uncertlr.analysis.paired import ALPHA, SEEDS_FOR_A_CLAIM
from uncertlr.book.claims import numbers_in
from uncertlr.book.outcomes_figure import (
    COPIES,
    FOUND,
    GAINS,
    LOSSES,
    MAIN_OUTCOMES,
    REPORT,
    RULE,
    TESTS_OF_FEEDBACK,
    chosen_differences,
    colour_of,
)
from uncertlr.book.overview_figure import PANELS, draw_panel, judged


@pytest.fixture
def groups(published, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "book" / "_ext")
    import result_tables

    return result_tables.comparisons_in_groups()


@pytest.mark.parametrize("chosen", [LOSSES, GAINS, TESTS_OF_FEEDBACK, COPIES], ids=["losses", "gains", "feedback", "copies"])
def test_the_chosen_comparisons_are_drawn_with_their_outcomes(groups, chosen):
    ax = chosen_differences(Figure().add_subplot(), chosen, "title")
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    stored = groups.set_index(["study", "arm", "against"]).loc[[tuple(each) for _, *each in chosen]]
    assert (stored["pairs"] == SEEDS_FOR_A_CLAIM).all()
    assert [float(mark.get_xdata()[0]) for mark in marks] == list(stored["difference"])
    alike = stored["outcome"] == "no contrast"
    assert [mark.get_markerfacecolor() == "none" for mark in marks] == list(alike)
    as_copy = (stored["p_equivalence"] <= ALPHA).map({True: "equivalent", False: "inconclusive"})
    assert not (alike & (stored["p_holm"] <= ALPHA)).any()
    expected = stored["outcome"].where(~alike, as_copy)
    assert [text.get_text().partition(" ")[2] for text in ax.texts[1::2]] == list(expected)


def test_the_titles_of_the_main_outcomes_are_what_their_comparisons_show(groups):
    import drawings

    stored = groups.set_index(["study", "arm", "against"])
    rows = {
        chosen: stored.loc[[tuple(each) for _, *each in chosen]] for chosen in (LOSSES, GAINS, TESTS_OF_FEEDBACK, COPIES)
    }
    title = {name: drawings.DRAWINGS[f"outcomes-{name}"][0].keywords["title"] for name in ("losses", "copies")}
    every_step = rows[LOSSES].xs("report", level="arm")
    least, most = -every_step["difference"].max(), -every_step["difference"].min()
    assert numbers_in(title["losses"]) == [f"{least:.0f}", f"{most:.0f}"]
    assert (every_step["outcome"] == "harms").all()
    on_one_cycle = rows[GAINS].xs("one_cycle", level="against")["outcome"]
    assert on_one_cycle.droplevel("arm").to_dict() == {
        "cifar10-found-controls": "helps",
        "cifar10-tuned-warmup": "helps",
        "imdb-tuned": "inconclusive",
    }
    assert set(rows[TESTS_OF_FEEDBACK]["outcome"]) == {"inconclusive"}
    equal, behind = (rows[COPIES]["p_equivalence"] <= ALPHA).sum(), (rows[COPIES]["outcome"] == "harms").sum()
    assert (equal, behind, len(rows[COPIES])) == (3, 4, 11)
    assert set(rows[COPIES].index.get_level_values("arm")) == {FOUND}
    assert {"three", "four", "eleven"} <= set(title["copies"].lower().split())


def test_a_comparison_has_the_colour_of_its_first_method():
    colours = {arm: colour_of(arm) for _, _, arm, _ in MAIN_OUTCOMES}
    assert {colours.pop(arm) for arm in ("report", "report_epoch", "regulating")} == {plots.COLOURS[1]}
    assert set(colours.values()) == {plots.COLOURS[0]}


@pytest.mark.usefixtures("groups")
def test_names_and_outcomes_have_the_pages_own_colour_of_text():
    with mpl.rc_context({"text.color": "#ced6dd"}):
        ax = chosen_differences(Figure().add_subplot(), COPIES, "title")
    assert {text.get_color() for text in ax.texts} == {"#ced6dd"}


def rows_of(sections):
    """The comparisons of a panel, as study, method, what it is compared with."""
    return {(row.study, row.arm, row.against) for _, rows in sections for row in rows.itertuples()}


def test_the_overview_has_every_judged_comparison_of_its_kinds(groups):
    kept = judged(groups)
    assert not kept["outcome"].isin(["no contrast", "descriptive", "missing"]).any()
    assert (kept["mixed_pairs"] < kept["pairs"]).all()
    assert "cifar10-primary" in set(groups["study"]) - set(kept["study"])  # its settings are borrowed
    of_panel = {name: rows_of(panel(groups)) for name, panel in PANELS.items()}
    all_rows = {(row.study, row.arm, row.against): row for row in kept.itertuples()}
    against_schedules = {place for place, row in all_rows.items() if row.group == "rule against schedule"}
    assert of_panel["found"] == {place for place in against_schedules if place[1] == FOUND}
    assert of_panel["report"] | of_panel["others"] == {
        place
        for place in against_schedules
        if place[2].startswith("constant") and place[1] != FOUND and not place[1].startswith("bold_driver")
    }
    assert of_panel["replays"] == {
        place
        for place, row in all_rows.items()
        if row.group == "rule against control" and row.family != "recorded" and not place[2].endswith("matched_rate")
    }


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_draws_each_comparison_beside_its_name_and_number(groups, name):
    sections = PANELS[name](groups)
    draw_panel(ax := Figure().add_subplot(), sections, "title")
    stored = [row for _, rows in sections for row in rows.itertuples()]
    means = [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in ax.lines if len(line.get_xdata()) == 1]
    assert [mean for mean, _ in means] == [row.difference for row in stored]
    texts = [text for text in ax.texts if text.get_weight() == "normal"]
    names, numbers = texts[::2], texts[1::2]
    assert [text.get_text() for text in names] == [row.Index for row in stored]
    for above, below, row, (_, height) in zip(names, numbers, stored, means, strict=True):
        assert above.xy[1] < height < below.xy[1]
        assert below.get_text().startswith(row.outcome)
        printed = re.findall(r"-?[\d.]+", below.get_text().replace("\N{MINUS SIGN}", "-"))
        assert [float(each) for each in printed] == pytest.approx([row.difference, row.ci95_low, row.ci95_high], abs=0.0501)


@pytest.mark.parametrize("name", PANELS)
def test_no_interval_of_the_overview_is_cut(groups, name):
    import drawings

    drawings.DRAWINGS[f"overview-{name}"][0](ax := Figure(layout="constrained").add_subplot(), drawings.PALETTES["light"])
    rows = pd.concat([of_heading for _, of_heading in PANELS[name](groups)])
    low, high = ax.get_xlim()
    assert low < rows["ci95_low"].min()
    assert high > rows["ci95_high"].max()
    drawn = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 1.5 and len(line.get_xdata()) == 2]
    assert [tuple(ends) for ends in drawn] == list(rows[["ci95_low", "ci95_high"]].itertuples(index=False, name=None))


def row_of(arm, low, high):
    ends = {"ci95_low": low, "ci95_high": high, "ci90_low": 0.9 * low, "ci90_high": 0.9 * high}
    return {"arm": arm, "outcome": "inconclusive", "difference": 0.0, **ends}


def test_a_row_has_the_colour_of_its_rule():
    arms = ("report", "report_epoch", "regulating", "relative", FOUND)
    rows = pd.DataFrame([row_of(arm, -1, 1) for arm in arms], index=list("abcde"))
    draw_panel(ax := Figure().add_subplot(), [("heading", rows)], "title")
    colours = [line.get_color() for line in ax.lines if line.get_linewidth() == 5]
    assert colours == [REPORT, REPORT, REPORT, RULE, RULE]


@pytest.mark.parametrize("name", PANELS)
def test_no_text_of_the_overview_lies_over_another(groups, name):
    import drawings

    draw, size = drawings.DRAWINGS[f"overview-{name}"]
    with mpl.rc_context(drawings._style(drawings.PALETTES["light"])):
        figure = Figure(figsize=size, layout="constrained")
        draw(ax := figure.add_subplot(), drawings.PALETTES["light"])
        figure.draw_without_rendering()
        low, high = ax.get_xlim()
        numbers = [tick.label1 for tick in ax.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        key = [text for legend in figure.legends for text in legend.get_texts()]
        texts = [*ax.texts, ax.title, ax.xaxis.label, *numbers, *key]
        start = ax.get_window_extent().x0
        assert all(text.get_window_extent().x1 <= start for text in ax.texts)  # none lies over 0 or the margin
        boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    for (one, here), (other, there) in itertools.combinations(boxes, 2):
        assert not here.padded(-1).overlaps(there.padded(-1)), (one, other)  # the boxes of two lines may touch
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for _, box in boxes)


def test_the_titles_of_the_overview_say_what_its_comparisons_show(groups):
    import drawings

    title = {name: " ".join(drawings.DRAWINGS[f"overview-{name}"][0].keywords["title"].split()) for name in PANELS}
    table = {name: pd.concat([rows for _, rows in panel(groups)]) for name, panel in PANELS.items()}
    factors = table["report"]
    assert {"six", "nine", "none"} <= set(title["report"].lower().split())
    assert ((factors["outcome"] == "harms").sum(), len(factors)) == (6, 9)
    constant = table["others"]
    ahead = constant[constant["outcome"] == "helps"]
    assert {"one", "lower", "constant"} <= set(title["others"].lower().split())
    assert list(ahead["arm"]) == ["inverse"]
    assert "helps" not in set(table["report"]["outcome"])
    lower = constant[(constant["study"] == ahead["study"].item()) & (constant["against"] == "constant_low")]
    assert list(lower["outcome"]) == ["equivalent"]
    found = table["found"]
    on_text = found["study"] == "imdb-tuned"
    assert {"cifar-10,", "not", "imdb"} <= set(title["found"].lower().split())
    assert set(found["outcome"][found["study"].str.startswith("cifar10-")]) == {"helps"}
    assert set(found["outcome"][on_text]) == {"inconclusive", "harms"}
    assert "no" in title["replays"].lower().split()
    assert "helps" not in set(table["replays"]["outcome"])


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
