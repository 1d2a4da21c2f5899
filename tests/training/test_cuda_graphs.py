import math
from contextlib import suppress

import numpy as np
import pytest
import torch

from uncertlr.config import RunConfig, preset
from uncertlr.errors import RunError
from uncertlr.runs.paths import RunPaths
from uncertlr.runs.store import read_run, read_trace
from uncertlr.training import cuda_graphs, step
from uncertlr.training.build import build, load_config_data
from uncertlr.training.loop import evaluate, fit, train_epoch
from uncertlr.training.progress import Callback, Reporter
from uncertlr.training.run import run
from uncertlr.training.step import can_record

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
RULES = [
    {},
    {"rule": "threshold", "threshold": 0.7},
    {"rule": "proportional", "signal": "mutual_information", "reference": 0.0, "warm_up": 5, "signal_every": 3},
    {"estimator": "variational", "dropout": 0.0, "num_samples": 4},
    {"estimator": "deterministic", "schedule": "cosine"},
]
RATE = 2.0**-10  # which float32 holds exactly


def images(device, **changes):
    """A CNN on the embedded digits, with crops; the last batch of an epoch is smaller than the others."""
    return preset("digits", "quick", augment=True, learning_rate=RATE, device=device, **changes)


def two_epochs(config):
    experiment = build(config, load_config_data(config))
    rows = [train_epoch(experiment, epoch) for epoch in (1, 2)]
    return experiment, {name: np.concatenate([trace[name] for trace, _ in rows]) for name in rows[0][0]}


def same(one, two):
    weights = zip(one[0].model.state_dict().values(), two[0].model.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in weights) and all(
        np.array_equal(one[1][name], two[1][name], equal_nan=True) for name in one[1]
    )


def test_steps_that_wait_for_a_recording_are_those_of_the_plain_loop(monkeypatch):
    """Same batches, same random numbers; a rate in float32 where float32 holds it."""
    plain = two_epochs(images("cpu"))
    monkeypatch.setattr(step, "can_record", lambda experiment: True)
    monkeypatch.setattr(cuda_graphs, "WARM_UP", math.inf)
    waiting = two_epochs(images("cpu"))
    assert waiting[0].recorded.taken == len(waiting[1]["step"])
    assert plain[0].recorded is None
    assert same(plain, waiting)
    assert waiting[0].optimizer.param_groups[0]["lr"] == RATE


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=needs_gpu)])
def device(request, monkeypatch):
    """Where steps are recorded; on a processor they wait for it for ever."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    if request.param == "cpu":
        monkeypatch.setattr(step, "can_record", lambda experiment: True)
        monkeypatch.setattr(cuda_graphs, "WARM_UP", math.inf)
    return request.param


class StoppedError(Exception):
    pass


def fitted(config, paths, stop_after=None):
    """The experiment, and the epochs that it trained."""
    epochs = []

    class Watch(Callback):
        def epoch(self, train, val, trace):
            epochs.append(train["epoch"])
            if train["epoch"] == stop_after:
                raise StoppedError

    paths.weights("best").parent.mkdir(parents=True, exist_ok=True)
    experiment = build(config, load_config_data(config))
    with suppress(StoppedError):
        fit(experiment, paths, Reporter(config, [Watch()]))
    return experiment, epochs


def test_a_run_that_was_stopped_goes_on_with_recorded_steps_as_if_it_had_not_been(device, tmp_path):
    config = images(device, epochs=3, rule="threshold", threshold=0.7)
    whole, stopped = (RunPaths(tmp_path / name, config.run_id) for name in ("whole", "stopped"))
    expected, _ = fitted(config, whole)
    assert fitted(config, stopped, stop_after=1)[1] == [1]
    resumed, epochs = fitted(config, stopped)
    assert epochs == [2, 3]
    assert same((expected, read_trace(whole)), (resumed, read_trace(stopped)))


def test_a_recorded_signal_value_that_a_rule_refuses_stops_the_run_and_moves_no_rate(device):
    config = images(device, rule="threshold", threshold=0.7)
    experiment = build(config, load_config_data(config))
    train_epoch(experiment, 1)
    rate, factor = experiment.optimizer.param_groups[0]["lr"], experiment.scheduler.factor
    with torch.no_grad():
        next(experiment.model.parameters()).fill_(math.nan)
    with pytest.raises(RunError, match="2.*0.*nan"):
        train_epoch(experiment, 2)
    assert experiment.optimizer.param_groups[0]["lr"] == rate
    assert experiment.scheduler.factor == factor


@needs_gpu
@pytest.mark.parametrize("rule", RULES)
def test_recorded_steps_are_the_plain_ones_bit_for_bit(rule, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    replayed = two_epochs(images("cuda", **rule))
    monkeypatch.setattr(cuda_graphs, "WARM_UP", math.inf)
    plain = two_epochs(images("cuda", **rule))
    assert plain[0].recorded.recordings == {}
    assert replayed[0].recorded.recordings
    assert same(plain, replayed)


@needs_gpu
def test_a_gpu_trains_as_a_processor_does():
    """Other random numbers, so no more than the same level."""
    losses = []
    for device in ("cpu", "cuda"):
        experiment, _ = two_epochs(images(device))
        losses.append(evaluate(experiment, experiment.data.test, 2, "test").row()["loss"])
    assert losses[0] == pytest.approx(losses[1], abs=0.1)
    assert max(losses) < math.log(10)


@needs_gpu
def test_a_run_on_a_gpu_is_whole_repeats_itself_and_replays_its_own_trace(tmp_path, monkeypatch):
    """With cuDNN's slower deterministic kernels; with its usual ones two runs agree to rounding."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    config = images("cuda", rule="threshold", threshold=0.7, root=str(tmp_path / "one"))
    first = read_run(run(config))
    again = read_run(run(config.replace(root=str(tmp_path / "two"))))
    assert first.record["device"].startswith("cuda")
    assert first.summary["test"] == again.summary["test"]
    replay = images("cuda", rule="replay", donors=[config.run_id], root=config.root)
    assert read_run(run(replay)).summary["test"] == first.summary["test"]


@needs_gpu
def test_texts_are_trained_on_a_gpu_by_plain_steps(tmp_path):
    config = preset("toy_reviews", "quick", device="cuda", root=str(tmp_path))
    assert read_run(run(config)).summary["test"]["accuracy"] > 0.6


@pytest.mark.parametrize(
    ("changes", "possible"),
    [({}, True), ({"signal_source": "probe"}, False), ({"estimator": "analytic_dropout"}, False)],
)
def test_what_can_be_recorded(changes, possible):
    """On a GPU; here there may be none, so the device is all that is pretended."""
    config: RunConfig = images("cpu", **changes)
    experiment = build(config, load_config_data(config))
    assert not can_record(experiment)
    pretended = type("OnGPU", (type(experiment),), {"device": torch.device("cuda")})
    experiment.__class__ = pretended
    assert can_record(experiment) == possible
