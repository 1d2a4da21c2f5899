"""The monitor's signal is what many real dropout samples give; where it cannot be, that is said."""

import math
import random
import re
import warnings
from collections import UserDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from tests.integrations.monitored_models import (
    HEAD,
    LOGITS,
    EachStep,
    Encoder,
    MaskedClasses,
    Output,
    Small,
    TemperatureAfter,
    call,
    rows,
    sharper,
    tiny_bert,
)
from uncertlr.integrations import UncertaintyMonitor
from uncertlr.metrics import uncertainty
from uncertlr.schedulers import Threshold, UncertaintyLR

SEVERAL = ["predictive_entropy", "mutual_information", "one_minus_max_prob"]


def monitored(model, **options):
    rate = torch.optim.SGD(model.parameters(), lr=0.1)
    return UncertaintyMonitor(model, UncertaintyLR(rate, Threshold(threshold=0.5)), **options)


def brute_force(model, signal, samples=2000):
    """Mean over many real passes, and the standard deviation of the expected entropy from pass to pass."""
    return of_passes(real_passes(model, samples), signal)


def real_passes(model, samples):
    """The probabilities of many real passes."""
    with torch.no_grad():
        return torch.stack([call(model)[1].float().softmax(-1).flatten(end_dim=-2) for _ in range(samples)])


def of_passes(probs, signal):
    log_c = torch.log(torch.tensor(float(probs.shape[-1])))
    if signal == "one_minus_max_prob":
        return float((1 - probs.mean(0).amax(-1)).mean()) / (1 - 1 / probs.shape[-1]), 0.0
    values = getattr(uncertainty, signal)(probs)
    return float(values.mean() / log_c), float((uncertainty.categorical_entropy(probs).mean(1) / log_c).std())


def values(model, monitor, count):
    for _ in range(count):
        call(model)
    return torch.tensor([each.value for each in monitor.history])


@pytest.fixture(autouse=True)
def fixed():
    torch.manual_seed(0)


STATELESS = {name: build for name, build in {**HEAD, **LOGITS}.items() if name not in ("recurrent", "selection")}
STATELESS["masked classes"] = MaskedClasses


@pytest.mark.parametrize("name", STATELESS)
def test_the_expected_entropy_has_the_mean_of_real_samples_and_a_head_lowers_the_variance(name):
    model = sharper(STATELESS[name]())
    with monitored(model) as monitor:
        seen = values(model, monitor, 200)
    expected, deviation = brute_force(model, "expected_entropy", 1000)
    assert monitor.way == ("head" if name in HEAD else "logits")
    assert float(seen.mean()) == pytest.approx(expected, abs=5 * deviation / 200**0.5 + 1e-4)
    if monitor.way == "head":
        assert float(seen.std()) < 1.1 * deviation


@pytest.mark.parametrize("batch_first", [False, True], ids=["time first", "batch first"])
@pytest.mark.parametrize(
    ("logits", "way"),
    [(lambda output: output.logits, "head"), (lambda output: output.logits.transpose(0, 1), "logits")],
    ids=["as they are", "transposed"],
)
def test_logits_of_every_time_step(batch_first, logits, way):
    model = sharper(EachStep(batch_first))
    with monitored(model, logits=logits) as monitor:
        seen = values(model, monitor, 200)
    expected, deviation = brute_force(model, "expected_entropy", 1000)
    assert (monitor.way, monitor.history[-1].examples) == (way, 24)
    assert float(seen.mean()) == pytest.approx(expected, abs=5 * deviation / 200**0.5 + 1e-4)


@pytest.mark.parametrize("options", [{}, {"passes": 2}])
def test_of_a_model_that_calls_itself_the_outer_output_is_observed(options):
    class Recursive(Small):
        def forward(self, x, depth=2):
            inner = [self(each, depth - 1) for each in (x, 2 * x)] if depth else []
            return sum(inner, super().forward(x))

    model = sharper(Recursive())
    with monitored(model, **options) as monitor:
        seen = values(model, monitor, 100)
        expected, deviation = brute_force(model, "expected_entropy", 300)
        assert len(monitor.history) == 100
    assert float(seen.mean()) == pytest.approx(expected, abs=5 * deviation / 60**0.5)
    assert not any(each._forward_hooks for each in model.modules())


