"""The arms of the protocol as runs: controls that replay, signals from other batches, and what cannot be combined."""

import numpy as np
import pytest
import torch

from uncertlr.config import preset
from uncertlr.errors import ConfigError, RunError
from uncertlr.runs.archive import publish
from uncertlr.runs.files import load_state
from uncertlr.runs.saturation import NOTES, saturated_bound
from uncertlr.runs.store import read_run, whole_trace
from uncertlr.schedulers import BoldDriver, Bounds, Integral, Inverted, PowerLaw, RelativeThreshold, Threshold, simulate
from uncertlr.training.build import build, load_config_data
from uncertlr.training.rules import build_rule
from uncertlr.training.run import run

BASE = preset("digits", "quick", epochs=2, progress="quiet")
RELATIVE = BASE.replace(rule="relative", scale=1.0, memory=10)


def finished(config):
    return read_run(run(config))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"rule": "none"}, None),
        (
            {"rule": "threshold", "threshold": 0.7, "decrease": 0.6, "increase": 1.2, "dead_band": 0.1, "decide_every": 4},
            Threshold(0.7, 0.6, 1.2, Bounds(0.1, 3.0), dead_band=0.1, every=4),
        ),
        (
            {"rule": "relative", "relative_to": "quantile", "scale": 1.3, "quantile": 0.9, "memory": 7.0, "dead_band": 0.1},
            RelativeThreshold("quantile", 1.3, 0.9, 7.0, bounds=Bounds(0.1, 3.0), dead_band=0.1),
        ),
        (
            {"rule": "power_law", "exponent": 2.0, "reference": 0.0, "warm_up": 3, "smoothing": 0.5},
            PowerLaw(2.0, 0.0, 3, 0.5, Bounds(0.1, 3.0)),
        ),
        ({"rule": "integral", "set_point": 0.3, "gain": 0.2}, Integral(0.3, 0.2, Bounds(0.1, 3.0))),
        ({"rule": "bold_driver", "signal": "loss", "decide_every": 0}, BoldDriver(bounds=Bounds(0.1, 3.0), every=20)),
        ({"rule": "relative", "inverted": True}, Inverted(RelativeThreshold(scale=1.1, bounds=Bounds(0.1, 3.0)))),
        ({"rule": "threshold", "inverted": True, "threshold": 0.3}, Inverted(Threshold(0.7, bounds=Bounds(0.1, 3.0)))),
    ],
)
def test_every_setting_reaches_its_rule(changes, rule):
    assert build_rule(BASE.replace(min_factor=0.1, max_factor=3.0, **changes), 20) == rule


@pytest.mark.parametrize("signal_every", [1, 4])
def test_replaying_a_runs_own_trace_gives_that_run_bit_for_bit(signal_every):
    config = RELATIVE.replace(signal_every=signal_every)
    source = finished(config)
    assert len(set(source.trace["factor"].to_numpy().tolist())) > 5
    replayed = finished(config.without_rule().replace(rule="replay", donors=[config.run_id]))
    for name, values in source.trace.items():
        np.testing.assert_array_equal(values, replayed.trace[name], err_msg=name)
    one, two = (load_state(each.paths.weights("last"))["model"] for each in (source, replayed))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_published_source_run_serves_as_well_as_a_local_one(tmp_path):
    source = finished(RELATIVE)
    publish([source], "sources")
    elsewhere = BASE.replace(rule="replay", donors=[RELATIVE.run_id], root=str(tmp_path / "elsewhere"))
    replayed = finished(elsewhere)
    np.testing.assert_array_equal(source.trace["factor"].to_numpy(), replayed.trace["factor"].to_numpy())
    restored = read_run(source.paths.__class__(tmp_path / "elsewhere", RELATIVE.run_id))
    np.testing.assert_array_equal(whole_trace(restored)["signal"], source.trace["signal"].to_numpy())


def test_mean_curve_is_the_geometric_mean_of_its_source_runs():
    sources = [RELATIVE, RELATIVE.replace(seed=1)]
    traces = [finished(each).trace["factor"].to_numpy() for each in sources]
    mean = finished(BASE.replace(rule="replay", seed=2, donors=[each.run_id for each in sources]))
    np.testing.assert_allclose(mean.trace["factor"].to_numpy(), np.sqrt(traces[0] * traces[1]), rtol=1e-12)


def test_shuffled_is_the_rule_on_the_runs_own_signal_in_another_order():
    source = finished(RELATIVE)
    shuffled = finished(BASE.replace(rule="shuffled", donors=[RELATIVE.run_id]))
    factors = shuffled.trace["factor"].to_numpy()
    assert factors[0] == 1.0
    assert not np.array_equal(factors, source.trace["factor"].to_numpy())
    between = (factors[1:] > 0.011) & (factors[1:] < 9.9)
    moves = np.diff(np.log(factors))[between & (factors[:-1] > 0.011) & (factors[:-1] < 9.9)]
    assert set(np.round(moves, 6)) <= {0.0, *np.round(np.log([0.5, 1.1]), 6)}


def test_observations_every_few_steps_are_shuffled_and_the_steps_between_are_not():
    config = RELATIVE.replace(signal_every=4, decide_every=0)
    finished(config)
    shuffled = finished(config.without_rule().replace(rule="shuffled", donors=[config.run_id]))
    decisions = np.flatnonzero(np.diff(shuffled.trace["factor"].to_numpy())) + 1
    assert decisions.tolist() == [21]  # 6 observations per epoch, the last at step 20: one decision, on their mean


def test_a_missing_source_run_is_named():
    with pytest.raises(RunError, match="nobody"):
        run(BASE.replace(rule="replay", donors=["nobody"]))


