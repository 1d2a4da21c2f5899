"""Dropout on means that the network really samples, wherever its dropout is called; judged by many passes by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from uncertlr.estimators import AnalyticDropout, Deterministic, Ensemble, MCDropout, Prediction, fit_laplace
from uncertlr.models import CNN

SAMPLES = 600


class GatedByParent(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.drop, self.last = nn.Linear(8, 32), nn.Dropout(0.5), nn.Linear(32, 3)

    def forward(self, inputs):
        hidden = self.first(inputs).relu()
        return self.last(self.drop(hidden) if self.training else hidden)


class Functional(nn.Module):
    """One dropout that can be seen in the head, and one in the trunk that is a function of the model's own flag."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 32)
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(32, 3))

    def features(self, inputs):
        return F.dropout(self.first(inputs).relu(), 0.5, self.training)

    def forward(self, inputs):
        return self.head(self.features(inputs))


class FunctionalAside(nn.Module):
    """A module that has no dropout layer and calls the function, beside one that has."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 32)

        def forward(self, inputs):
            return F.dropout(self.linear(inputs).relu(), 0.5, self.training)

    def __init__(self):
        super().__init__()
        self.block, self.drop, self.last = self.Block(), nn.Dropout(0.1), nn.Linear(32, 3)

    def forward(self, inputs):
        return self.last(self.drop(self.block(inputs)))


class Encoder(nn.Module):
    def __init__(self, layers=1):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False) if layers > 1 else layer
        self.last = nn.Linear(8, 3)

    def forward(self, inputs):
        return self.last(self.encoder(inputs.unsqueeze(1).expand(-1, 4, -1))[:, 0])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)
        self.last = nn.Linear(8, 3)

    def forward(self, inputs):
        tokens = torch.stack([inputs, inputs.flip(1), 2 * inputs], 1)
        return self.last(self.attention(tokens, tokens, tokens, need_weights=False)[0][:, 0])


class MoreThanItsHead(nn.Module):
    """Has `features` and `head`; its forward does more with them."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 32)
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(32, 3))

    def features(self, inputs):
        return self.first(inputs).relu()

    def forward(self, inputs):
        return 3 * self.head(self.features(inputs)) + inputs[:, :3]


class Normalized(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 3))

    def forward(self, inputs):
        return self.layers(inputs)


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 32)
        self.head = nn.Sequential(nn.Dropout(0.5, inplace=True), nn.Linear(32, 3))

    def features(self, inputs):
        return self.first(inputs).relu()

    def forward(self, inputs):
        return self.head(self.features(inputs))


class Hooked(InPlace):
    def __init__(self):
        super().__init__()
        self.head[1].register_forward_hook(lambda module, args, output: 3 * output)


class LogitsOnlyInTraining(GatedByParent):
    """Probabilities in evaluation mode, as some networks have it; sampling sees its logits."""

    def forward(self, inputs):
        logits = super().forward(inputs)
        return logits if self.training else logits.softmax(1)


class SpectralNorm(nn.Module):
    def __init__(self):
        super().__init__()
        first = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 32))
        self.layers = nn.Sequential(first, nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 3))

    def forward(self, inputs):
        return self.layers(inputs)


