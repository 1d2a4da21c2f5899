"""Figures in frames: what is seen without a script, and what a script finds."""

import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest

from uncertlr.book.frames import Frames, reliability_frames
from uncertlr.config import preset
from uncertlr.runs.store import read_run
from uncertlr.training.run import run


def grows(count=3, alt="A line that grows."):
    figure, ax = plt.subplots()
    ax.plot([0, count], [0, 0])
    frames = Frames(figure, unit="step", alt=alt)
    for end in range(1, count + 1):
        with frames.add(f"Up to {end} < {count + 1}."):
            ax.plot([0, end], [0, end], marker="o")
            ax.bar([0, 1], [1, end])
    return frames


def parse(frames):
    return ElementTree.fromstring(frames._repr_html_().replace(" hidden>", ' hidden="">'))


def test_only_the_last_frame_is_seen_without_a_script():
    parts = parse(grows()).findall(".//*[@data-frame]")
    assert sorted(part.get("data-frame") for part in parts) == ["0"] * 3 + ["1"] * 3 + ["2"] * 3
    assert all((part.get("display") is None) == (part.get("data-frame") == "2") for part in parts)
    notes = parse(grows()).findall(".//p")
    assert [note.text for note in notes] == ["Up to 1 < 4.", "Up to 2 < 4.", "Up to 3 < 4."]
    assert [note.get("hidden") is None for note in notes] == [False, False, True]


def test_a_new_pair_of_axes_belongs_to_its_frame_as_a_whole():
    figure, ax = plt.subplots()
    frames = Frames(figure, unit="step", alt="Two axes.")
    with frames.add("One."):
        ax.twinx().plot([0, 1])
    with frames.add("Two."):
        pass
    assert [part.get("display") for part in parse(frames).findall(".//*[@data-frame]")] == ["none"]


def test_the_drawing_is_named_and_reaches_nowhere_else():
    frames = grows(alt='Lines & "dots"')
    svg = parse(frames).find("svg")
    assert (svg.get("role"), svg.get("aria-label")) == ("img", 'Lines & "dots"')
    assert not re.search("<style|http", frames._repr_html_())


def test_two_figures_on_a_page_share_no_identifier():
    one, other = (set(re.findall(r' id="([^"]+)"', grows(count)._repr_html_())) for count in (2, 3))
    assert one
    assert not one & other
    used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', grows(2)._repr_html_())
    assert used
    assert {link or clip for link, clip in used} <= one


def test_it_is_shown_once_and_comes_out_the_same_again():
    plt.close("all")
    frames = grows()
    assert frames._repr_html_() == frames._repr_html_()
    assert plt.get_fignums() == []


def test_no_frames_is_an_error():
    with pytest.raises(ValueError, match="frame"):
        Frames(plt.figure(), unit="step", alt="Nothing.")._repr_html_()


def test_reliability_over_the_epochs_of_a_run():
    small = {"epochs": 5, "train_examples": 200, "channels": [2, 4], "hidden_size": 8, "progress": "quiet"}
    trained = read_run(run(preset("digits", **small)))
    frames = reliability_frames({"one": trained}, most=3)
    rows = trained.validation.set_index("epoch")
    assert frames.notes == [f"Epoch {epoch}. ECE: one {rows.loc[epoch, 'mc_ece']:.3f}." for epoch in (1, 3, 5)]
    assert "after epochs 1 to 5 of one" in frames.alt
