"""The benchmarks measure what they say; nothing here is timed."""

import dataclasses
import json
import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import first_result
from benchmarks.costs import __main__ as command
from benchmarks.costs import book, clock, growth, limits, peers, scaling, signal, subjects, trainers
from benchmarks.costs.epoch import bare_epoch, epoch_limit
from benchmarks.tables import FILE, FILE_OF_WHOLE_EPOCHS
from uncertlr.cli.app import parse
from uncertlr.config import preset
from uncertlr.data import Split, train_batches
from uncertlr.models import CNN, LSTMClassifier
from uncertlr.runs.index import list_runs
from uncertlr.runs.paths import project_folder
from uncertlr.training.build import build, load_config_data
from uncertlr.training.loop import train_epoch


def test_tasks_take_turns_and_the_warm_up_is_dropped():
    order = []
    laps = clock.in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3, warm_up=1)
    assert order == ["a", "b"] * 4
    assert {name: len(each) for name, each in laps.items()} == {"a": 3, "b": 3}


def test_a_ratio_is_the_median_of_ratios_within_rounds():
    laps = {"a": [(2.0, 1.0), (6.0, 1.0), (40.0, 1.0)], "b": [(1.0, 4.0), (2.0, 2.0), (10.0, 1.0)]}
    row = clock.ratio_row("name", laps, "a", "b", at_least=2, scale=10, note="why")
    assert row["processor"] == {"value": 30.0, "spread": [25.0, 35.0]}
    assert row["wall"]["value"] == 5.0
    assert (row["at_least"], row["note"], row["rounds"], "at_most" in row) == (2, "why", 3, False)


def test_the_build_that_is_timed_is_a_command_and_its_changed_page_is_there():
    assert book.BUILD[:2] == ("-m", "uncertlr")
    parse(book.BUILD[2:])
    assert (project_folder() / book.CHANGED).is_file()


def test_points_become_lines_of_medians_with_their_quartiles():
    points = [
        {"step": {"seconds": 0.002, "spread": [0.001, 0.004]}, "estimate": {"seconds": 0.5, "spread": [0.5, 0.5]}},
        {"step": {"seconds": 0.003, "spread": [0.003, 0.005]}, "estimate": None},
    ]
    lines = growth.lines_of(points, "milliseconds")
    assert lines["milliseconds"] == {"step": [2, 3], "estimate": [500, None]}
    assert lines["spread"] == {"step": [[1, 4], [3, 5]], "estimate": [[500, 500], None]}
    assert growth.lines_of(points[:1], "seconds")["seconds"]["step"] == [0.002]


def test_less_effort_is_fewer_rounds_and_never_none():
    assert [clock.Effort(share).rounds(9) for share in (1, 0.3, 0.01, 2)] == [9, 3, 1, 18]


def test_the_hardware_limits_count_what_torch_counts():
    model, pictures = CNN(32, 3, 10), torch.randn(2, 3, 32, 32)
    with FlopCounterMode(display=False) as forward:
        loss = model(pictures).sum()
    assert limits.cnn_pass(2)["operations"] == forward.get_total_flops()
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    assert limits.cnn_step(2)["operations"] == forward.get_total_flops() + backward.get_total_flops()
    weights = sum(parameter.numel() for parameter in model.parameters() if parameter.ndim > 1)
    assert weights == limits.CNN_PARAMETERS
    lstm = LSTMClassifier(20_000, 2)
    assert sum(each.numel() for each in [lstm.embedding.weight, *lstm.lstm.parameters()] if each.ndim > 1) == (
        limits.LSTM_PARAMETERS
    )


def test_the_limit_of_an_epoch_is_that_of_its_steps():
    data = subjects.random_data("imdb")
    inputs = data.train.inputs.repeat(2, 1)
    inputs[::2, 10:] = 0
    data = dataclasses.replace(data, train=Split(inputs, data.train.targets.repeat(2)))
    epoch, steps = epoch_limit("imdb", data), [limits.lstm_step(64, length) for length in (200, 10)]
    assert epoch["operations"] == limits.together(*steps)["operations"]
    assert epoch == limits.repeated(2, limits.lstm_step(64, 105))


def test_the_limit_of_a_peer_is_its_passes_unless_it_keeps_their_products():
    modes = ("baal, MCCachingModule of MCDropoutModule, a loop over samples", "baal, MCDropoutModule, a loop over samples")
    for kind, keeps in (("cifar10", True), ("imdb", False)):
        known = signal._limits(kind, modes)
        kept, repeated = (known[mode]["operations"] for mode in modes)
        assert repeated == subjects.SAMPLES * known[signal.TRUNK]["operations"]
        assert kept == (known["observation on a fresh batch"]["operations"] if keeps else repeated)


