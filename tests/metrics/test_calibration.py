import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_calibration_error

from uncertlr.metrics import (
    bootstrap_intervals,
    expected_calibration_error,
    maximum_calibration_error,
    reliability_curve,
    scores,
)
from uncertlr.metrics.resampling import bootstrap_counts

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def sample(count, num_classes, seed=0, scale=2.0):
    stream = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, num_classes, generator=stream, dtype=torch.float64) * scale
    return logits.softmax(1), torch.randint(0, num_classes, (count,), generator=stream)


def binary(confidences, hits):
    """Two-class predictions with these top probabilities, right or wrong."""
    top = torch.tensor(confidences, dtype=torch.float64)
    return torch.stack([top, 1 - top], 1), torch.tensor([0 if hit else 1 for hit in hits])


def brute_force(probs, targets, num_bins):
    confidence, predicted = probs.max(1)
    ece, mce = 0.0, 0.0
    for k in range(num_bins):
        inside = [i for i, c in enumerate(confidence.tolist()) if k / num_bins < c <= (k + 1) / num_bins]
        if inside:
            gap = abs(np.mean([confidence[i] for i in inside]) - np.mean([predicted[i] == targets[i] for i in inside]))
            ece, mce = ece + gap * len(inside) / len(confidence), max(mce, gap)
    return ece, mce


@given(st.integers(1, 40), st.integers(2, 6), st.integers(1, 20), st.integers(0, 10_000))
def test_against_brute_force(count, num_classes, num_bins, seed):
    probs, targets = sample(count, num_classes, seed)
    curve = reliability_curve(probs, targets, num_bins)
    ece, mce = brute_force(probs, targets, num_bins)
    assert float(expected_calibration_error(curve)) == pytest.approx(ece, abs=1e-9)
    assert float(maximum_calibration_error(curve)) == pytest.approx(mce, abs=1e-9)
    assert int(curve.counts.sum()) == count


@pytest.mark.parametrize(("norm", "ours"), [("l1", expected_calibration_error), ("max", maximum_calibration_error)])
@given(count=st.integers(1, 300), num_classes=st.integers(2, 10), num_bins=st.integers(1, 20), seed=st.integers(0, 10_000))
def test_against_torchmetrics(norm, ours, count, num_classes, num_bins, seed):
    probs, targets = sample(count, num_classes, seed, scale=1.0)
    theirs = multiclass_calibration_error(probs.float(), targets, num_classes, n_bins=num_bins, norm=norm)
    assert float(ours(reliability_curve(probs, targets, num_bins))) == pytest.approx(float(theirs), abs=1e-5)


@pytest.mark.filterwarnings("ignore")  # of the packages that netcal brings along
@given(st.integers(1, 200), st.integers(2, 6), st.integers(1, 20), st.integers(0, 10_000))
@settings(deadline=None, max_examples=40)
def test_against_netcal(count, num_classes, num_bins, seed):
    theirs = pytest.importorskip("netcal.metrics", reason="the package netcal is not installed")
    probs, targets = sample(count, num_classes, seed)
    confidence, correct = probs.max(1).values.numpy(), (probs.argmax(1) == targets).numpy()
    curve = reliability_curve(probs, targets, num_bins)
    for ours, measure in ((expected_calibration_error, theirs.ECE), (maximum_calibration_error, theirs.MCE)):
        assert float(ours(curve)) == pytest.approx(measure(num_bins).measure(confidence, correct), abs=1e-6)


def test_full_confidence_falls_in_the_last_bin():
    """Torchmetrics gives it a bin of its own and so another error: 0.505 where the definition gives 0.495."""
    probs, targets = binary([1.0, 0.99], [False, True])
    curve = reliability_curve(probs, targets, 10)
    assert curve.counts.tolist() == [0] * 9 + [2]
    assert float(expected_calibration_error(curve)) == pytest.approx(0.495)
    theirs = multiclass_calibration_error(probs.float(), targets, 2, n_bins=10)
    assert float(theirs) == pytest.approx(0.505, abs=1e-6)


