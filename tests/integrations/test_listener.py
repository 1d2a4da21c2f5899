import gc
import warnings
import weakref
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR, SequentialLR, StepLR

from uncertlr.estimators import AnalyticDropout, Deterministic, MCDropout
from uncertlr.estimators.heads import find_head
from uncertlr.estimators.modes import stochastic_layers
from uncertlr.integrations import find_scheduler, listen, stop_listening
from uncertlr.integrations.outputs import refuse_probabilities
from uncertlr.models import CNN, LSTMClassifier
from uncertlr.schedulers import Threshold, UncertaintyLR, read_signal
from uncertlr.seeding import generator


class Attributes(nn.Module):
    """The commonest of strangers: dropout and dense layer as attributes, called one after the other."""

    def __init__(self, trunk_dropout=0.0):
        super().__init__()
        self.first, self.trunk_dropout = nn.Linear(6, 8), nn.Dropout(trunk_dropout)
        self.dropout, self.out = nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.dropout(torch.relu(self.trunk_dropout(self.first(x)))))


class Submodule(nn.Module):
    """A head with a function between its layers, as some Transformers have it."""

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout, self.dense, self.out = nn.Dropout(0.3), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.out(self.dropout(torch.tanh(self.dense(self.dropout(x)))))

    def __init__(self):
        super().__init__()
        self.trunk, self.classifier = nn.Linear(6, 8), self.Classifier()

    def forward(self, x):
        return self.classifier(self.trunk(x))


class Branch(Attributes):
    """The logits also take a path round the last random layer."""

    def forward(self, x):
        hidden = torch.relu(self.first(x))
        return self.out(self.dropout(hidden) + hidden)


class Twice(Attributes):
    """The same random layer at two places."""

    def forward(self, x):
        return self.out(self.dropout(torch.relu(self.dropout(self.first(x)))))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 8, num_layers=2, dropout=0.4, batch_first=True)
        self.dropout, self.out = nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.dropout(self.lstm(x[:, None])[0][:, -1]))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.out = nn.MultiheadAttention(6, 2, dropout=0.2, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        x = x[:, None]
        return self.out(self.attention(x, x, x)[0][:, 0])


def sequential():
    return nn.Sequential(
        nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)
    )


X = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
SPLIT = {"attributes": Attributes, "submodule": Submodule, "sequential": sequential}
WHOLE = {"trunk": lambda: Attributes(0.2), "branch": Branch, "twice": Twice, "lstm": Recurrent, "attention": Attention}


