"""The sentences of the chapters follow from the runs: other runs, other words."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from uncertlr.analysis.comparisons import causal_family, comparisons, headline_comparisons, named_family, schedule_family
from uncertlr.analysis.pairs import rates_apart
from uncertlr.analysis.study import read_study
from uncertlr.analysis.tables import verdict_summary
from uncertlr.analysis.times import arrival_table, arrivals, cost_table, times
from uncertlr.book.evidence_answer import listening, short_answer
from uncertlr.book.evidence_brief import in_brief
from uncertlr.book.evidence_listening import RMS, feedback_answers, for_scale, next_to_none, resolution
from uncertlr.book.evidence_words import claim, claims, limits, primary_answer, progress, tuned
from uncertlr.book.study_figures import headline_figure
from uncertlr.sweep import read_sweep

GOOD = {"report": -0.1, "inverse": 0.04, "inverse_yoked": 0.0}
SWAPPED = {"report": 0.1, "inverse": -0.04, "inverse_yoked": 0.0}


@pytest.fixture
def study(plant_runs, tmp_path, monkeypatch, evidence_grid):
    """Plants effects into a results folder of their own and reads the study from there."""
    sweep = tmp_path / "grid.yaml"

    def planted(effects, seeds=10, spread=0.3, name="one", published=False, noise=0.002, arms=""):
        sweep.write_text(evidence_grid + arms)
        monkeypatch.setenv("UNCERTLR_RESULTS", str(tmp_path / name / "results"))
        monkeypatch.setenv("UNCERTLR_RUNS", str(tmp_path / name / "runs"))
        rng = np.random.default_rng(0)

        def accuracy(arm, seed):
            value = 0.6 + 0.002 * seed + effects.get(arm, 0.0) + rng.normal(0, noise)
            return value if seed < seeds and arm in {"constant", "cosine", *effects} else None

        def factors(arm, seed):
            return np.full(10, 0.01) if arm == "report" else np.exp(rng.normal(0, spread, 10))

        plant_runs(read_sweep(sweep), accuracy, factors, published)
        return read_study(str(sweep))

    return planted


def answer(study):
    """The front page's list as one line."""
    return short_answer(study).replace("\n", " ")


def test_swapped_results_swap_the_words(study):
    before, after = study(GOOD, published=True), study(SWAPPED, name="other", published=True)
    one, other = answer(before), answer(after)
    assert re.search(
        r"\(`report`\), it ends on its lowest rate in all 10 runs and loses \d+\.\d points \(95 % interval -", one
    )
    assert re.search(
        r"\(`report`\), it ends on its lowest rate in all 10 runs and gains \d+\.\d points \(95 % interval \+", other
    )
    assert re.search(r"`inverse` \(a rate that rises as uncertainty falls\) gains \d\.\d points", one)
    assert re.search(r"`inverse` \(a rate that rises as uncertainty falls\) loses \d\.\d points", other)
    assert "`inverse` ends higher than `inverse_yoked`" in one
    assert "`inverse` ends lower than `inverse_yoked`" in other
    text, swapped = (claims(comparisons(each, named_family(each))) for each in (before, after))
    assert "`inverse` **helps** against `cosine` (+" in text
    assert "`inverse` **harms** against `cosine` (-" in swapped
    assert "Feedback adds to the curve" in " ".join(feedback_answers(before)["inverse"])
    assert "Feedback takes away" in " ".join(feedback_answers(after)["inverse"])


@pytest.mark.parametrize(
    ("low", "front", "listed"),
    [
        (None, "no run yet, so whether more than the lower rate is at work is open", "there is no run yet"),
        (0.0, "so more than the lower rate is at work", "it ends higher too"),
        (0.04, "so the lower rate alone does as well", "it is equivalent, so the lead"),
        (0.08, "so the lower rate alone does better", "it ends lower"),
    ],
)
def test_no_lead_stands_without_the_same_rate(study, low, front, listed):
    found = study(GOOD | ({} if low is None else {"constant_low": low}))
    assert "`inverse` (a rate that rises as uncertainty falls) gains" in answer(found)
    assert "it starts from 3e-4, the fixed rate is 1e-3" in answer(found)
    assert front in answer(found)
    text = claims(comparisons(found, named_family(found)))
    assert f"`inverse` starts from 3e-4, `constant` from 1e-3; against that rate, fixed, {listed}" in text
    assert "`report` starts from" not in text