def test_an_interrupted_pass_hides_no_later_one():
    model = Small()
    monitor = monitored(model)
    model.dropout.register_forward_hook(_interrupt)
    with pytest.raises(KeyboardInterrupt):
        call(model)
    model.dropout._forward_hooks.clear()
    call(model)
    assert len(monitor.history) == 1


def _interrupt(*_):
    raise KeyboardInterrupt


def test_torch_func_with_parameters_of_its_own():
    model = sharper(Small())
    weights = {name: 1.5 * each.detach() for name, each in model.named_parameters()}

    def loss(weights, x):
        return functional_call(model, weights, (x,)).square().mean()

    with monitored(model) as monitor:
        for _ in range(100):
            torch.func.grad(loss)(weights, rows())
        assert monitor.way in ("head", "logits")
        for _ in range(100):
            torch.func.vmap(torch.func.grad(loss), (None, 0), randomness="different")(weights, rows()[:, None])
    assert monitor.way == "logits"
    assert {each.examples for each in monitor.history} == {8}
    with torch.no_grad():
        model.load_state_dict(weights)
    seen = torch.tensor([each.value for each in monitor.history])
    expected, deviation = brute_force(model, "expected_entropy", 1000)
    for part in (seen[:100], seen[100:]):
        assert float(part.mean()) == pytest.approx(expected, abs=5 * deviation / 100**0.5)


@pytest.mark.parametrize("signal", SEVERAL)
@pytest.mark.parametrize("name", ["plain", "in-place dropout", "dataclass", "auxiliary loss"])
def test_signals_of_several_samples_come_from_a_head(name, signal):
    model = sharper(HEAD[name]())
    with monitored(model, signal=signal, num_samples=2000) as monitor:
        call(model)
    assert monitor.value == pytest.approx(brute_force(model, signal)[0], rel=0.05, abs=5e-3)


@pytest.mark.parametrize(
    "build", [Encoder, tiny_bert, TemperatureAfter, lambda: tiny_bert(hidden_dropout_prob=0.0)], ids=lambda build: ""
)
def test_or_are_refused_or_taken_from_extra_passes(build):
    model = build().train()
    passes = real_passes(model, 500)
    for signal in SEVERAL:
        with monitored(model, signal=signal), pytest.raises(ValueError, match=f"{signal}.*passes="):
            call(model)
        with monitored(model, signal=signal, passes=300) as monitor:
            call(model)
        assert monitor.way == "passes"
        assert monitor.value == pytest.approx(of_passes(passes, signal)[0], rel=0.15, abs=2e-4)


@pytest.mark.parametrize("draw", [random.random, np.random.rand, lambda: float(torch.rand(()))])
def test_randomness_of_any_kind_outside_the_head_is_noticed(draw):
    class Noisy(Small):
        def forward(self, x):
            return super().forward(x * draw())

    model = Noisy()
    with monitored(model, signal="mutual_information"), pytest.raises(ValueError, match="mutual_information"):
        call(model)


def test_a_pass_without_randomness_needs_no_samples():
    model = nn.Linear(6, 3)
    for signal in SEVERAL:
        with monitored(model, signal=signal) as monitor:
            call(model)
        assert monitor.value == pytest.approx(brute_force(model, signal, 2)[0], abs=1e-6)


def _replace(model):
    model.out = nn.Linear(8, 5)


def _hook(model):
    model.out.register_forward_hook(lambda module, args, output: output * 3)


def _hook_the_model(model):
    model.register_forward_hook(lambda module, args, output: output * 3)


def _wrap(model):
    model.out = nn.Sequential(model.out, nn.Hardtanh(-1.0, 1.0))


def _scale(model):
    model.temperature = 0.25


class FeaturesAndHead(Small):
    """Says that it is `head(features(x))`, but divides by a temperature besides."""

    temperature = 1.0

    @property
    def features(self):
        return self.first

    @property
    def head(self):
        return nn.Sequential(self.dropout, self.out)

    def forward(self, x):
        return self.out(self.dropout(self.first(x))) / self.temperature


def _switch_off(model):
    model.dropout.p = 0.0