class Wrapper(nn.Module):
    """As a LightningModule holds a network: nothing of its own stands before it."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)


def scheduled(model, rule=None, rate=0.1):
    return UncertaintyLR(torch.optim.SGD(model.parameters(), lr=rate), rule or Threshold(threshold=0.5))


def train_pass(model, inputs=X):
    model.train()
    output = model(inputs)
    output.square().sum().backward()
    return output


@pytest.mark.parametrize("build", SPLIT.values(), ids=SPLIT)
def test_the_head_holds_all_random_layers_and_gives_the_logits(build):
    model = build()
    head = find_head(model, lambda: model(X))
    assert set(stochastic_layers(head.layers)) == set(stochastic_layers(model))
    caught = []
    handle = head.entrance.register_forward_pre_hook(lambda module, args: caught.append(args[0]))
    logits = model.eval()(X)
    handle.remove()
    assert torch.allclose(head.layers.eval()(caught[0]), logits)


def test_the_head_of_our_own_networks_is_their_head():
    for model, inputs in ((CNN(8, 1, 3), torch.zeros(2, 1, 8, 8)), (LSTMClassifier(9, 2), torch.ones(2, 4).long())):
        head = find_head(model, lambda model=model, inputs=inputs: model(inputs))
        assert list(head.layers) == list(model.head)


@pytest.mark.parametrize("build", SPLIT.values(), ids=SPLIT)
def test_a_wrapped_network_has_the_head_of_the_network(build):
    net = build()
    wrapped = Wrapper(net)
    plain, other = find_head(net, lambda: net(X)), find_head(wrapped, lambda: wrapped(X))
    assert set(plain.layers.modules()) - {plain.layers} == set(other.layers.modules()) - {other.layers}
    assert len(set(other.layers.parameters())) < len(list(net.parameters()))


@pytest.mark.parametrize("wrap", [Wrapper, lambda net: net])
@pytest.mark.parametrize("build", WHOLE.values(), ids=WHOLE)
def test_no_head_where_a_piece_alone_would_be_another_model(build, wrap):
    model = wrap(build())
    assert find_head(model, lambda: model(X)) is None


@pytest.mark.parametrize("build", SPLIT.values(), ids=SPLIT)
def test_a_reading_is_the_estimators_on_the_features_of_the_pass(build):
    model = build()
    scheduler = scheduled(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listener = listen(model, scheduler, seed=3)
        train_pass(model)
    samples = generator(3, 0, "reading 0 of process 0")
    expected = read_signal("predictive_entropy", MCDropout().estimate(model, X, generator=samples))
    # Full passes and the head alone draw their masks in different ways, so only up to the noise of 32 samples.
    assert listener.reading == pytest.approx(float(expected), abs=0.03)
    assert scheduler.queued_mean == listener.reading


@pytest.mark.parametrize("build", WHOLE.values(), ids=WHOLE)
def test_full_passes_are_announced_with_their_cost(build):
    model = build()
    scheduler = scheduled(model)
    listener = listen(model, scheduler, estimator=MCDropout(num_samples=7))
    passes = []
    model.register_forward_pre_hook(lambda module, args: passes.append(module.training))
    with pytest.warns(UserWarning, match="each reading costs 7 more forward passes.*every=k"):
        train_pass(model)
    assert len(passes) == 1 + 1 + 7, "the search, the training pass and the samples"
    expected = MCDropout(7).estimate(model, X, generator=generator(0, 0, "reading 0 of process 0"))
    assert listener.reading == pytest.approx(float(read_signal("predictive_entropy", expected)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_pass(model)
    assert listener.readings == 2


@pytest.mark.parametrize("build", {**SPLIT, **WHOLE}.values(), ids={**SPLIT, **WHOLE})
@pytest.mark.filterwarnings("ignore:not all random layers")
def test_listening_changes_nothing_of_the_training(build):
    outcomes = []
    for heard in (True, False):
        torch.manual_seed(0)
        model = nn.Sequential(nn.BatchNorm1d(6), build())
        scheduler = scheduled(model, rate=0.01)
        listener = listen(model, scheduler) if heard else None
        for _ in range(3):
            train_pass(model)
            scheduler.optimizer.step()
            scheduler.optimizer.zero_grad()
        outcomes.append([*model.state_dict().values(), torch.rand(2)])
        assert model.training
        if listener:
            assert listener.readings == 3
            listener.close()
            assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(one, other) for one, other in zip(*outcomes, strict=True))


def test_only_training_passes_are_heard():
    model = sequential()
    scheduler = scheduled(model)
    listener = listen(model, scheduler)
    model.eval()(X)
    model.train()
    with torch.no_grad():
        model(X)
    assert listener.readings == 0
    with listener:
        train_pass(model)
    train_pass(model)
    assert listener.readings == 1


def steps_of(model, scheduler, count):
    for _ in range(count):
        output = model(X)
        if output.requires_grad:
            output.sum().backward()
        scheduler.optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("read_before", [False, True], ids=["never read", "read before a validation"])
def test_a_model_left_in_evaluation_mode_is_told_of_once(read_before):
    model = sequential()
    scheduler = scheduled(model, rate=0.0)
    listener = listen(model, scheduler)
    steps_of(model, scheduler, 3 * read_before)
    model.eval()
    steps_of(model, scheduler, 99)
    with pytest.warns(
        UserWarning, match=r"Sequential was called in evaluation mode in 100 steps.*model\.train\(\)"
    ) as caught:
        steps_of(model, scheduler, 150)
    assert len(caught) == 1, "the scheduler does not repeat it"
    assert listener.readings == 3 * read_before
    model.train()
    steps_of(model, scheduler, 1)
    assert listener.readings == 3 * read_before + 1


def test_passes_without_gradients_are_told_of():
    model = sequential()
    scheduler = scheduled(model, rate=0.0)
    listen(model, scheduler)
    with torch.no_grad(), pytest.warns(UserWarning, match="called with gradients off"):
        steps_of(model, scheduler, 100)


def test_validation_between_training_passes_is_no_silence():
    model = sequential()
    scheduler = scheduled(model, rate=0.0)
    listen(model, scheduler, every=50)
    for _ in range(6):
        steps_of(model.train(), scheduler, 25)
        for _ in range(200):
            model.eval()(X)
        steps_of(model, scheduler, 5)


def test_accumulated_passes_make_one_decision_on_their_mean():
    model = sequential()
    scheduler = scheduled(model)
    listener = listen(model, scheduler)
    values = set()
    for _ in range(4):
        train_pass(model)
        values.add(listener.reading)
    assert scheduler.queued_weight == 4
    assert len(values) == 4, "each pass draws samples of its own"
    scheduler.optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.05]
    assert listener.readings == 4


def test_every_kth_step_is_read():
    model = sequential()
    scheduler = scheduled(model)
    listener = listen(model, scheduler, every=3)
    heard = []
    for _ in range(7):
        train_pass(model)
        heard.append(listener.readings)
        scheduler.optimizer.step()
        scheduler.step()
    assert heard == [1, 1, 1, 2, 2, 2, 3]


def test_a_resumed_training_draws_what_the_whole_one_drew():
    def steps(model, scheduler, count, first):
        readings = []
        for step in range(first, first + count):
            torch.manual_seed(step)
            scheduler.optimizer.zero_grad()
            train_pass(model)
            readings.append(scheduler.queued_mean)
            scheduler.optimizer.step()
            scheduler.step()
        return readings

    torch.manual_seed(0)
    whole = sequential()
    scheduler = scheduled(whole)
    listen(whole, scheduler)
    first = steps(whole, scheduler, 3, 0)
    saved = whole.state_dict(), scheduler.optimizer.state_dict(), scheduler.state_dict()
    saved = torch.utils._pytree.tree_map(lambda each: each.clone() if isinstance(each, torch.Tensor) else each, saved)
    second = steps(whole, scheduler, 3, 3)
    assert len({*first, *second}) == 6

    resumed = sequential()
    again = scheduled(resumed)
    for part, state in zip((resumed, again.optimizer, again), saved, strict=True):
        part.load_state_dict(state)
    listen(resumed, again)
    assert steps(resumed, again, 3, 3) == second
    assert again.get_last_lr() == scheduler.get_last_lr()


class Keywords(Submodule):
    """Called as Hugging Face models are."""

    def forward(self, *, features, labels=None):
        return SimpleNamespace(loss=None, logits=super().forward(features))


def test_keyword_inputs_and_outputs_with_logits():
    model = Keywords()
    scheduler = scheduled(model)
    listener = listen(model, scheduler)
    model.train()
    model(features=X, labels=torch.zeros(5)).logits.sum().backward()
    assert 0 < listener.reading <= 1


@pytest.mark.filterwarnings("ignore:not all random layers")
def test_full_passes_with_keyword_inputs():
    class Model(Branch):
        def forward(self, *, x):
            return {"logits": super().forward(x)}

    model = Model()
    listener = listen(model, scheduled(model))
    model(x=X)["logits"].sum().backward()
    assert 0 < listener.reading <= 1


def test_other_estimators_and_signals():
    model = Attributes()
    analytic = listen(model, scheduled(model), estimator=AnalyticDropout(), signal="mutual_information")
    train_pass(model)
    analytic.close()
    sampled = listen(model, scheduled(model), estimator=MCDropout(512), signal="mutual_information")
    train_pass(model)
    assert analytic.reading == pytest.approx(sampled.reading, abs=0.02)
    plain = nn.Linear(6, 3)
    listener = listen(plain, scheduled(plain), estimator=Deterministic())
    train_pass(plain)
    expected = read_signal("predictive_entropy", Deterministic().estimate(plain, X))
    assert listener.reading == pytest.approx(float(expected))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_inside_or_outside_the_model(dtype):
    for inside in (True, False):
        torch.manual_seed(0)
        model = Attributes()
        exact = listen(model, scheduled(model), estimator=MCDropout(256))
        train_pass(model)
        exact.close()
        if inside:  # as Accelerate does it: the hooks run outside
            inner = model.forward

            def forward(x, inner=inner):
                with torch.autocast("cpu", dtype):
                    return inner(x).float()

            model.forward = forward
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            listener = listen(model, scheduled(model), estimator=MCDropout(256))
            with torch.autocast("cpu", dtype, enabled=not inside):
                model(X).float().sum().backward()
        listener.close()
        assert listener.reading == pytest.approx(exact.reading, abs=0.02)


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_compiled_model(wrapped):
    torch.manual_seed(0)
    model = sequential()
    compiled = torch.compile(model, backend="aot_eager")
    listener = listen(compiled if wrapped else model, scheduled(model))
    readings = []
    for _ in range(3):
        train_pass(compiled)
        readings.append(listener.reading)
    assert listener.readings == 3
    listener.close()
    plain = listen(model, scheduled(model))
    train_pass(model)
    assert readings[-1] == pytest.approx(plain.reading, abs=0.03)


def test_inside_sequential_lr_with_a_warm_up():
    model = sequential()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    warm_up = LinearLR(optimizer, start_factor=0.1, total_iters=2)
    scheduler = UncertaintyLR(optimizer, Threshold(threshold=0.5))
    both = SequentialLR(optimizer, [warm_up, scheduler], milestones=[2])
    assert find_scheduler(both) is scheduler
    listen(model, scheduler)
    rates = []
    for _ in range(4):
        train_pass(model)
        optimizer.step()
        both.step()
        rates.append(both.get_last_lr()[0])
    assert rates == pytest.approx([0.055, 0.1, 0.05, 0.025])


@pytest.mark.parametrize(
    ("model", "options", "error", "words"),
    [
        (nn.Linear(6, 3), {}, ValueError, "Linear has no dropout layer.*nn.Dropout before its last.*estimator=D"),
        (nn.Sequential(nn.Linear(6, 3), nn.Dropout(0.0)), {}, ValueError, "no dropout layer with p > 0"),
        (sequential(), {"every": 0}, ValueError, "every=0 must be at least 1"),
        (sequential(), {"signal": "entropy"}, ValueError, "unknown signal 'entropy'"),
        (sequential(), {"logits": lambda output: output[0]}, ValueError, r"shape \(3,\).*\[batch, classes\]"),
        (Attributes(0.2), {"estimator": AnalyticDropout()}, ValueError, "analytic_dropout needs"),
        (nn.Sequential(nn.Dropout(), nn.LSTM(6, 3)), {}, TypeError, "a tuple, is no tensor and has no `logits`"),
    ],
)
@pytest.mark.filterwarnings("ignore:not all random layers")
def test_bad_input_is_named(model, options, error, words):
    def first_pass():
        listen(model, scheduled(model), **options)
        model(X)

    with pytest.raises(error, match=words):
        first_pass()


def test_a_diverged_network_is_named():
    model = sequential()
    scheduler = scheduled(model)
    listen(model, scheduler)
    with torch.no_grad():
        model[0].weight.fill_(torch.nan)
    with pytest.raises(ValueError, match="not finite"):
        train_pass(model)
    assert scheduler.queued_weight == 0


def test_the_schedulers_of_a_trainer_must_hold_exactly_one_of_ours():
    one, other = scheduled(sequential()), scheduled(sequential())
    assert find_scheduler(SimpleNamespace(scheduler=one)) is one
    with pytest.raises(ValueError, match="found 0 UncertaintyLR.*StepLR"):
        find_scheduler(torch.optim.lr_scheduler.StepLR(one.optimizer, 3))
    with pytest.raises(ValueError, match="found 2 UncertaintyLR"):
        find_scheduler(one, other)


class Probabilities(Attributes):
    def forward(self, x):
        return super().forward(x).softmax(-1)


def test_probabilities_are_refused_at_the_first_pass_with_the_mend():
    for model in (Probabilities(), nn.Sequential(*sequential(), nn.Softmax(-1))):
        with listen(model, scheduled(model)), pytest.raises(ValueError, match="return probabilities.*logits=lambda"):
            model(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a function after the head: whole passes
        listener = listen(model, scheduled(model), estimator=Deterministic(), logits=lambda p: p.clamp(min=1e-12).log())
        model(X)
    expected = Deterministic().estimate(model[:-1], X)
    assert listener.reading == pytest.approx(float(read_signal("predictive_entropy", expected)), abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_probabilities_of_any_precision_are_known_and_logits_are_not_taken_for_them(dtype):
    logits = 5 * torch.randn(64, 10, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="probabilities"):
        refuse_probabilities(logits.softmax(-1).to(dtype))
    for fine in (logits, logits.abs(), torch.zeros(4, 3), logits.log_softmax(-1), logits[:, :1].sigmoid(), logits[:0]):
        refuse_probabilities(fine.to(dtype))


def test_one_output_is_read_as_two_classes_and_says_so_where_it_is_a_surprise():
    model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    with listen(model, scheduled(model)), pytest.warns(UserWarning, match="second of two classes.*regression"):
        train_pass(model)
    with listen(model, scheduled(model), logits=lambda output: output):
        train_pass(model)
    ours = LSTMClassifier(9, 2, 4, 4)
    with listen(ours, scheduled(ours)):
        train_pass(ours, torch.ones(2, 4).long())


def test_a_second_listener_is_refused_until_the_first_is_closed():
    model = sequential()
    first = listen(model, scheduled(model))
    with pytest.raises(ValueError, match=r"this Sequential has a listener already.*close\(\).*stop_listening"):
        listen(torch.compile(model, backend="eager"), scheduled(model))
    first.close()
    listen(model, scheduled(model))  # kept by nobody
    gc.collect()
    stop_listening(model)
    stop_listening(model)
    first.close()
    with listen(model, scheduled(model)) as third:
        train_pass(model)
    assert (first.readings, third.readings) == (0, 1)


def test_a_model_with_a_listener_is_freed():
    model = sequential()
    listen(model, scheduled(model))
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (lambda model: (scheduled(model), model), {}, "needs a torch.nn.Module first, got a UncertaintyLR"),
        (lambda model: (model, StepLR(scheduled(model).optimizer, 3)), {}, "needs an UncertaintyLR second, got a StepLR"),
        (lambda model: (model, scheduled(model)), {"estimator": "mc_dropout"}, "such as MCDropout.*not 'mc_dropout'"),
        (lambda model: (model, scheduled(model)), {"estimator": MCDropout}, "estimator must be an instance"),
    ],
)
def test_mistaken_arguments_are_named_at_once(arguments, options, words):
    with pytest.raises(TypeError, match=words):
        listen(*arguments(sequential()), **options)


def test_the_price_of_a_deterministic_reading_names_no_samples():
    model = Attributes(0.2)
    listener = listen(model, scheduled(model), estimator=Deterministic())
    with pytest.warns(UserWarning, match=r"costs 1 more forward pass\. Cheaper: every=k$"):
        train_pass(model)
    assert listener.readings == 1