class MovingMean(nn.Module):
    """Takes off a running mean, which it moves in training mode; of its own, so no list of layers can know it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(8))

    def forward(self, inputs):
        if self.training:
            self.mean = 0.5 * self.mean + 0.5 * inputs.mean(0)
        return inputs - self.mean


MODELS = {
    "gated by its parent": GatedByParent,
    "a function in the trunk": Functional,
    "a function in a module without dropout layers": FunctionalAside,
    "encoder layer": Encoder,
    "encoder of two layers": lambda: Encoder(2),
    "attention": Attention,
    "more than its head": MoreThanItsHead,
    "batch normalization": Normalized,
    "in place": InPlace,
    "a hook inside the head": Hooked,
    "probabilities in evaluation mode": LogitsOnlyInTraining,
    "feature dropout": lambda: nn.Sequential(nn.Unflatten(1, (8, 1)), nn.Conv1d(8, 16, 1), nn.Dropout1d(0.5), nn.Flatten(),
                                             nn.Linear(16, 3)),
    "alpha dropout": lambda: nn.Sequential(nn.Linear(8, 32), nn.SELU(), nn.AlphaDropout(0.4), nn.Linear(32, 3)),
}  # fmt: skip


def make(name):
    torch.manual_seed(0)
    model = MODELS[name]()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(1.5)
    return model, torch.randn(6, 8)


def by_hand(model, inputs, count=SAMPLES):
    """Plain passes in training mode; normalization keeps its statistics."""
    torch.manual_seed(1)
    model.train()
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._NormBase):
            layer.eval()
    with torch.no_grad():
        return Prediction.from_logits(torch.stack([model(inputs) for _ in range(count)]))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("training", [True, False])
def test_mutual_information_is_that_of_many_passes_by_hand(name, training):
    model, inputs = make(name)
    truth = by_hand(model, inputs)
    ours = MCDropout(SAMPLES).estimate(model.train(training), inputs)
    assert float(truth.mutual_information.mean()) > 1e-3
    assert float(ours.mutual_information.mean()) == pytest.approx(float(truth.mutual_information.mean()), rel=0.2)
    assert torch.allclose(ours.mean_probs, truth.mean_probs, atol=0.08)


@pytest.mark.parametrize("attention_only", [True, False])
def test_a_hugging_face_encoder(attention_only):
    transformers = pytest.importorskip("transformers", reason="the package transformers is not installed")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, num_labels=3,
        hidden_dropout_prob=0.0 if attention_only else 0.1, attention_probs_dropout_prob=0.5, initializer_range=0.4,
    )  # fmt: skip
    model, inputs = transformers.BertForSequenceClassification(config), torch.randint(1, 60, (6, 9))
    model.train()
    torch.manual_seed(1)
    with torch.no_grad():
        truth = Prediction.from_logits(torch.stack([model(inputs).logits for _ in range(150)]))
    ours = MCDropout(150).estimate(model.eval(), inputs)
    assert float(truth.mutual_information.mean()) > 0.02
    assert float(ours.mutual_information.mean()) == pytest.approx(float(truth.mutual_information.mean()), rel=0.2)


@pytest.mark.parametrize("layer", [MovingMean, SpectralNorm])
def test_layers_that_move_their_buffers_in_training_stay_in_evaluation_mode(layer):
    torch.manual_seed(0)
    model = nn.Sequential(layer(), nn.Linear(8 if layer is MovingMean else 3, 16), nn.Dropout(0.5), nn.Linear(16, 3))
    inputs = 5 + torch.randn(6, 8)
    if layer is SpectralNorm:
        model[0].layers[2].p = 0.0
    expected = Deterministic().estimate(model, inputs)
    model[2].p = 1e-3  # so rarely that the samples' mean is nearly that of the network without dropout
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ours = MCDropout(200).estimate(model, inputs)
    assert torch.allclose(ours.mean_probs, expected.mean_probs, atol=0.02)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_dropout_that_is_never_called_is_refused():
    class Unused(GatedByParent):
        def forward(self, inputs):
            return self.last(self.first(inputs).relu())

    torch.manual_seed(0)
    with pytest.raises(ValueError, match=r"1 x Dropout\b"):
        MCDropout(4).estimate(Unused(), torch.randn(6, 8))
    with pytest.raises(ValueError, match=r"1 x Dropout\b"):
        MCDropout(1).estimate(Unused(), torch.randn(6, 8))


def test_dropout_whose_result_is_thrown_away_is_warned_of():
    class Ignored(GatedByParent):
        def forward(self, inputs):
            hidden = self.first(inputs).relu()
            self.drop(hidden)
            return self.last(hidden)

    torch.manual_seed(0)
    with pytest.warns(UserWarning, match=r"1 x Dropout\b"):
        prediction = MCDropout(4).estimate(Ignored(), torch.randn(6, 8))
    assert float(prediction.mutual_information.max()) < 1e-6


@pytest.mark.parametrize("estimator", [MCDropout(4), Deterministic()])
def test_outputs_that_are_no_logits_are_named(estimator):
    class Returns(nn.Module):
        def __init__(self, change):
            super().__init__()
            self.layers, self.change = nn.Sequential(nn.Linear(8, 5), nn.Dropout(0.5), nn.Linear(5, 3)), change

        def forward(self, inputs):
            return self.change(self.layers(inputs))

    cases = {
        "tuple": lambda logits: (logits, logits),
        "probabilities": lambda logits: logits.softmax(1),
        r"\[6, 3, 1\]": lambda logits: logits.unsqueeze(2),
        "int64": lambda logits: logits.argmax(1, keepdim=True),
    }
    for value, change in cases.items():
        with pytest.raises(ValueError, match=value):
            estimator.estimate(Returns(change), torch.randn(6, 8))
    assert estimator.estimate(Returns(lambda logits: {"logits": logits}), torch.randn(6, 8)).mean_probs.shape == (6, 3)


def test_estimators_that_need_a_head_refuse_a_model_that_is_more():
    torch.manual_seed(0)
    model, inputs = MoreThanItsHead(), torch.randn(6, 8)
    with pytest.raises(ValueError, match="MoreThanItsHead"):
        AnalyticDropout(8).estimate(model, inputs)
    with pytest.raises(ValueError, match="MoreThanItsHead"):
        fit_laplace(model, [(inputs, torch.tensor([0, 1, 2, 0, 1, 2]))])
    with pytest.raises(ValueError, match="Functional"):
        AnalyticDropout(8).estimate(Functional(), inputs)


def test_a_hidden_layer_in_the_head_is_no_last_layer():
    model = CNN(8, 1, 4, (2, 3), 16)
    model.head = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    with pytest.raises(ValueError, match="laplace.* features .* head "):
        fit_laplace(model, [(torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 3]))])


class Restless(nn.Module):
    """Draws random numbers and writes its buffers in any mode."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("total", torch.zeros(3))
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 3))

    def forward(self, inputs):
        self.calls += 1
        logits = self.layers(inputs) + 0.1 * torch.randn(3)
        self.total = self.total + logits.detach().sum(0)
        if logits.isnan().any():
            raise RuntimeError("broken")
        return logits