class TestReplaysOfAnotherLength:
    def test_a_stretched_replay_has_the_curve_of_its_source_over_progress(self):
        source = finished(RELATIVE)
        longer = finished(BASE.replace(rule="replay", donors=[RELATIVE.run_id], stretch=True, epochs=3))
        logs, stretched = np.log(source.trace["factor"].to_numpy()), np.log(longer.trace["factor"].to_numpy())
        assert len(stretched) == 1.5 * len(logs)
        expected = np.interp(np.linspace(0, 1, len(stretched)), np.linspace(0, 1, len(logs)), logs)
        np.testing.assert_allclose(stretched, expected, atol=1e-12)

    def test_stretching_to_the_same_length_changes_no_bit(self):
        source = finished(RELATIVE)
        replayed = finished(BASE.replace(rule="replay", donors=[RELATIVE.run_id], stretch=True))
        np.testing.assert_array_equal(source.trace["learning_rate"].to_numpy(), replayed.trace["learning_rate"].to_numpy())
        np.testing.assert_array_equal(source.trace["loss"].to_numpy(), replayed.trace["loss"].to_numpy())

    def test_another_length_is_refused_unless_it_is_stretched(self):
        finished(RELATIVE)
        with pytest.raises(ConfigError, match="42.*63"):
            run(BASE.replace(rule="replay", donors=[RELATIVE.run_id], epochs=3))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rule": "replay"}, "source_runs"),
        ({"rule": "threshold", "donors": ["x"]}, "source_runs=.*x"),
        ({"donors": ["x"]}, "rule='none'"),
        ({"rule": "integral", "flip": True}, "rule='integral'"),
        ({"flip": True}, "rule='none'"),
        ({"rule": "threshold", "signal": "loss"}, "rule='bold_driver'"),
        ({"rule": "threshold", "stretch": True}, "stretch=True.*rule='threshold'"),
    ],
)
def test_what_cannot_be_combined(changes, words):
    with pytest.raises(ConfigError, match=words):
        build_rule(BASE.replace(**changes), 20)


def test_bold_driver_follows_the_loss():
    driven = finished(BASE.replace(rule="bold_driver", signal="loss"))
    np.testing.assert_array_equal(driven.trace["signal"].to_numpy(), driven.trace["loss"].to_numpy())
    rule = build_rule(driven.config, 21)
    factors = [1.0, *simulate(rule, driven.trace["signal"].to_numpy().astype(float).tolist())][:-1]
    assert driven.trace["factor"].to_numpy().tolist() == pytest.approx(factors)


def test_a_probe_batch_is_observed_instead_of_the_training_batch():
    config = RELATIVE.replace(signal_source="probe", estimator="analytic_dropout")
    experiment = build(config, load_config_data(config))
    torch.testing.assert_close(experiment.probe.targets, experiment.data.val.targets[: config.batch_size])
    probed, batches = finished(config), finished(RELATIVE.replace(estimator="analytic_dropout"))
    assert not np.array_equal(probed.trace["signal"].to_numpy(), batches.trace["signal"].to_numpy())
    # closed form on a fixed batch: far smoother than the signal of changing batches
    assert (
        np.abs(np.diff(probed.trace["signal"].to_numpy())).mean()
        < np.abs(np.diff(batches.trace["signal"].to_numpy())).mean()
    )


def test_observations_every_few_steps_leave_the_steps_between_alone():
    sparse = finished(RELATIVE.replace(signal_every=5))
    steps = np.arange(21)
    observed = np.tile(steps % 5 == 0, 2)
    np.testing.assert_array_equal(np.isfinite(sparse.trace["signal"].to_numpy()), observed)
    changed = np.flatnonzero(np.diff(sparse.trace["factor"].to_numpy())) + 1
    assert set(changed - 1) <= set(np.flatnonzero(observed))


def test_once_an_epoch_counts_the_observations_of_an_epoch():
    assert build_rule(BASE.replace(rule="threshold", decide_every=0, signal_every=5), 21).every == 5
    assert build_rule(BASE.replace(rule="threshold", decide_every=0), 21).every == 21


@pytest.mark.parametrize(
    ("rule", "settings"),
    [("proportional", {"decide_every": 0}), ("integral", {"dead_band": 0.1}), ("bold_driver", {"dead_band": 0.1})],
)
def test_a_setting_that_a_rule_does_not_have_is_refused(rule, settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        build_rule(BASE.replace(rule=rule, **settings), 20)


def test_inverted_mirrors_the_report():
    plain, inverted = (
        build_rule(BASE.replace(rule="threshold", threshold=0.3, inverted=each), 20) for each in (False, True)
    )
    assert simulate(plain, [0.9, 0.1]) == pytest.approx([0.5, 0.55])
    assert simulate(inverted, [0.9, 0.1]) == pytest.approx([1.1, 0.55])


def test_a_rate_at_its_bound_is_warned_of(capsys):
    config = BASE.replace(rule="threshold", progress="text")
    assert saturated_bound(finished(config).summary["rate"]) == "lower"
    assert NOTES["lower"] in capsys.readouterr().out
    run(BASE.replace(progress="text"))
    assert not any(note in capsys.readouterr().out for note in NOTES.values())


@pytest.mark.parametrize(
    ("shares", "bound"),
    [((0.2, 0.3), ""), ((0.5, 0.5), ""), ((0.51, 0.49), "lower"), ((0.0, 0.8), "upper")],
)
def test_a_rate_saturates_at_the_bound_where_it_is_for_more_than_half_of_the_steps(shares, bound):
    assert saturated_bound(dict(zip(("at_floor", "at_ceiling"), shares, strict=True))) == bound
    assert saturated_bound({}) == ""