@pytest.mark.parametrize(("arguments", "file"), [(["epoch"], FILE), (["epoch", "--whole"], FILE_OF_WHOLE_EPOCHS)])
def test_figures_go_into_their_file_with_the_checkout_as_it_was_before(arguments, file, tmp_path, monkeypatch):
    measured = {"rows": [], "times": {}, "environment": {"git": "changed by the figures"}}
    monkeypatch.setattr(command, "results_folder", lambda: tmp_path)
    monkeypatch.setattr(command, "_in_own_process", lambda name, options: measured)
    monkeypatch.setattr(command.provenance, "environment", lambda device: {"git": "as it was"})
    monkeypatch.setattr("sys.argv", ["costs", *arguments])
    command.main()
    assert [path.name for path in tmp_path.iterdir()] == [file]
    assert json.loads((tmp_path / file).read_text())["groups"]["epoch"]["environment"]["git"] == "as it was"


def test_the_bare_loop_trains_as_the_library_does():
    config = preset("digits", "quick", train_examples=300, estimator="deterministic", dropout=0.0, device="cpu")
    data = load_config_data(config)
    ours, bare = build(config, data), build(config, data)
    train_epoch(ours, 1)
    bare_epoch(bare.model, bare.optimizer, list(train_batches(data, config.batch_size, config.seed, 1, config.augment)))
    for mine, other in zip(ours.model.state_dict().values(), bare.model.state_dict().values(), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("kind", ["cifar10", "imdb"])
def test_both_estimates_are_those_of_full_passes(kind):
    torch.manual_seed(0)
    subject = subjects.experiment(kind)
    model, inputs = subject.model.eval(), subjects.one_batch(subject).inputs[:8]
    model.head.train()
    with torch.no_grad():
        passes = torch.stack([model(inputs) for _ in range(subjects.SAMPLES)])
    expected = signal.entropy(passes) / math.log(10 if kind == "cifar10" else 2)
    for read in signal.ours(model, inputs).values():
        assert read() == pytest.approx(expected, abs=0.01)


def test_the_peers_examples_are_those_of_the_data_set():
    data = subjects.random_data("imdb")
    data.train.inputs[0, 3:] = 0
    inputs, labels = trainers.collate([trainers.Examples(data)[index] for index in (0, 1)])
    assert inputs.shape == (2, subjects.LENGTH)
    assert torch.equal(inputs, data.train.inputs[:2].long())
    assert torch.equal(labels, data.train.targets[:2])
    pictures, _ = trainers.collate([trainers.Examples(subjects.random_data("cifar10"))[0]])
    assert pictures.shape == (1, 3, 32, 32)
    assert pictures.dtype == torch.float32


def test_peers_pad_more_where_lengths_differ():
    data = subjects.random_data("imdb")
    inputs = data.train.inputs.repeat(2, 1)
    inputs[::2, 10:] = 0
    data = dataclasses.replace(data, train=Split(inputs, data.train.targets.repeat(2)))
    assert trainers.padding_over_ours(data) == 2 * 64 * 200 / (64 * 200 + 64 * 10)


def test_a_missing_environment_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "project_folder", lambda: tmp_path)
    with pytest.raises(SystemExit, match="make bench"):
        peers.interpreter()


def test_the_first_result_is_the_first_that_is_shown(tmp_path):
    cells = ["import time\nwhile time.process_time() < 1: pass", "'shown'", f"open({str(tmp_path / 'later')!r}, 'w')"]
    assert 0.1 < first_result.first_result(cells) < 1.5
    assert not (tmp_path / "later").exists()


def test_a_closed_form_that_is_refused_has_no_time():
    found = scaling._at_classes(clock.Effort(0.01), 5_000)
    assert found["closed form"] is None
    for task in ("masks for each example", "training step"):
        low, high = found[task]["spread"]
        assert 0 < low <= found[task]["seconds"] <= high


def test_the_runs_that_are_listed_are_as_many_as_the_curve_says(tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "STORED_RUNS", [1, 3])
    monkeypatch.setenv("UNCERTLR_RESULTS", str(tmp_path / "none"))
    listed = []
    monkeypatch.setattr(scaling, "list_runs", lambda root: listed.append(list_runs(root)))
    scaling._stored_runs(clock.Effort(0.01), tmp_path)
    assert [len(table) for table in listed] == [1, 1, 3, 3]  # the first of each is the warm-up
    assert set(listed[-1]["status"]) == {"completed"}