@pytest.mark.parametrize("num_bins", [1, 2, 10, 15, 25, 39, 60])
def test_edges_belong_to_the_bin_below(num_bins):
    """Also where k/n * n is not k in floating point, as for 25/39, and to the last bit above an edge."""
    for k in range(num_bins // 2 + 1, num_bins + 1):
        edge = k / num_bins
        curve = reliability_curve(*binary([edge], [True]), num_bins)
        assert curve.counts.nonzero().tolist() == [[k - 1]]
        assert curve.edges[k] == edge
        if k < num_bins:
            assert reliability_curve(*binary([np.nextafter(edge, 2)], [True]), num_bins).counts[k] == 1


def test_by_hand():
    probs, targets = binary([0.7, 0.7, 0.9, 0.9], [True, False, True, True])
    curve = reliability_curve(probs, targets, 10)
    assert float(expected_calibration_error(curve)) == pytest.approx(0.5 * 0.2 + 0.5 * 0.1)
    assert float(maximum_calibration_error(curve)) == pytest.approx(0.2)
    assert curve.confidence[6].item() == pytest.approx(0.7)
    assert curve.accuracy[6].item() == 0.5
    assert torch.isnan(curve.confidence[0])


def test_a_minimum_count_leaves_small_bins_out():
    probs, targets = binary([0.95, 0.65, 0.65], [False, True, True])
    curve = reliability_curve(probs, targets, 10)
    assert float(maximum_calibration_error(curve)) == pytest.approx(0.95)
    assert float(maximum_calibration_error(curve, min_count=2)) == pytest.approx(0.35)
    assert torch.isnan(maximum_calibration_error(curve, min_count=3))


def test_one_example():
    probs, targets = binary([0.8], [True])
    curve = reliability_curve(probs, targets)
    assert float(expected_calibration_error(curve)) == pytest.approx(0.2)


def test_perfect_calibration_has_the_known_bias():
    """About 0.010 at n = 10,000 with 15 bins, though every probability is right."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(10):
        top = rng.uniform(0.5, 1.0, 10_000)
        probs, targets = binary(top.tolist(), (rng.random(10_000) < top).tolist())
        errors.append(float(expected_calibration_error(reliability_curve(probs, targets))))
    assert 0.006 < np.mean(errors) < 0.014


def test_intervals_hold_the_estimate_and_narrow_with_more_examples():
    widths = []
    for count in (200, 3_200):
        probs, targets = sample(count, 5)
        low, high = bootstrap_intervals(probs, targets)["accuracy"]
        assert low <= float((probs.argmax(1) == targets).double().mean()) <= high
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.35)


def test_intervals_cover_the_truth():
    """Top probabilities uniform on [0.5, 1] and right: accuracy 3/4, loss 1/2 nat, Brier 1/3, all by integration."""
    rng = np.random.default_rng(1)
    truth = {"accuracy": 3 / 4, "loss": 1 / 2, "brier": 1 / 3}
    covered = dict.fromkeys(truth, 0)
    for trial in range(100):
        top = rng.uniform(0.5, 1.0, 200)
        intervals = bootstrap_intervals(
            *binary(top.tolist(), (rng.random(200) < top).tolist()), num_replicates=100, seed=trial
        )
        for name, value in truth.items():
            low, high = intervals[name]
            covered[name] += low <= value <= high
    assert all(88 <= count <= 99 for count in covered.values()), covered


def test_the_interval_of_a_calibrated_models_error_lies_above_its_error_of_0():
    """As the docstring warns; that of a clear miscalibration is sound."""
    rng = np.random.default_rng(2)
    covered = {0.0: 0, 0.1: 0}
    for shift in covered:
        for trial in range(20):
            top = rng.uniform(0.6, 1.0, 1_000)
            predictions = binary(top.tolist(), (rng.random(1_000) < top - shift).tolist())
            low, high = bootstrap_intervals(*predictions, num_replicates=100, seed=trial)["ece"]
            covered[shift] += low <= shift <= high
    assert covered[0.0] == 0
    assert covered[0.1] >= 16


def test_intervals_are_those_of_a_plain_loop():
    probs, targets = sample(60, 3)
    intervals = bootstrap_intervals(probs, targets, num_replicates=50, seed=3)
    replicates = []
    for counts in bootstrap_counts(60, 50, seed=3):
        for row in counts:
            drawn = torch.repeat_interleave(row.long())
            replicates.append(scores(probs[drawn], targets[drawn]))
    assert len(replicates) == 50
    for name, interval in intervals.items():
        expected = np.quantile([replicate[name] for replicate in replicates], [0.025, 0.975])
        assert interval == pytest.approx(tuple(expected), abs=1e-6)


def test_equal_scores_have_no_spread():
    """Sums are of single precision, and yet the mean of ten thousand equal losses is that loss."""
    probs = torch.full((10_000, 10), 0.1, dtype=torch.float64)
    intervals = bootstrap_intervals(probs, torch.arange(10_000) % 10)
    assert intervals["loss"] == pytest.approx((np.log(10), np.log(10)), abs=1e-12)
    assert intervals["brier"] == pytest.approx((0.9, 0.9), abs=1e-12)


def test_intervals_leave_the_global_stream_alone_and_repeat():
    probs, targets = sample(50, 3)
    before = torch.get_rng_state()
    first = bootstrap_intervals(probs, targets, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    assert bootstrap_intervals(probs, targets, seed=5) == first
    assert bootstrap_intervals(probs, targets, seed=6) != first
    assert bootstrap_intervals(probs, targets) == bootstrap_intervals(probs, targets, seed=0)


def test_one_replicate_is_both_ends():
    intervals = bootstrap_intervals(*sample(50, 3), num_replicates=1)
    assert all(low == high for low, high in intervals.values())


def test_a_higher_level_gives_a_wider_interval():
    probs, targets = sample(200, 3)
    (narrow_low, narrow_high), (low, high) = (bootstrap_intervals(probs, targets, level=x)["loss"] for x in (0.5, 0.99))
    assert low < narrow_low < narrow_high < high


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_replicates": 0}, "num_replicates.* 0 "), ({"level": 95}, "level.* 95$"), ({"num_bins": 0}, "num_bins = 0")],
)
def test_options_without_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_intervals(*sample(10, 2), **options)


@pytest.mark.parametrize("level", [-0.5, 0.0, 1.0, 1.5])
def test_a_level_is_between_0_and_1(level):
    with pytest.raises(ValueError, match=f"{level}"):
        bootstrap_intervals(*sample(10, 2), level=level)


@pytest.mark.parametrize("num_bins", [0, -1])
def test_a_curve_needs_a_bin(num_bins):
    with pytest.raises(ValueError, match=f"num_bins = {num_bins}"):
        reliability_curve(*sample(10, 2), num_bins)


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_that_no_column_stands_for_are_refused(label):
    with pytest.raises(ValueError, match=rf"targets.* {label};"):
        reliability_curve(torch.full((2, 2), 0.5), torch.tensor([0, label]))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_curve_lives_where_the_predictions_do(device, dtype):
    probs, targets = sample(100, 3)
    curve = reliability_curve(probs.to(device, dtype), targets.to(device))
    assert {field.device.type for field in vars(curve).values()} == {device}
    assert curve.counts.tolist() == reliability_curve(probs, targets).counts.tolist()
    assert bootstrap_intervals(probs.to(device, dtype), targets.to(device)).keys() == {"accuracy", "loss", "brier", "ece"}
