"""Training with a monitor equals training without one, bit for bit; what is planted in the monitor is noticed."""

import random
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

import uncertlr.integrations.monitor as monitor_module
from benchmarks.monitor import memory_ratio, stepper
from tests.integrations.monitored_models import HEAD, LOGITS, Checkpointed, Lazy, Small, call
from uncertlr.integrations import UncertaintyMonitor
from uncertlr.integrations.heads import PassRecorder
from uncertlr.integrations.hooks import Hook
from uncertlr.integrations.signal_means import CHUNK_CPU
from uncertlr.schedulers import Threshold, UncertaintyLR

HEADS = ("out", "classifier", "classifier.out_proj")
UNCHANGED = Threshold(threshold=0.5, decrease=1.0, increase=1.0)
MODELS = {**HEAD, **LOGITS, "lazy": Lazy}
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


class DefaultDraws(TorchDispatchMode):
    """Records the operators that draw from a device's default random stream, on whatever device."""

    def __init__(self):
        super().__init__()
        self.operators = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded in func.tags and kwargs.get("generator") is None:
            self.operators.append(func.name())
        return func(*args, **kwargs)


@contextmanager
def deterministic(device, monkeypatch):
    """Operators that repeat bit for bit. cuDNN is off: its recurrent layers keep a dropout state that no seed resets."""
    if device == "cpu":
        yield
        return
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    try:
        with torch.backends.cudnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.use_deterministic_algorithms(False)


def train(build, monitored, steps=3, way=None, by_hand=False, device="cpu", **options):
    """Train for a few steps, with a validation after each and a paused pass at the end; all that a user could see of it."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    model, called, seen = build().to(device), [], []
    for name, module in model.named_modules():
        if name in HEADS:  # with a hook of someone else's it would not be resampled
            continue
        module.register_forward_hook(lambda module, args, output, name=name: called.append(name))
    call(model.eval())
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = UncertaintyLR(optimizer, UNCHANGED)
    monitor = UncertaintyMonitor(None if by_hand else model, scheduler, **options) if monitored else None
    for _ in range(steps):
        optimizer.zero_grad()
        output, logits = call(model)
        if monitor and by_hand:
            monitor.observe(output)
        (logits.square().mean() + getattr(model, "auxiliary", 0.0)).backward()
        seen += [logits.detach(), *(each.grad.clone() for each in model.parameters() if each.grad is not None)]
        optimizer.step()
        scheduler.step()
        with torch.no_grad():
            seen.append(call(model.eval())[1])
        model.train()
    with monitor.pause() if monitor else nullcontext():
        seen.append(call(model)[1].detach())
    if monitor:
        assert len(monitor.history) == steps
        assert way is None or {each.way for each in monitor.history} == {way}
        monitor.remove()
        seen_modules = [each for each in model.modules() if each._forward_pre_hooks]
        assert not seen_modules
    attributes = sorted(name for module in model.modules() for name in vars(module))
    streams = [torch.get_rng_state(), torch.tensor(random.getstate()[1]), torch.from_numpy(np.random.rand(1))]  # noqa: NPY002
    if device == "cuda":
        streams += torch.cuda.get_rng_state_all()
    tensors = [*seen, *model.state_dict().values(), *streams]
    return [each.clone() for each in tensors], (called, attributes, scheduler.get_last_lr())


def assert_equal_training(build, **options):
    (tensors, rest), (other_tensors, other_rest) = train(build, True, **options), train(build, False)
    assert rest == other_rest
    assert len(tensors) == len(other_tensors)
    assert all(torch.equal(one, other) for one, other in zip(tensors, other_tensors, strict=True))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", MODELS)
def test_training_with_a_monitor_is_training_without(name, device, monkeypatch):
    way = "head" if name in HEAD else "logits" if name in LOGITS else None
    with deterministic(device, monkeypatch):
        assert_equal_training(MODELS[name], way=way, device=device)


def default_draws(build, monitored, **options):
    """The operators of a training that draw from a default stream, in order."""
    with DefaultDraws() as draws:
        train(build, monitored, **options)
    return draws.operators


@pytest.mark.parametrize("name", MODELS)
def test_a_monitor_draws_from_the_default_stream_of_no_device(name):
    """An operator's call shows on every device what the states of random streams show on the devices at hand."""
    without = default_draws(MODELS[name], False)
    assert without  # initial weights
    assert default_draws(MODELS[name], True) == without