@pytest.mark.parametrize(
    ("low", "said"),
    [
        (None, "but it starts from 3e-4, and a fixed rate of 3e-4 has no run yet: a gain by listening is not shown."),
        (0.0, r"but a fixed rate of 3e-4, where it starts, alone is equivalent to `constant`; against that rate it gains "
         r"\d\.\d points, so more than the lower rate is at work\."),
        (0.04, r"but so does a fixed rate of 3e-4, where it starts, alone \(\d\.\d points\); against that rate it ends "
         r"within half a point: there is no gain to attribute to listening\."),
        (0.08, r"but so does a fixed rate of 3e-4, where it starts, alone \(\d\.\d points\); against that rate it loses "
         r"\d\.\d points: the lower rate alone does better\."),
    ],
)  # fmt: skip
def test_in_brief_no_lead_stands_without_its_fixed_rate(study, low, said):
    text = in_brief(study(GOOD | ({} if low is None else {"constant_low": low})))
    assert re.search(rf"`inverse` \(a rate that .* falls\) gains \d\.\d points, {said}", text)


def test_in_brief_a_loss_is_told_as_one(study):
    text = in_brief(study(SWAPPED | {"constant_low": -0.04}))
    assert re.search(r"asked at every step, it gains \d+\.\d points", text)
    assert re.search(r"`inverse` \(.*\) loses \d\.\d points, but so does .* there is no loss to attribute to list", text)
    assert "`inverse` ends lower than" in in_brief(study(SWAPPED, name="other"))


def test_the_brief_answer_is_three_paragraphs_without_intervals(study):
    text = in_brief(study(GOOD | {"sign_flip": 0.0, "constant_low": 0.04}))
    titles = ["**The report's rule** is held against a fixed rate of 1e-3", "**Other ways to listen**", "**Is it the list"]
    assert [part.startswith(title) for part, title in zip(text.split("\n\n"), titles, strict=True)] == [True] * 3
    assert "interval" not in text
    assert "Nothing is tuned." in text
    assert "`sign_flip`: within half a point of it; `bold_driver`: no finished pair yet." in text
    assert "Against the same curves without feedback, `inverse` ends higher than `inverse_yoked`." in text
    assert "`report` took the same decisions in every run" in text


def test_in_brief_what_cannot_be_told_is_not(study):
    few = in_brief(study(GOOD, seeds=3))
    assert re.search(r"asked at every step, it stands at -\d+\.\d points, with too few pairs for a claim\.", few)
    assert "`inverse`: too few pairs for a claim; `sign_flip` and `bold_driver`: no finished pair yet." in few
    assert "Of `inverse` it cannot be said: no control has the 10 pairs of a claim." in few
    alike = in_brief(study(GOOD | {"inverse_shuffled": 0.0}, spread=0.001, name="alike"))
    assert "Those of `inverse` stay within 0.1 % of the arm's rate on average, too near to tell." in alike
    unclear = in_brief(study({"report": 0.0, "sign_flip": 0.0}, noise=0.02, name="unclear"))
    assert "asked at every step, it is not shown to differ from it, nor to be equivalent" in unclear
    assert "`sign_flip`: no difference shown, nor equivalence" in unclear
    none = in_brief(study({}, seeds=0, name="none"))
    assert "**The report's rule** has no finished pair with a fixed rate yet." in none
    assert "Of `inverse` it cannot be said: no control has the 10 pairs of a claim." in none


@pytest.mark.parametrize(("curve", "level", "ahead"), [(0.0, 0.0, True), (0.04, 0.08, False)])
def test_a_study_made_to_tell_is_asked_whether_it_is_the_listening(study, curve, level, ahead):
    effects = {"inverse": 0.04, "inverse_yoked": curve, "inverse_level": level}
    told = study(effects, name="told", arms="  inverse_level: {learning_rate: 4.0e-4}\n")
    lead, alone = r"its rate does answer the network \(`inverse`\): ", "against a fixed rate at its mean level it"
    words = ("gains", "gains") if ahead else ("ends within half a point of it", "loses")
    so = "listening helps" if ahead else "its curve does as well without listening"
    one = rf"{lead}against another seed's curve \(`inverse_yoked`\) it {words[0]}[^;(]* \(\d\d % interval "
    assert re.search(rf"{one}.*; {alone} {words[1]}.*\. So {so}\.", short_answer(told, told))
    assert re.search(rf"{lead}held against other seeds' curves, {so}; {alone} {words[1]}", in_brief(told, told=told))
    nothing = study({}, seeds=0, name="none")
    assert "A study that can tell is planned and has no finished pair yet." in short_answer(told, nothing)


