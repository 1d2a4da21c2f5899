import pytest
import torch
from torch import nn

from uncertlr.models import CNN, MLP, LSTMClassifier, MeanField, ResNet, SplitClassifier


def layers(module):
    return [type(layer).__name__ for layer in module.modules() if not list(layer.children())]


def test_cnn_is_the_reports_layer_for_layer():
    model = CNN(32, 3, 10)
    assert layers(model) == [
        "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d",
        "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d",
        "Flatten", "Linear", "ReLU", "Dropout", "Linear",
    ]  # fmt: skip
    assert [layer.out_channels for layer in model.modules() if isinstance(layer, nn.Conv2d)] == [32, 64]
    dense = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in dense] == [(128, 4096), (10, 128)]
    assert model.head[0].p == 0.5


def test_lstm_is_the_reports_layer_for_layer():
    model = LSTMClassifier(20_000, 2)
    assert layers(model) == ["Embedding", "LSTM", "Dropout", "Linear"]
    assert tuple(model.embedding.weight.shape) == (20_000, 128)
    assert model.lstm.hidden_size == 128
    assert model.head[1].out_features == 1  # dense-sigmoid


@pytest.mark.parametrize(("size", "channels", "classes"), [(8, 1, 10), (32, 3, 10), (33, 3, 100)])
def test_resnet_halves_twice_and_keeps_its_input(size, channels, classes):
    model = ResNet(channels, classes, 8).eval()
    inputs = torch.randn(3, channels, size, size)
    sizes = [tuple(model.trunk[:depth](inputs).shape[1:]) for depth in (4, 5, 6)]
    half, quarter = (size + 1) // 2, ((size + 1) // 2 + 1) // 2
    assert sizes == [(8, size, size), (16, half, half), (32, quarter, quarter)]
    assert model.features(inputs).shape == (3, 32)
    torch.testing.assert_close(model(inputs), model.head(model.features(inputs)))
    with torch.no_grad():
        for parameter in model.trunk[3].changed.parameters():
            parameter.zero_()
    torch.testing.assert_close(model.trunk[:4](inputs), model.trunk[:3](inputs))


def test_mlp_before_and_after_the_reports_change():
    before, after = MLP(64, 10, dropout=0.0), MLP(64, 10)
    assert layers(after) == ["Flatten", "Linear", "ReLU", "Dropout", "Linear"]
    after.load_state_dict(before.state_dict())
    inputs = torch.randn(4, 64)
    assert torch.equal(before.train()(inputs), after.eval()(inputs))
    assert not torch.equal(before(inputs), after.train()(inputs))


@pytest.mark.parametrize(("size", "channels", "classes"), [(4, 1, 2), (8, 1, 10), (28, 1, 3), (32, 3, 10), (33, 3, 100)])
def test_any_square_size_and_number_of_classes(size, channels, classes):
    model = CNN(size, channels, classes, (4, 8), 16)
    inputs = torch.randn(3, channels, size, size)
    assert model(inputs).shape == (3, classes)
    assert model.features(inputs).shape == (3, 16)


@pytest.mark.parametrize(("classes", "width"), [(2, 1), (3, 3), (5, 5)])
def test_two_classes_have_one_logit(classes, width):
    assert LSTMClassifier(30, classes, 4, 6)(torch.randint(1, 30, (3, 9))).shape == (3, width)


def test_forward_is_head_of_features():
    torch.manual_seed(0)
    for model, inputs in (
        (CNN(8, 1, 10, (4, 8), 16), torch.randn(3, 1, 8, 8)),
        (MLP(64, 10, 16), torch.randn(3, 64)),
        (LSTMClassifier(30, 2, 4, 6), torch.randint(1, 30, (3, 9))),
    ):
        model.eval()
        assert isinstance(model, SplitClassifier)
        assert not isinstance(MeanField(model), SplitClassifier)
        assert torch.equal(model(inputs), model.head(model.features(inputs)))


@pytest.mark.parametrize("training", [True, False])
def test_a_texts_logits_do_not_change_with_the_padding_beside_it(training):
    torch.manual_seed(0)
    model = LSTMClassifier(30, 2, 8, 16, dropout=0.0).train(training)
    texts = [torch.randint(1, 30, (length,)) for length in (1, 3, 9, 20)]
    padded = nn.utils.rnn.pad_sequence(texts, batch_first=True)
    wider = torch.nn.functional.pad(padded, (0, 15))
    together, apart = model(padded), torch.cat([model(text[None]) for text in texts])
    assert torch.allclose(together, apart, atol=1e-6)
    assert torch.allclose(model(wider), together, atol=1e-6)


def test_padding_gets_no_gradient():
    model = LSTMClassifier(30, 2, 8, 16)
    model(torch.tensor([[4, 5, 0, 0]])).sum().backward()
    assert model.embedding.weight.grad[0].abs().sum() == 0
    assert model.embedding.weight.grad[4].abs().sum() > 0


def test_the_forget_gate_starts_open():
    model = LSTMClassifier(30, 2, 8, 16)
    assert (model.lstm.bias_ih_l0 + model.lstm.bias_hh_l0)[16:32].tolist() == [1.0] * 16