@pytest.mark.parametrize(
    ("change", "way"),
    [
        (_replace, "head"),
        (_wrap, "logits"),
        (_hook, "logits"),
        (_hook_the_model, "logits"),
        (_switch_off, "logits"),
        (_scale, "logits"),
    ],
)
def test_a_change_after_attaching_is_followed(change, way):
    model = sharper(FeaturesAndHead())
    monitor = monitored(model)
    call(model)
    assert monitor.way == "head"
    change(model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        seen = values(model, monitor, 300)[1:]
    assert monitor.way == way
    assert len(caught) == (way == "logits")
    assert float(seen.mean()) == pytest.approx(brute_force(model, "expected_entropy")[0], abs=0.02)


def test_signals_of_several_samples_are_skipped_and_counted_when_the_head_is_lost():
    model = Small()
    monitor = monitored(model, signal="mutual_information")
    call(model)
    _hook(model)
    values(model, monitor, 99)
    assert (len(monitor.history), monitor.skipped) == (1, 99)
    with pytest.raises(RuntimeError, match="100"):
        call(model)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("classes", [3, 20_000])
def test_low_precision(dtype, classes):
    model = Small()
    model.out = nn.Linear(8, classes)
    exact = monitored(model, num_samples=256)
    call(model)
    exact.remove()
    model = model.to(dtype)
    with monitored(model, num_samples=256) as monitor:
        model(rows().to(dtype))
    assert monitor.way == "head"
    assert monitor.value == pytest.approx(exact.value, abs=0.02)
    model = model.float()
    with monitored(model, num_samples=256) as monitor, torch.autocast("cpu", dtype):
        model(rows())
    assert monitor.way == "head"
    assert monitor.value == pytest.approx(exact.value, abs=0.02)


def test_a_model_that_turns_autocast_off_is_observed_in_its_own_precision():
    class FullPrecision(Small):
        def forward(self, x):
            with torch.autocast("cpu", enabled=False):
                return super().forward(x)

    model, found = sharper(FullPrecision()), []
    for enabled in (False, True):
        with monitored(model) as monitor, torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            call(model)
        found.append((monitor.way, monitor.value))
    assert found[0] == found[1]
    assert monitor.way == "head"


def test_one_batch_padded_differently_gives_one_value():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.out = nn.Embedding(20, 6), nn.Linear(6, 4)

        def forward(self, tokens):
            return self.out(self.embed(tokens))

    model, words = Tagger(), torch.arange(1, 11)
    found = []
    for padding in (0, 10, 40):
        with monitored(model, logits=lambda output, tokens: output[tokens != 0]) as monitor:
            model(nn.functional.pad(words, (0, padding))[None])
        found.append((monitor.value, monitor.history[-1].examples))
    assert found[1:] == [pytest.approx(found[0])] * 2
    with monitored(model), pytest.raises(ValueError, match="logits="):
        model(words[None])


class Given(nn.Module):
    """Returns what it is made with."""

    def __init__(self, make):
        super().__init__()
        self.out, self.make = nn.Linear(6, 3), make

    def forward(self, x):
        return self.make(self.out(x))


@pytest.mark.parametrize(
    "make", [lambda o: {"out": o}, lambda o: {"logits": o, "x": o}, lambda o: (o.sum(), o), lambda o: [o]]
)
def test_outputs_are_taken_as_they_are(make):
    model = Given(make)
    with monitored(model) as monitor:
        output = model(rows())
    with monitored(model.out) as plain:
        call(model.out)
    assert monitor.value == plain.value
    observer = UncertaintyMonitor(None, plain.scheduler)
    assert observer.observe(output) == plain.value


@pytest.mark.parametrize(
    "make",
    [
        lambda o: o.softmax(-1),
        lambda o: o[:, :1].sigmoid(),
        lambda o: o.sigmoid(),
        lambda o: (o, o),
        lambda o: o[0],
        lambda o: o[:, None],
        lambda o: o.argmax(-1, keepdim=True),
        lambda o: o > 0,
        lambda o: "x",
    ],
)
@pytest.mark.filterwarnings("ignore:Given gives one output")
def test_what_is_no_logits_is_refused(make):
    model = Given(make)
    with monitored(model), pytest.raises((TypeError, ValueError), match="logits"):
        model(rows())


class Pixels(nn.Module):
    """One image in, [B, 3, 4, 4] out: made by a convolution, an interpolation or neither."""

    def __init__(self, make, size=(4, 4)):
        super().__init__()
        self.out, self.make, self.size = nn.Conv2d(6, 3, 1), make, size

    def forward(self, x):
        return self.make(self.out(x[..., None, None].expand(-1, -1, *self.size)))


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (lambda o: o, "output.movedim(1, -1)"),
        (lambda o: nn.functional.interpolate(o, scale_factor=2), "output.movedim(1, -1)"),
        (lambda o: {"out": o}, "output['out'].movedim(1, -1)"),
        (lambda o: {"out": o, "aux": o.detach()}, "output['out'].movedim(1, -1)"),
        (lambda o: {"out": o * 1.0, "aux": o}, "output['out']"),
        (lambda o: {"logits": o, "aux": o}, "output['logits'].movedim(1, -1)"),
        (lambda o: (o, o), "output[0].movedim(1, -1)"),
        (lambda o: Output(o, o), "output.logits.movedim(1, -1)"),
        (lambda o: o.flatten(1).unflatten(1, (16, 3)) * 1.0, "output"),
        (lambda o: o.mean((1, 2, 3)), "output.reshape(-1, 1)"),
    ],
)
def test_the_error_names_a_function_that_works(make, remedy):
    model = Pixels(make)
    with monitored(model), pytest.raises((TypeError, ValueError), match=re.escape(f"lambda output: {remedy}")):
        model(rows())
    works = eval(f"lambda output: {remedy}")
    try:
        with monitored(model, logits=works) as monitor:
            model(rows())
        assert monitor.value >= 0
    except ValueError as error:  # of several tensors, the first one still has its classes on the second axis
        assert ".movedim(1, -1)" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "make", [lambda o: o, lambda o: nn.functional.interpolate(o, scale_factor=2), lambda o: o.bfloat16()]
)
def test_classes_on_the_second_axis_are_noticed_where_a_convolution_left_them(make):
    model = Pixels(make, size=(4, 3))
    with monitored(model, logits=lambda output: output), pytest.raises(ValueError, match=r"movedim\(1, -1\)"):
        model(rows())
    with monitored(model, logits=lambda output: output.movedim(1, -1)) as monitor:
        output = model(rows())
    entropy = uncertainty.categorical_entropy(output.detach().float().movedim(1, -1).softmax(-1))
    assert monitor.value == pytest.approx(float(entropy.mean()) / math.log(3), rel=1e-5)