@pytest.mark.parametrize(
    ("yoked", "third", "said"),
    [
        (0.0, 0.0, "So listening helps."),
        (0.0, 0.04, "So it is not shown that listening helps: that takes a gain against each of its 2 replays."),
        (0.08, 0.08, "So listening takes away."),
        (0.04, 0.04, "So its curve does as well without listening."),
        (0.0, None, "So whether listening helps is open: that takes a gain against each of its 2 replays."),
    ],
)
def test_listening_helps_only_if_it_helps_against_each_replay(study, yoked, third, said):
    effects = {"inverse": 0.04, "inverse_yoked": yoked} | ({} if third is None else {"inverse_yoked_3": third})
    told = study(effects, name="told", arms="  inverse_yoked_3: {replay_of: inverse, source_runs: 3}\n")
    first, *others = feedback_answers(told)["inverse"]
    assert first == f"`inverse`: {said}"
    assert not any("Feedback adds" in line or "inverse_yoked" in line for line in others)
    assert listening(told, told).endswith(f" {said}")
    assert said.removeprefix("So ").split(":")[0].rstrip(".") in in_brief(told, told=told)


def test_what_is_not_shown_is_said_with_what_could_have_been(study):
    found = study({"inverse": 0.0, "inverse_yoked": 0.0}, noise=0.03)
    table = comparisons(found, causal_family(found))
    row = table[table["word"] == "not shown"].iloc[0]
    said = resolution(table)
    assert f"the interval reaches {(row['high'] - row['low']) / 2:.1f} points to either side: 10 pairs miss" in said
    assert said.endswith(", and cannot show equivalence.")
    assert resolution(table[table["word"] == "missing"]) == ""


def test_a_difference_that_only_the_adjustment_hides_says_so(study):
    arms = {name: 0.0 for name in ("report", "sign_flip", "bold_driver")}
    found = study(arms | {"inverse": 0.012}, noise=0.02)
    row = comparisons(found, named_family(found)).set_index(["arm", "against"], drop=False).loc[("inverse", "constant")]
    assert row["word"] == "not shown"
    assert row["p"] <= 0.05 < row["p, Holm"]
    said = f"p = {row['p, Holm']:.2g} after Holm, {row['p']:.2g} before it)"
    assert said in claim(row)
    assert said.replace("Holm,", "Holm's adjustment,") in answer(found)
    plainly = comparisons(found, [("report", "constant")]).iloc[0]
    assert plainly["word"] == "not shown"
    assert "before it" not in claim(plainly)


def test_in_brief_another_study_says_how_far_it_is(study):
    first, far = study(GOOD), study(GOOD, seeds=3, name="far")
    lines = in_brief(first, far, first).split("\n\n")[3:]
    assert re.fullmatch(
        r"\*\*digits \(.*\)\*\* has 15 of 100 planned runs; no way to listen has the 10 pairs of a claim with a fixed rate, "
        r"so none is made\.",
        lines[0],
    )
    assert re.search(
        r"has 50 of 100 planned runs\. Against a fixed rate of 1e-3: `inverse` gains .* not shown\. `report`", lines[1]
    )
    assert lines[1].endswith("2 more have too few pairs for a claim.")


def test_a_control_that_does_as_well_is_said_to(study):
    found = study(GOOD | {"inverse_yoked": 0.04})
    assert "The curve does as well without listening" in " ".join(feedback_answers(found)["inverse"])
    assert "`inverse` is equivalent to `inverse_yoked`" in answer(found)


def test_two_fixed_rates_give_the_size_of_a_difference_in_rate(study):
    found = study(GOOD | {"constant_low": 0.03})
    said = for_scale(found)
    difference, least = re.search(r"`constant_low` ends ([+-][\d.]+) points .* would make ([\d.]+) points", said).groups()
    apart = rates_apart(found, "constant_low", "constant")
    assert f"lie {apart:.2f} apart" in said
    assert float(least) == pytest.approx(float(difference) * 0.05 / apart, abs=0.01)
    assert for_scale(study(GOOD | {"constant_low": 0.03}, seeds=9, name="few")) == for_scale(study(GOOD, name="no")) == ""


def test_equivalence_shows_the_interval_that_it_is_judged_by(study):
    found = study(GOOD)
    row = comparisons(found, [("cosine", "constant")]).iloc[0]
    assert row["word"] == "equivalent"
    assert f"90 % interval {row['low, 90 %']:+.2f} to {row['high, 90 %']:+.2f}" in claim(row)
    assert "95 %" not in claim(row)


