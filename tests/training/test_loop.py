import importlib.util

import pytest
import torch

from uncertlr.config import preset
from uncertlr.data import DataSet, Split, train_batches
from uncertlr.errors import RunError
from uncertlr.estimators import Prediction
from uncertlr.runs.paths import project_folder
from uncertlr.seeding import derive_seed
from uncertlr.training.build import build, load_config_data
from uncertlr.training.loop import Evaluation, evaluate, train_epoch


def reference_loop():
    path = project_folder() / "benchmarks" / "reference_loop.py"
    spec = importlib.util.spec_from_file_location("reference_loop", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def random_images(count):
    stream = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=stream)
    split = Split(images, torch.randint(0, 10, (count,), generator=stream))
    names = tuple(str(index) for index in range(10))
    return DataSet("random", "image", names, split, split, split, "0" * 64, torch.full((3,), 0.5), torch.full((3,), 0.3))


@pytest.mark.slow
def test_twenty_steps_are_those_of_a_plain_loop():
    """From the same weights, batches and dropout seed, though the plain loop shares no code with the library."""
    data = random_images(20 * 32)
    config = preset("cifar10", batch_size=32, epochs=1, device="cpu")
    experiment = build(config, data)
    plain = reference_loop()
    network = plain.build_network()
    network.load_state_dict(
        dict(zip(network.state_dict(), (w.clone() for w in experiment.model.state_dict().values()), strict=True))
    )
    batches = [(batch.inputs, batch.targets) for batch in train_batches(data, 32, config.seed, 1, augment=True)]
    torch.set_flush_denormal(True)
    torch.manual_seed(derive_seed(config.seed, 1, "dropout"))
    theirs = plain.step_losses(network, batches)
    ours = train_epoch(experiment, 1)[0]["loss"].tolist()
    torch.set_flush_denormal(False)
    assert len(ours) == 20
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_an_epoch_leaves_the_global_stream_alone():
    experiment = build(preset("digits", "quick"), load_config_data(preset("digits", "quick")))
    before = torch.random.get_rng_state()
    train_epoch(experiment, 1)
    evaluate(experiment, experiment.data.val, 1, "val")
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", ["digits", "toy_reviews"])
def test_evaluation_is_in_the_splits_own_order_and_changes_nothing(name):
    config = preset(name, "quick")
    experiment = build(config, load_config_data(config))
    experiment.model.train()
    weights = {key: value.clone() for key, value in experiment.model.state_dict().items()}
    one = evaluate(experiment, experiment.data.val, 1, "val")
    two = evaluate(experiment, experiment.data.val, 1, "val")
    assert torch.equal(one.averaged.mean_probs, two.averaged.mean_probs)
    assert experiment.model.training
    assert all(torch.equal(value, weights[key]) for key, value in experiment.model.state_dict().items())
    val = experiment.data.val
    single = evaluate(experiment, Split(val.inputs[7:8], val.targets[7:8]), 1, "val")
    assert torch.allclose(single.deterministic.mean_probs[0], one.deterministic.mean_probs[7], atol=1e-5)


def test_a_row_has_both_predictions_and_counts_every_example():
    config = preset("digits", "quick")
    experiment = build(config, load_config_data(config))
    row = evaluate(experiment, experiment.data.val, 1, "val").row()
    for name in ("loss", "accuracy", "brier", "ece", "mce", "precision", "recall", "f1"):
        assert name in row
        assert f"mc_{name}" in row
    assert sum(row["bin_counts"]) == len(experiment.data.val)
    filled = [value for value, count in zip(row["bin_accuracy"], row["bin_counts"], strict=True) if count]
    assert None not in filled
    assert row["predictive_entropy"] == pytest.approx(row["expected_entropy"] + row["mutual_information"], abs=1e-5)


def test_predictions_that_are_no_numbers_have_no_scores():
    """A network that diverged in an epoch's last step is stopped in one line, and gets no row of scores."""
    broken = Prediction.from_logits(torch.full((2, 3, 4), torch.nan))
    with pytest.raises(RunError, match="nan"):
        Evaluation(broken, broken, torch.tensor([0, 1, 2])).row()
