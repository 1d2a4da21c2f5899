"""Every function that takes probabilities refuses what are none, and takes what softmax gives in any precision."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uncertlr.metrics import (
    accuracy,
    bootstrap_intervals,
    brier,
    categorical_entropy,
    class_log_probs,
    class_probs,
    cross_entropy,
    debiased_calibration_error,
    debiased_error_of_curve,
    error_auroc,
    expected_calibration_error,
    expected_entropy,
    fit_temperature,
    maximum_calibration_error,
    mutual_information,
    negative_log_likelihood,
    precision_recall_f1,
    predictive_entropy,
    reliability_curve,
    scale_probs,
    scores,
    time_to_minimum,
    time_to_target,
)

WITH_TARGETS = {
    "accuracy": accuracy,
    "bootstrap_intervals": lambda probs, targets: bootstrap_intervals(probs, targets, num_replicates=3),
    "brier": brier,
    "debiased_calibration_error": debiased_calibration_error,
    "error_auroc": lambda probs, targets: error_auroc(torch.arange(len(probs)), probs, targets),
    "fit_temperature": fit_temperature,
    "negative_log_likelihood": negative_log_likelihood,
    "precision_recall_f1": precision_recall_f1,
    "reliability_curve": reliability_curve,
    "scores": scores,
}
WITHOUT_TARGETS = {
    "categorical_entropy": categorical_entropy,
    "scale_probs": lambda probs: scale_probs(probs, 2.0),
    "expected_entropy": lambda probs: expected_entropy(probs[None]),
    "mutual_information": lambda probs: mutual_information(probs[None]),
    "predictive_entropy": lambda probs: predictive_entropy(probs[None]),
}
OF_PROBS = WITHOUT_TARGETS | {
    name: lambda probs, function=function: function(probs, torch.zeros(len(probs), dtype=torch.long))
    for name, function in WITH_TARGETS.items()
}
NO_PROBS = {
    "logits": [[2.0, -1.5, 0.3]],
    "large logits": [[30.0, 2.0, 1.0]],
    "log-probabilities": [[-0.5, -1.5, -1.7]],
    "percentages": [[80.0, 15.0, 5.0]],
    "nan": [[math.nan, 0.5, 0.5]],
    "infinity": [[math.inf, 0.0, 0.0]],
    "sigmoids": [[0.9, 0.8, 0.7]],
    "zeros": [[0.0, 0.0, 0.0]],
    "a small negative": [[1.01, -0.01, 0.0]],
    "below 0 by rounding": [[1.0, -1e-9, 1e-9]],
    "counts": [[3, 1, 0]],
    "the best two of five": [[0.6, 0.25, 0.0]],
}


@pytest.mark.parametrize("name", OF_PROBS)
@pytest.mark.parametrize("kind", NO_PROBS)
@pytest.mark.parametrize("make", [torch.tensor, np.array])
def test_what_are_no_probabilities_is_refused_in_one_line(name, kind, make):
    good = [[0.2, 0.3, 0.5]] * 3
    with pytest.raises(ValueError, match="probs") as error:
        OF_PROBS[name](make(NO_PROBS[kind] if kind == "counts" else good + NO_PROBS[kind]))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["logits", "log-probabilities", "percentages", "nan", "below 0 by rounding"])
def test_the_message_has_the_value(kind):
    values = {"logits": "-1.5", "log-probabilities": "-1.7", "percentages": "80", "nan": "nan"} | {
        "below 0 by rounding": r"-1e-09.*clip"
    }
    with pytest.raises(ValueError, match=values[kind]):
        categorical_entropy(torch.tensor(NO_PROBS[kind]))


@pytest.mark.parametrize(
    ("row", "remedy"),
    [
        ([0.0, 2.0, 1.0], r" 2,.*class_probs"),
        ([-0.5, 1.0, 0.5], r"-0\.5,.*class_probs"),
        ([0.0, -1.0, -2.0], r"-2.*exp"),
        ([0.0, 0.0, 0.0], "softmax"),
        ([0.0, 60.0, 40.0], r"60 .*100"),
        ([1.0, 1.0, 0.0], r" 2, .*softmax"),
        ([0.9], "cat"),
    ],
)
def test_the_remedy_is_that_of_the_kind_of_values(row, remedy):
    with pytest.raises(ValueError, match=remedy):
        categorical_entropy(torch.tensor([row]))


@pytest.mark.parametrize("shape", [(), (3, 0)])
def test_there_is_at_least_one_class(shape):
    with pytest.raises(ValueError, match=re.escape(str(list(shape)))):
        categorical_entropy(torch.ones(shape))


def test_whole_numbers_are_no_probabilities():
    """Class indices in the place of probabilities; here each row would sum to 1."""
    with pytest.raises(ValueError, match="int64"):
        categorical_entropy(torch.tensor([[0, 1], [1, 0]]))


@given(
    st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    st.sampled_from([2, 3, 10, 100, 1_000, 20_000]),
    st.sampled_from([0.0, 0.1, 1.0, 5.0, 30.0]),
    st.integers(0, 10_000),
)
def test_what_softmax_gives_is_accepted_in_every_precision(dtype, num_classes, scale, seed):
    stream = torch.Generator().manual_seed(seed)
    logits = (torch.randn(4, 2, num_classes, generator=stream) * scale).to(dtype)
    probs = logits.softmax(-1)
    for members in (probs, probs.mean(0, keepdim=True), probs.double(), probs[0].float()[None]):
        total, expected = predictive_entropy(members), expected_entropy(members)
        assert total.dtype in (torch.float32, torch.float64)
        assert (total <= 1.001 * math.log(num_classes) + 1e-3).all()  # rows that sum to 1.001 are taken as they are
        assert torch.allclose(total, expected + mutual_information(members), atol=1e-5)


def test_rows_of_float32_that_miss_1_by_a_hundredth_are_refused():
    for total in (0.99, 1.01):
        with pytest.raises(ValueError, match=str(total)):
            categorical_entropy(torch.tensor([0.3, 0.3, total - 0.6]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", [*OF_PROBS])
def test_half_precision_gives_what_float64_gives(name, dtype):
    logits = torch.randn(40, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    ours, exact = OF_PROBS[name](logits.softmax(-1)), OF_PROBS[name](logits.double().softmax(-1))
    eps = torch.finfo(dtype).eps
    assert flat(ours) == pytest.approx(flat(exact), abs=4 * eps, rel=4 * eps, nan_ok=True)


def flat(value):
    """All numbers of a result."""
    if isinstance(value, dict):
        return [number for each in value.values() for number in flat(each)]
    if isinstance(value, tuple):
        return [number for each in value for number in flat(each)]
    if isinstance(value, torch.Tensor):
        return value.double().nan_to_num(-1.0).flatten().tolist()
    return flat(value.accuracy) if hasattr(value, "accuracy") else [float(value)]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_an_impossible_event_stays_finite_in_half_precision(dtype):
    probs = torch.tensor([[1.0, 0.0]], dtype=dtype)
    assert float(negative_log_likelihood(probs, torch.tensor([1]))) == pytest.approx(87.34, abs=0.01)
    assert torch.isfinite(scale_probs(probs, 2.0)).all()


@pytest.mark.parametrize("name", WITH_TARGETS)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.int16, np.uint16, ">i4"])
def test_numpy_arrays_serve_as_well_as_tensors(name, dtype):
    logits = torch.randn(30, 4, generator=torch.Generator().manual_seed(1))
    probs, targets = logits.softmax(1), torch.arange(30) % 4
    array = targets.numpy().astype(dtype)
    array.flags.writeable = False
    assert flat(WITH_TARGETS[name](probs.numpy(), array)) == flat(WITH_TARGETS[name](probs, targets))
    assert flat(WITH_TARGETS[name](probs.numpy()[::-1], array[::-1])) == pytest.approx(
        flat(WITH_TARGETS[name](probs.flip(0), targets.flip(0))), nan_ok=True
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", np.longdouble])
def test_numpys_precisions_are_torchs_and_wider_ones_are_float64(dtype):
    array = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=dtype)
    name = np.dtype(dtype).newbyteorder("=").name
    tensor = torch.from_numpy(array.astype(name if name in ("float16", "float32") else "float64"))
    given, expected = categorical_entropy(array), categorical_entropy(tensor)
    assert given.dtype == expected.dtype
    assert torch.equal(given, expected)


@pytest.mark.parametrize("name", WITH_TARGETS)
@pytest.mark.parametrize(
    ("targets", "value"),
    [
        ([0, 1, 3], "got 3"),
        ([0, 1, -100], "got -100"),
        ([0.0, 1.0, 2.0], "float"),
        ([0.5, 1.0, 2.0], "float"),
        ([0, 1], r"\[2\]"),
        ([0, 1, 2, 0], r"\[4\]"),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]], r"\[3, 3\]"),
        ([[0], [1], [2]], r"\[3, 1\]"),
    ],
)
@pytest.mark.parametrize("make", [torch.tensor, np.array])
def test_targets_that_are_no_class_indices_are_refused(name, targets, value, make):
    with pytest.raises(ValueError, match=f"targets.*{value}"):
        WITH_TARGETS[name](torch.full((3, 3), 1 / 3), make(targets))


@pytest.mark.parametrize("name", OF_PROBS)
def test_lists_serve_as_well_as_tensors(name):
    probs, targets = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=torch.float64), torch.tensor([2, 1])
    if name in WITH_TARGETS:
        given, expected = (WITH_TARGETS[name](*each) for each in ((probs.tolist(), targets.tolist()), (probs, targets)))
    else:
        functions = {"expected_entropy": expected_entropy, "mutual_information": mutual_information}
        function = functions.get(name, predictive_entropy if name == "predictive_entropy" else OF_PROBS[name])
        several = probs[None] if function in (expected_entropy, mutual_information, predictive_entropy) else probs
        given, expected = function(several.tolist()), function(several)
    assert flat(given) == pytest.approx(flat(expected), nan_ok=True)


def test_targets_of_words_are_named():
    with pytest.raises(ValueError, match=r"targets.*<U3"):
        accuracy(torch.full((2, 2), 0.5), np.array(["cat", "dog"]))


@pytest.mark.parametrize("function", [expected_calibration_error, maximum_calibration_error])
def test_probabilities_are_no_curve(function):
    with pytest.raises(TypeError, match=r"reliability_curve\(probs, targets\)"):
        function(torch.full((2, 2), 0.5))


@pytest.mark.parametrize("change", [{"counts": [-1, 5]}, {"counts": [0, 0]}, {"confidence": [0.4, 90.0]},
                                    {"confidence": [0.4, 1.5]}, {"accuracy": [-0.5, 0.5]},
                                    {"accuracy": [math.nan, 0.5]}, {"accuracy": [0.5]}])  # fmt: skip
def test_a_curve_of_no_values_is_refused(change):
    curve = {"counts": [3, 5], "confidence": [0.4, 0.9], "accuracy": [0.5, 0.8]}
    with pytest.raises(ValueError, match=next(iter(change))):
        debiased_error_of_curve(**{name: torch.tensor(value) for name, value in (curve | change).items()})


@pytest.mark.parametrize(("targets", "value"), [([0, 2], "got 2"), ([0, -1], "got -1"), ([0.3, 0.6], "float32")])
def test_one_logit_takes_no_other_target_than_0_and_1(targets, value):
    with pytest.raises(ValueError, match=value):
        cross_entropy(torch.zeros(2, 1), torch.tensor(targets))


@pytest.mark.parametrize("target", [-100, -1, 3])
def test_no_target_is_left_out_of_the_loss(target):
    with pytest.raises(IndexError, match=str(target)):
        cross_entropy(torch.zeros(2, 3), torch.tensor([0, target]))


@pytest.mark.parametrize("function", [class_probs, class_log_probs, lambda logits: cross_entropy(logits, torch.tensor([0]))])
def test_what_are_no_logits_is_named(function):
    with pytest.raises(ValueError, match=r"logits.*int64"):
        function(torch.tensor([[1, 2]]))
    with pytest.raises(TypeError, match=r"logits.*ndarray"):
        function(np.array([[1.0, 2.0]]))
    with pytest.raises(TypeError, match=r"targets.*ndarray"):
        cross_entropy(torch.zeros(1, 2), np.array([0]))


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_losses_and_probabilities_of_half_precision_are_computed_in_float32(width, dtype):
    logits = (5 * torch.randn(20, width, generator=torch.Generator().manual_seed(0))).to(dtype)
    targets = torch.arange(20) % 2
    assert class_probs(logits).dtype == torch.float32
    assert torch.equal(class_probs(logits), class_probs(logits.float()))
    assert torch.equal(cross_entropy(logits, targets), cross_entropy(logits.float(), targets))


def test_an_uncertainty_without_a_rank_is_refused():
    probs, targets = torch.tensor([[0.9, 0.1], [0.9, 0.1]]), torch.tensor([0, 1])
    with pytest.raises(ValueError, match="uncertainty.*nan"):
        error_auroc(torch.tensor([math.nan, 1.0]), probs, targets)
    assert float(error_auroc(np.array([0.0, math.inf]), probs, targets)) == 1.0


@pytest.mark.parametrize("times", [[1.0, math.nan], [2.0, 1.0], [1.0, math.inf]])
def test_times_that_do_not_rise_are_refused(times):
    for function in (time_to_minimum, lambda values, times: time_to_target(values, times, 0.5)):
        with pytest.raises(ValueError, match=str(times[1])):
            function([0.1, 0.2], times)
    with pytest.raises(ValueError, match="target.*nan"):
        time_to_target([0.1, 0.2], [1, 2], math.nan)