def test_a_rate_on_a_bound_and_the_same_decisions_are_no_answer(study):
    said = " ".join(feedback_answers(study(GOOD))["report"])
    assert "lower bound for 100% of the steps" in said
    assert "its decisions were the same at every step in all 10 runs" in said
    assert "The decisions of `report` were the same at every step of all runs" in answer(study(GOOD))


@pytest.mark.parametrize("seeds", [3, 10])
def test_controls_too_like_the_arm_cannot_tell_with_however_many_pairs(study, seeds):
    found = study(GOOD | {"inverse_shuffled": 0.0}, spread=0.001, seeds=seeds)
    said = " ".join(feedback_answers(found)["inverse"])
    assert said.count("With however many pairs, ") == 2
    without = f"The rate of `inverse` and those of its controls lie 0.1 % apart or less{RMS}"
    assert without in said
    assert f"The controls of `inverse` cannot tell. {without}" in answer(found)
    assert claims(comparisons(found, causal_family(found))).count("**uninformative**") == 2
    assert "Standard deviation of the log rate between the donors: 0.001" in claims(comparisons(found, causal_family(found)))


@pytest.mark.parametrize(("low", "gain"), [(0.04, ", and no gain to attribute to it: against that rate"), (0.0, ".")])
def test_what_the_rule_moved_is_not_what_listening_moved(study, low, gain):
    found = study(GOOD | {"constant_low": low, "inverse_shuffled": 0.0}, spread=0.001)
    said = next_to_none(found, "inverse", comparisons(found, causal_family(found)))
    moved = 100 * math.expm1(rates_apart(found, "inverse", "constant_low"))
    left = f"`inverse` left the fixed rate of 3e-4 that it starts from by {moved:.1f} %{RMS}"
    assert f"{left}, but alike in every run" in said
    assert (
        f"its rate and those of its controls lie 0.1 % apart or less. There was next to no feedback to judge{gain}" in said
    )


def test_few_seeds_are_descriptive_and_none_are_missing(study):
    few = study(GOOD, seeds=3)
    claim = "**descriptive**: 3 of 10 planned pairs are finished, and a claim takes 10 ("
    assert claim in claims(comparisons(few, named_family(few)))
    so_far = r"stands at [-+]\d+\.\d points, with too few pairs for a claim \(95 % interval \S+ to \S+, 3 pairs\)"
    assert len(re.findall(so_far, answer(few))) == 2
    assert "no control has the 10 pairs of a claim" in answer(few)
    assert "15 of 100 planned runs are finished; missing: `constant` 7 of 10" in progress(few)
    assert any("8 of the 8 comparisons of the named family" in line for line in limits(few))


def test_an_arm_with_few_planned_seeds_is_complete_and_promises_nothing(study):
    found = study(GOOD | {"relative": 0.05}, arms="  relative: {rule: relative, seeds: 5}\n")
    said = claims(comparisons(found, named_family(found)))
    assert (
        "`relative` against `constant` is **descriptive**: 5 of 5 planned pairs are finished, and a claim takes 10 (" in said
    )
    assert "`inverse` **helps** against `constant`" in said
    assert "`relative`" not in progress(found)
    assert re.search(r"`relative` \([a-z ]+\) stands at \+\d\.\d points, with too few pairs for a claim", answer(found))


def test_the_choices_that_are_ours_are_told(study):
    said = "a threshold of 0.5 of the maximum, a factor from 0.01 to 10 are this book's choice"
    assert said in answer(study(GOOD))
    assert any(said in line for line in limits(study(GOOD)))


def test_a_file_alone_tunes_nothing(study, tmp_path, monkeypatch, plant_runs):
    (tmp_path / "sweeps").mkdir()
    sweep = tmp_path / "sweeps" / "grid-tuned.yaml"
    sweep.write_text("experiment: digits\nseeds: 1\narms: {constant: {}, report: {rule: threshold}}\n")
    for module in ("book.evidence_words", "analysis.study"):
        monkeypatch.setattr(f"uncertlr.{module}.project_folder", lambda: tmp_path)
    found = study(GOOD)
    assert "**Beware.** Nothing is tuned." in answer(found)
    assert any("so a better rate may undo any lead" in line for line in limits(found))
    assert primary_answer(found).endswith("The protocol asks for both arms tuned; no tuned run is finished.")
    plant_runs(read_sweep(sweep), lambda arm, seed: 0.6)
    assert tuned("cifar10") == ""
    assert tuned("digits") == "digits (all images, 50 epochs)"
    assert "Nothing is tuned" not in answer(found)
    assert any("stands in a section of its own" in line for line in limits(found))
    assert primary_answer(found).endswith("both arms tuned; they are on digits (all images, 50 epochs) only.")


