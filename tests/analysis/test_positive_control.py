"""The positive control, in short: feedback that helps is found, a planted null is not, and pairs share what they should."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from uncertlr.analysis import positive_control
from uncertlr.analysis.paired import Comparison, Interval, paired_interval
from uncertlr.analysis.positive_control import (
    Design,
    Repetition,
    Trained,
    draw_stream,
    repeat_once,
    repeat_study,
    summary_of,
    train,
    tune_constant,
)
from uncertlr.runs.paths import project_folder
from uncertlr.schedulers import Replay

DESIGN = Design()
SHORT = replace(DESIGN, steps=60)
CONSTANT_RATE = 0.01
SEEDS = range(930_000, 930_010)
"""Of neither the pilot nor the study."""


@pytest.mark.slow
def test_feedback_that_helps_is_found_and_the_signal_of_another_run_is_not_said_to_help():
    repetition = repeat_once(DESIGN, SEEDS, CONSTANT_RATE)
    assert repetition.detected
    assert {each.outcome for each in repetition.feedback.values()} == {"helps"}
    assert all(each.difference.low > 0 for each in repetition.feedback.values())
    assert not repetition.false_alarm
    assert repetition.null.difference.low < 0 < repetition.null.difference.high


def test_the_ring_of_source_runs():
    """The next seed's run is replayed; for the null the one after the next but one; for the mean curve all others."""
    short, seeds = replace(DESIGN, steps=15), range(4)
    own = {seed: train(short, seed, short.rule, short.learning_rate) for seed in seeds}

    def scores(factors):
        runs = {seed: train(short, seed, Replay(tuple(factors(seed))), short.learning_rate) for seed in seeds}
        return np.array([run.accuracy for run in runs.values()])

    rule = np.array([run.accuracy for run in own.values()])
    yoked, other_signal = scores(lambda seed: own[(seed + 1) % 4].factors), scores(lambda seed: own[(seed + 3) % 4].factors)
    others = {seed: np.log([own[each].factors for each in seeds if each != seed]) for seed in seeds}
    mean_curve = scores(lambda seed: np.exp(others[seed].mean(axis=0)).tolist())
    found = repeat_once(short, seeds, CONSTANT_RATE)
    assert found.feedback["yoked"].difference.estimate == pytest.approx((rule - yoked).mean(), abs=1e-6)
    assert found.feedback["mean_curve"].difference.estimate == pytest.approx((rule - mean_curve).mean(), abs=1e-6)
    assert found.null.difference.estimate == pytest.approx((other_signal - yoked).mean(), abs=1e-6)


def test_pairs_of_the_planted_null_share_a_curve_where_they_are_two_seeds_apart(monkeypatch):
    """A replay is worth its curve, and curves change slowly along the ring, so that such pairs go together."""
    worth = 2 + np.cos(2 * np.pi * np.arange(10) / 10)

    def fitted(design, seed, rule, learning_rate):
        return Trained(rule.factors[0] if isinstance(rule, Replay) else 0.0, (worth[seed],))

    monkeypatch.setattr(positive_control, "train", fitted)
    found = repeat_once(DESIGN, range(10), CONSTANT_RATE).null.difference
    differences = np.roll(worth, -3) - np.roll(worth, -1)
    assert found == paired_interval(differences, rotation=2)
    assert all(found != paired_interval(differences, rotation=other) for other in (0, 1, 3, 4, 5))


def test_the_classes_change_once_at_a_step_of_the_runs_own():
    streams = [draw_stream(DESIGN, seed) for seed in range(20)]
    changes = [stream.change for stream in streams]
    assert min(changes) >= 0.2 * DESIGN.steps
    assert max(changes) <= 0.8 * DESIGN.steps
    assert np.std(changes) > 40
    noise = np.mean([(stream.targets != stream.labels).float().mean() for stream in streams])
    assert noise == pytest.approx(0.4 * 0.9, abs=0.01)


def test_replaying_a_runs_own_factors_gives_that_run():
    run = train(SHORT, 0, SHORT.rule, SHORT.learning_rate)
    assert len(set(run.factors)) > 10
    assert train(SHORT, 0, Replay(run.factors), SHORT.learning_rate) == run


def test_a_constant_rate_is_a_factor_of_one_and_the_random_state_stays():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    constant = train(SHORT, 0, None, SHORT.learning_rate)
    assert torch.equal(torch.get_rng_state(), before)
    assert set(constant.factors) == {1.0}
    assert constant == train(SHORT, 0, Replay((1.0,) * SHORT.steps), SHORT.learning_rate)


def test_the_accuracy_counts_right_answers_also_where_labels_are_random():
    """A network that learns ten classes beats chance by far, and is right less often the more labels are random."""
    clean, noisy = (train(replace(SHORT, label_noise=noise), 0, None, CONSTANT_RATE).accuracy for noise in (0.0, 0.4))
    assert 0.5 < noisy < clean < 0.9


def test_the_best_constant_rate_is_chosen():
    assert tune_constant(replace(SHORT, steps=150), [1e-5, 1e-2], [0, 1]) == 1e-2


def test_workers_give_the_same_repetitions():
    short = replace(DESIGN, steps=5)
    repetitions = repeat_study(short, 2, CONSTANT_RATE, 40)
    assert repeat_study(short, 2, CONSTANT_RATE, 40, workers=2) == repetitions
    assert [each.seeds for each in repetitions] == [tuple(range(40, 50)), tuple(range(50, 60))]


def comparison(outcome):
    interval = Interval(0.01, 0.0, 0.02, 10)
    return Comparison(interval, interval, 0.01, 0.02, 0.5, outcome)


@pytest.mark.parametrize(
    ("yoked", "mean_curve", "null", "detected", "alarms"),
    [
        ("helps", "helps", "inconclusive", 1, 0),
        ("helps", "inconclusive", "harms", 0, 1),
        ("inconclusive", "helps", "helps", 0, 1),
        ("equivalent", "harms", "equivalent", 0, 0),
    ],
)
def test_detections_and_false_alarms_are_counted(yoked, mean_curve, null, detected, alarms):
    feedback = {"yoked": comparison(yoked), "mean_curve": comparison(mean_curve)}
    found = summary_of([Repetition(tuple(SEEDS), feedback, comparison(null), comparison("helps"))])
    assert (found["detected"], found["false_alarms"], found["helps_against_constant"]) == (detected, alarms, 1)
    assert found["rows"][0]["first_seed"] == SEEDS[0]
    assert found["rows"][0]["yoked"]["points"] == pytest.approx(1.0)


def test_the_stored_study_is_of_this_design_and_succeeded_as_the_protocol_asks():
    stored = json.loads((project_folder() / "results" / "positive_control.json").read_text("utf-8"))
    assert stored["design"] == json.loads(json.dumps(asdict(DESIGN)))
    assert [row["first_seed"] for row in stored["rows"]] == list(range(0, 500, 10))
    helped = [all(row[name]["outcome"] == "helps" for name in ("yoked", "mean_curve")) for row in stored["rows"]]
    alarms = [row["null"]["outcome"] in ("helps", "harms") for row in stored["rows"]]
    assert (sum(helped), sum(alarms)) == (stored["detected"], stored["false_alarms"])
    assert stored["detected"] >= 40
    assert stored["false_alarms"] <= 3


def test_the_stream_of_the_stored_repetitions_stays_as_it_is():
    stream = draw_stream(Design(), 0)
    assert stream.change == 115
    assert (int(stream.labels.sum()), int(stream.targets.sum())) == (58023, 57380)
    assert float(stream.inputs.double().sum()) == pytest.approx(4591.9607, abs=0.01)