@pytest.mark.parametrize("mapped", [False, True])
def test_gradients_of_torch_func_are_those_without_a_monitor(mapped):
    def gradients(monitored):
        torch.manual_seed(0)
        model = Small()
        scheduler = UncertaintyLR(torch.optim.SGD(model.parameters(), lr=0.1), UNCHANGED)
        monitor = UncertaintyMonitor(model, scheduler) if monitored else None

        def loss(weights, x):
            return torch.func.functional_call(model, weights, (x,)).square().mean()

        gradient = torch.func.grad(loss)
        if mapped:
            gradient = torch.func.vmap(gradient, (None, 0), randomness="different")
        found = gradient(dict(model.named_parameters()), torch.ones(4, 1, 6) if mapped else torch.ones(4, 6))
        assert monitor is None or len(monitor.history) == 1
        return [*found.values(), torch.rand(1)]

    assert all(torch.equal(one, other) for one, other in zip(gradients(True), gradients(False), strict=True))


@pytest.mark.parametrize("signal", ["predictive_entropy", "mutual_information", "one_minus_max_prob"])
@pytest.mark.parametrize("build", [Small, lambda: nn.Linear(6, 3)], ids=["head", "nothing random"])
def test_so_it_is_for_signals_that_need_several_samples(build, signal):
    assert_equal_training(build, signal=signal)


@pytest.mark.parametrize("build", [Small, HEAD["counter"], HEAD["dataclass"]])
def test_so_it_is_where_the_loop_gives_the_outputs_itself(build):
    assert_equal_training(build, by_hand=True, way="logits")


PLACES = [
    *((Hook, name) for name in ("__init__", "__call__")),
    *((PassRecorder, name) for name in ("__init__", "_before_dropout", "_after_dropout", "_after_linear", "finish")),
    *((UncertaintyMonitor, name) for name in ("_before", "_after", "_logits", "_observe", "_queue", "_generator")),
    *((UncertaintyMonitor, name) for name in ("_note_other_pass", "_end_pass", "pause", "observe", "remove")),
    *((monitor_module, name) for name in ("mean_of_samples", "mean_of_head", "find_logits")),
]
DISTURBANCES = {
    "random draw": lambda model: torch.rand(1),
    "draw from NumPy": lambda model: np.random.rand(),  # noqa: NPY002
    "buffer": lambda model: model.calls.add_(1),
    "module call": lambda model: model.first(torch.zeros(1, 6)),
    "attribute": lambda model: setattr(model, "planted", 1),
    "weight": lambda model: model.out.weight.data.mul_(1.0 + 1e-6),
}


def counter_in_place():
    """A model in whose training each of `PLACES` is reached."""
    model = HEAD["counter"]()
    model.dropout.inplace = True
    return model


@pytest.mark.parametrize("disturb", DISTURBANCES.values(), ids=DISTURBANCES)
@pytest.mark.parametrize(("owner", "name"), PLACES, ids=[f"{owner.__name__}.{name}" for owner, name in PLACES])
def test_a_disturbance_planted_in_the_monitor_is_noticed(owner, name, disturb, monkeypatch):
    original, models, within = getattr(owner, name), [], []

    def build():
        models.append(counter_in_place())
        return models[-1]

    def planted(*args, **kwargs):
        if not within:  # a module call leads here again
            within.append(True)
            disturb(models[-1])
            within.clear()
        return original(*args, **kwargs)

    assert_equal_training(build, by_hand=name == "observe")
    monkeypatch.setattr(owner, name, planted)
    with pytest.raises(AssertionError):
        assert_equal_training(build, by_hand=name == "observe")


@pytest.mark.parametrize(("owner", "name"), PLACES, ids=[f"{owner.__name__}.{name}" for owner, name in PLACES])
def test_a_draw_planted_on_another_device_is_noticed(owner, name, monkeypatch):
    original, options = getattr(owner, name), {"by_hand": name == "observe"}

    def planted(*args, **kwargs):
        torch.rand(1, device="meta")  # a device without a random stream, so that no state shows the draw
        return original(*args, **kwargs)

    without = default_draws(counter_in_place, False, **options)
    monkeypatch.setattr(owner, name, planted)
    assert default_draws(counter_in_place, True, **options) != without


