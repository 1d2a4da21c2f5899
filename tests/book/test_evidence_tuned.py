"""Tuned arms and the rule that the search found: other runs, other words."""

import re

import numpy as np
import pytest

from uncertlr.analysis.comparisons import comparisons, named_family
from uncertlr.analysis.study import read_study
from uncertlr.book.evidence_listening import opening
from uncertlr.book.evidence_tuned import found_answer, tuned_answer
from uncertlr.sweep import read_sweep

TUNED = """
experiment: digits
profile: quick
seeds: 10
arms:
  constant: {learning_rate: 2.0e-4}
  cosine: {schedule: cosine, learning_rate: 7.0e-4}
  one_cycle: {schedule: one_cycle, learning_rate: 5.0e-3}
  inverse: {rule: proportional, learning_rate: 1.0e-4}
  inverse_yoked: {replay_of: inverse}
"""
FOUND = """
experiment: digits
profile: quick
seeds: SEEDS
arms:
  cosine: {schedule: cosine}
  best: {schedule: one_cycle, rule: proportional}
"""
BESIDE = """
experiment: digits
profile: quick
seeds: 10
arms:
  one_cycle: {schedule: one_cycle}
  best: {schedule: one_cycle, rule: proportional}
  best_level: {schedule: one_cycle, learning_rate: 2.0e-3}
"""
REPLAYS = "  best_yoked: {replay_of: best}\n  best_mean_curve: {replay_of: best, source_runs: others}\n"


@pytest.fixture
def study(plant_runs, tmp_path, monkeypatch):
    """Plants effects on an arm's accuracy, and how much its rates differ from seed to seed."""

    def planted(text, name, effects, seeds=10, spread=0.3, place="one"):
        sweep = tmp_path / f"{name}.yaml"
        sweep.write_text(text)
        monkeypatch.setenv("UNCERTLR_RUNS", str(tmp_path / place))
        rng = np.random.default_rng(0)
        plant_runs(
            read_sweep(sweep),
            lambda arm, seed: 0.6 + effects[arm] + rng.normal(0, 0.002) if arm in effects and seed < seeds else None,
            lambda arm, seed: np.exp(rng.normal(0, spread, 10)),
        )
        return read_study(str(sweep))

    return planted


def test_tuned_arms_earn_other_words_with_other_runs(study):
    effects = {"constant": 0.0, "cosine": -0.02, "one_cycle": 0.04, "inverse": 0.0}
    text = tuned_answer(study(TUNED, "grid-tuned", effects))
    assert re.search(r"against the tuned `constant`: `inverse` ends within half a point of it \(90 % interval", text)
    assert re.search(r"against the tuned `cosine`: `inverse` gains [12]\.\d points \(95 % interval", text)
    assert re.search(r"`cosine` loses [12]\.\d points .*; `one_cycle` gains [34]\.\d points", text)
    assert re.search(
        r"highest mean \(a ranking, no claim\) is that of `one_cycle`, 6\d\.\d %; of the arms that listen, that of `inv",
        text,
    )
    assert "nearly one curve" not in text
    other = study(TUNED, "grid-tuned", effects | {"inverse": 0.08}, spread=0.001, place="other")
    assert re.search(
        r"that of `inverse`, 6.* The log rates of `inverse` on digits .* nearly one curve, so", tuned_answer(other)
    )
    text = tuned_answer(other, whole=False)
    assert re.search(r"`inverse` gains [78]\.\d points\. Without listening, against the tuned `constant`: `cosine`", text)
    assert re.search(r" The rates of `inverse` on digits differ by 0\.\d % on average .* to tell whether it must", text)
    assert "interval" not in text


def test_chosen_rates_differ_by_design(study):
    """Of other arms it would be said that they start from another rate, and that none of that size is planned."""
    effects = {"constant": 0.0, "cosine": 0.0, "inverse": 0.04}
    tuned, plain = (study(TUNED, name, effects, place=name) for name in ("grid-tuned", "grid"))
    words = [comparisons(each, named_family(each))["same rate"].tolist() for each in (tuned, plain)]
    assert words == [["", ""], ["not planned", "not planned"]]


def test_nothing_tuned_nothing_said(study):
    assert tuned_answer(study(TUNED, "grid-tuned", {})) == "No tuned run is finished."
    alone = study(TUNED, "grid-tuned", {"constant": 0.0}, place="alone")
    assert tuned_answer(alone, whole=False) == "No tuned arm has a finished pair with `constant` yet."