def test_probabilities_of_a_sigmoid_are_noticed_behind_views_and_logits_take_them_back():
    model = Pixels(lambda o: o.sigmoid())
    for view in (lambda o: o.movedim(1, -1), lambda o: o[:, :1].movedim(1, -1), lambda o: o.reshape(-1, 1)):
        with monitored(model, logits=view), pytest.raises(ValueError, match="sigmoid"):
            model(rows())
    with monitored(model, logits=lambda o: torch.logit(o, 1e-6).reshape(-1, 1)) as monitor:
        probs = model(rows()).detach().double()
    entropy = -(probs * probs.log() + (1 - probs) * (1 - probs).log())
    assert monitor.value == pytest.approx(float(entropy.mean()) / math.log(2), rel=1e-5)


@pytest.mark.parametrize("problem", ["regression", "multi_label_classification"])
def test_other_problems_are_refused(problem):
    model = tiny_bert()
    model.config.problem_type = problem
    with monitored(model), pytest.raises(ValueError, match=problem):
        call(model)


def test_empty_and_infinite_batches_are_skipped_and_micro_batches_weighed():
    model = nn.Linear(6, 3)
    monitor = monitored(model)
    model(torch.zeros(0, 6))
    model(torch.full((2, 6), torch.inf))
    assert (len(monitor.history), monitor.skipped) == (0, 1)
    model(rows()[:6])
    model(rows()[6:])
    parts = monitor.scheduler.queued_mean
    model(rows())
    assert parts == pytest.approx(monitor.value)


def test_a_batch_is_skipped_where_only_the_resampled_head_overflows():
    model = Small().half()
    with torch.no_grad():
        model.first.weight.mul_(60.0)
        model.out.weight.mul_(2000.0)
    monitor = monitored(model)
    finite = sum(bool(model(rows().half()).isfinite().all()) for _ in range(50))
    assert len(monitor.history) + monitor.skipped == 50
    assert 0 < len(monitor.history) < finite, "in some passes, only masks of the monitor's own overflow"


def test_extra_passes_get_a_copy_of_a_batch_that_forward_empties():
    class Emptying(Small):
        def forward(self, batch):
            return super().forward(batch.pop("x"))

    batch, model = UserDict(x=rows(), length=8), Emptying()
    with monitored(model, signal="mutual_information", passes=2) as monitor:
        model(batch)
    assert monitor.way == "passes"
    assert dict(batch) == {"length": 8}