def test_extra_passes_leave_buffers_and_random_streams_as_they_were():
    class Noisy(HEAD["counter"]):
        def forward(self, x):
            return super().forward(x * np.random.rand() * random.random())  # noqa: NPY002

    def weights(**options):
        tensors, _ = train(Noisy, True, **options)
        return tensors

    plain, extra = weights(), weights(passes=3)
    assert all(torch.equal(one, other) for one, other in zip(plain, extra, strict=True))


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpointed_model_is_observed_once_per_micro_batch(reentrant):
    model = Small()
    scheduler = UncertaintyLR(torch.optim.SGD(model.parameters(), lr=0.1), UNCHANGED)
    monitor = UncertaintyMonitor(model, scheduler)
    x = torch.randn(4, 6, requires_grad=True)
    with torch.utils.checkpoint.set_checkpoint_early_stop(False):
        torch.utils.checkpoint.checkpoint(model, x, use_reentrant=reentrant).sum().backward()
    assert len(monitor.history) == 1
    inner = Checkpointed()
    monitor = UncertaintyMonitor(inner, UncertaintyLR(torch.optim.SGD(inner.parameters(), lr=0.1), UNCHANGED))
    call(inner)[1].sum().backward()
    assert len(monitor.history) == 1


def test_a_compiled_model_has_as_many_graphs_with_a_monitor():
    def graphs(attach):
        torch._dynamo.reset()
        made = []
        model = Small()

        def backend(graph, inputs):
            made.append(graph)
            return graph.forward

        compiled = torch.compile(model, backend=backend, fullgraph=True)
        scheduler = UncertaintyLR(torch.optim.SGD(model.parameters(), lr=0.1), UNCHANGED)
        monitor = attach(model, compiled, scheduler)
        for _ in range(3):
            call(compiled)[1].sum().backward()
        return len(made), monitor

    alone, _ = graphs(lambda *_: None)
    outside, monitor = graphs(lambda model, compiled, scheduler: UncertaintyMonitor(compiled, scheduler))
    assert monitor.way == "logits"
    inside, _ = graphs(lambda model, compiled, scheduler: UncertaintyMonitor(model, scheduler))
    assert alone == outside == inside == 1


def test_a_compiled_model_is_recompiled_as_often_with_a_monitor():
    """Batches of changing size, training and evaluation: what makes a compiler compile again."""

    def compilations(watched):
        torch._dynamo.reset()
        counters.clear()
        torch.manual_seed(0)
        model = Small()
        compiled = torch.compile(model, backend="eager")
        scheduler = UncertaintyLR(torch.optim.SGD(model.parameters(), lr=0.1), UNCHANGED)
        monitor = UncertaintyMonitor({"inside": model, "outside": compiled}[watched], scheduler) if watched else None
        for size in (8, 8, 5, 3, 8):
            compiled.train()(torch.randn(size, 6)).sum().backward()
            compiled.eval()(torch.randn(size, 6))
            scheduler.optimizer.step()
            scheduler.step()
        stats = counters["stats"]
        seen.append(len(monitor.history) if monitor else None)
        return stats["unique_graphs"], stats["calls_captured"], sum(counters["graph_break"].values())

    seen = []
    alone, outside, inside = map(compilations, ("", "outside", "inside"))
    assert alone[0] > 1
    assert alone == outside == inside
    assert seen[1] == 5


@pytest.mark.parametrize("classes", [10, 20_000])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_peak_memory_of_a_step_grows_by_little(dropout, classes):
    """By less than a twentieth and the temporary tensors of one chunk, however many rows, samples and classes there are."""
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Dropout(dropout), nn.Linear(256, classes))
    step, scheduler = stepper(model, torch.randn(128, 64), torch.randint(classes, (128,)))
    ratio, alone = memory_ratio(model, step, scheduler)
    assert (ratio - 1) * alone < 0.05 * alone + 6 * 4 * CHUNK_CPU