class RefusesToSwitch(GatedByParent):
    """Changes its weights when its mode is switched, as adapters that merge theirs do."""

    def train(self, mode=True):
        with torch.no_grad():
            self.last.weight.mul_(2.0)
        return super().train(mode)


@pytest.mark.parametrize("estimator", [MCDropout(3), Deterministic(), Ensemble()])
@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("kind", [Restless, RefusesToSwitch])
def test_buffers_modes_weights_and_streams_come_back(estimator, broken, kind):
    torch.manual_seed(0)
    model = kind()
    (model.layers[1] if kind is Restless else model.first).eval()  # a mode of its own
    wrapped = nn.ModuleList([model]) if isinstance(estimator, Ensemble) else model
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [layer.training for layer in model.modules()]
    same = [id(buffer) for buffer in model.buffers()]
    stream = torch.get_rng_state()
    inputs = torch.full((6, 8), torch.nan if broken else 1.0)
    if broken and kind is Restless:
        with pytest.raises(RuntimeError, match="broken"):
            estimator.estimate(wrapped, inputs)
    else:
        estimator.estimate(wrapped, inputs)
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert [layer.training for layer in model.modules()] == modes
    assert [id(buffer) for buffer in model.buffers()] == same
    assert torch.equal(torch.get_rng_state(), stream)


def test_an_estimate_between_forward_and_backward_changes_no_gradient():
    torch.manual_seed(0)
    model, inputs = Normalized(), torch.randn(6, 8)
    gradients = []
    for between in (lambda: None, lambda: MCDropout(3).estimate(model, inputs)):
        torch.manual_seed(2)
        model.zero_grad()
        model.eval()
        loss = model(inputs).square().mean()
        between()
        loss.backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


def test_lazy_layers_are_refused_before_anything_is_built():
    model = nn.Sequential(nn.LazyLinear(4), nn.Dropout(0.5), nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"model\(inputs\)"):
        MCDropout(2).estimate(model, torch.randn(6, 8))
    assert isinstance(model[0].weight, nn.UninitializedParameter)