def test_replays_that_are_planned_leave_the_question_open(study):
    test = study(FOUND.replace("SEEDS", "10"), "one-found", {"cosine": 0.0, "best": 0.05}, place="test")
    beside = study(BESIDE + REPLAYS, "one-found-controls", {}, place="beside")
    assert found_answer([test], [beside], test, whole=False).endswith("Whether it must listen on digits is open.")
    assert opening([test, beside]).endswith("from listening so far. On digits that is open for some arms.")


@pytest.mark.parametrize(
    ("replay", "said"),
    [
        (0.0, "Listening was shown to help `best` on digits."),
        (0.05, "No gain has been shown to come from listening so far."),
    ],
)
def test_the_opening_line_follows_from_the_replays(study, replay, said):
    effects = {"best": 0.05, "best_yoked": replay, "best_mean_curve": replay}
    assert opening([study(BESIDE + REPLAYS, "one-found-controls", effects)]) == said


@pytest.mark.parametrize(
    ("second", "seeds", "said"),
    [
        (0.03, 10, "So it helps against `cosine` on every set, which is what the protocol asks."),
        (0.0, 10, "So it does not help against `cosine` on every set, as the protocol asks."),
        (0.03, 7, "Whether it helps on every set is open until all pairs are finished."),
    ],
)
def test_the_found_rule_must_win_on_both_sets(study, second, seeds, said):
    ten, others = (FOUND.replace("SEEDS", text) for text in ("10", "[20, 21, 22, 23, 24, 25, 26, 27, 28, 29]"))
    one = study(ten, "one-found", {"cosine": 0.0, "best": 0.05})
    two = study(others, "two-found", {"cosine": 0.0, "best": second}, seeds=20 + seeds)
    text = found_answer([one, two], [], one)
    assert re.search(r"`best` against `cosine`, with the rate .* on digits \(.*\) it gains [45]\.\d points", text)
    assert text.endswith(said)


@pytest.mark.parametrize(
    ("arms", "spread", "replayed", "said"),
    [
        ("", 0.3, (), r"at its own mean level \(`best_level`\) it gains 3\.\d points \(.*\)\.$"),
        (
            "",
            0.001,
            (),
            r"The log rates of `best` on digits for one seed and for the next lie 0\.001 apart .* cannot be judged\.$",
        ),
        (
            REPLAYS,
            0.3,
            (0.0, 0.0),
            r"its own kind of curve \(`best_yoked`\) it gains .* so it must listen: the same kind of",
        ),
        (REPLAYS, 0.3, (0.05, 0.05), r"`best_yoked`\) it ends within half a point .* so it need not listen: the same kind"),
        (
            REPLAYS,
            0.3,
            (0.0, 0.05),
            r"`best_yoked`\) it gains .* it ends within half a .* so that it must listen is not shown",
        ),
        (
            REPLAYS,
            0.001,
            (0.05, 0.05),
            r"is too like it to tell .*; so these controls cannot tell whether it must listen\.$",
        ),
    ],
)
def test_what_stands_beside_the_found_rule_says_whether_it_must_listen(study, arms, spread, replayed, said):
    effects = {"one_cycle": 0.0, "best": 0.05, "best_level": 0.02}
    effects |= dict(zip(("best_yoked", "best_mean_curve"), replayed, strict=True)) if replayed else {}
    test = study(FOUND.replace("SEEDS", "10"), "one-found", {"cosine": 0.0, "best": 0.05}, place="test")
    beside = study(BESIDE + arms, "one-found-controls", effects, spread=spread, place="beside")
    text = found_answer([test], [beside], test)
    assert re.search(r"On digits .* `best` was held .* too: against the tuned `one_cycle` it gains [45]\.\d points", text)
    assert re.search(said, text)


def test_a_low_bar_is_called_one(study):
    effects = {"constant": 0.0, "cosine": -0.02, "one_cycle": 0.04, "inverse": 0.0}
    tuned = study(TUNED, "grid-tuned", effects)
    test = study(FOUND.replace("SEEDS", "10"), "one-found", {"cosine": 0.0, "best": 0.05}, place="test")
    beside = study(BESIDE, "one-found-controls", {"one_cycle": 0.0, "best": 0.05}, place="beside")
    low = found_answer([test], [beside], tuned, whole=False)
    assert re.search(
        r"on digits it gains .* points\. .* On digits `best` was held .* too: against the tuned `one_cycle` it", low
    )
    assert re.search(r"That is no high bar: on digits, against it `one_cycle` alone, tuned, gains [56]\.\d points\.", low)
    high = study(TUNED, "grid-tuned", effects | {"cosine": 0.04}, place="other")
    assert "no high bar" not in found_answer([test], [beside], high)