def test_nothing_finished(tmp_path, evidence_grid):
    sweep = tmp_path / "grid.yaml"
    sweep.write_text(evidence_grid)
    found = read_study(str(sweep))
    arms = ("report", "sign_flip", "bold_driver", "inverse")
    absent = [f"`{arm}` against `{other}`" for other in ("constant", "cosine") for arm in arms]
    assert claims(comparisons(found, named_family(found))) == (
        f"- **Missing**, without one finished pair: {', '.join(absent[:-1])} and {absent[-1]}."
    )
    controls = "`inverse_yoked`, `inverse_mean_curve` and `inverse_shuffled`"
    assert feedback_answers(found)["inverse"] == [f"`inverse` against {controls}: missing, no pair is finished."]
    assert primary_answer(found).startswith("`report` against `constant` is **missing**")
    assert "of which none is finished" in limits(found)[0]
    assert "It has no finished pair with a fixed rate yet." in answer(found)
    assert "Of `sign_flip`, `bold_driver` and `inverse` there is no finished pair yet." in answer(found)
    assert progress(found).startswith("digits (")
    assert ": 0 of 100 planned runs are finished; missing: all of `constant`, " in progress(found)


def test_the_table_has_a_column_for_each_control_and_no_controls_for_rows(study):
    table = verdict_summary(study(GOOD | {"constant_low": 0.0}))
    assert list(table.index) == ["constant", "constant_low", "cosine", "report", "inverse"]
    assert table.loc["inverse", "against its yoked control"].startswith("helps (+")
    assert table.loc["inverse", "against a fixed rate that starts alike"].startswith("helps (+")
    assert "against its mean curve control" not in table  # no pair of it is finished
    assert "90 %: " in table.loc["cosine", "against constant"]
    assert table.loc["report", "against its yoked control"] == ""


def test_a_run_that_was_held_up_is_not_late_for_it(study):
    found = study(GOOD)
    run = found.arms["constant"][0]
    pace, epochs = run.summary["seconds_per_epoch"], run.config.epochs
    held = run.metrics.assign(elapsed=run.metrics["elapsed"] + 900.0)
    object.__setattr__(run, "metrics", held)
    assert times(run, "seconds") == [pace * epoch for epoch in range(1, epochs + 1)]
    assert times(run, "epoch") == list(range(1, epochs + 1))
    assert arrivals(found, "constant", 0.0, "seconds")[0].time == pace


def test_times_without_arrivals_are_not_estimated(study):
    table = arrival_table(study(GOOD))
    assert table.loc["report", "epochs sooner (-) or later (+)"].startswith("not estimable (0 and ")
    assert table.loc["report", "reached the target"] == "0 of 10"
    costs = cost_table(study(GOOD))
    assert "constant" not in costs.index
    pairs, own, constants, ratio = costs.loc["report"]
    assert (pairs, own, ratio) == ("10 of 10", constants, "1.00 (1.00 to 1.00)")


def test_the_headline_has_linear_axes_and_one_of_its_own_for_the_controls(study):
    found = study(GOOD | {"report": -0.4, "constant_low": 0.03})
    figure = headline_figure(found)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    fixed, control = "fixed rate of 1e-3 (constant)", "rate over uncertainty (inverse) against its own controls"
    assert titles == [f"against {fixed}", "against cosine", "against fixed rate of 3e-4 (constant_low)", control]
    assert {ax.get_xscale() for ax in figure.axes} == {"linear"}
    names = [text.get_text().splitlines()[0] for text in figure.axes[0].texts]
    assert names == ["rate over uncertainty (inverse), from 3e-4", "rule, every step (report)"]
    judged = comparisons(found, schedule_family(found)).set_index(["arm", "against"])
    assert f"\n{judged.loc[('inverse', 'constant_low'), 'word']} (n = 10)" in figure.axes[2].texts[0].get_text()
    drawn = pd.concat(headline_comparisons(found))
    assert len(drawn) == sum(len(ax.texts) for ax in figure.axes)
    first, second, third, controls = (ax.get_xlim() for ax in figure.axes)
    assert first == second == third
    assert first[0] < -40 < -5 < controls[0]
