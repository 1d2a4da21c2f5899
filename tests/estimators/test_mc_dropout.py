import pytest
import torch
from torch import nn

from uncertlr.estimators import MCDropout
from uncertlr.estimators.mc_dropout import draw_masks, masked_logits
from uncertlr.metrics import class_probs
from uncertlr.models import CNN, LSTMClassifier


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_masks_keep_the_right_share_and_are_independent(p):
    masks = draw_masks((64, 50, 63), p, torch.Generator().manual_seed(1)).double()
    deviation = (p * (1 - p) / masks.numel()) ** 0.5
    assert abs(float(masks.mean()) - (1 - p)) < 5 * deviation
    pairs = torch.corrcoef(masks.flatten(1))
    off_diagonal = pairs[~torch.eye(64, dtype=torch.bool)]
    assert off_diagonal.abs().max() < 6 / (50 * 63) ** 0.5


@pytest.mark.parametrize("p", [1e-7, 0.1, 0.5, 0.999999])
@pytest.mark.parametrize("rows", [1, 5])
def test_integer_masks_are_comparisons_and_multiply_bit_for_bit_as_booleans(p, rows):
    shape, draw = (7, rows, 31), torch.Generator().manual_seed(3)
    masks = draw_masks(shape, p, torch.Generator().manual_seed(3))
    words = torch.empty((7 * rows * 31 + 3) // 4, dtype=torch.int64).random_(-(2**63), None, generator=draw)
    kept = words.view(torch.int16)[: 7 * rows * 31].to(torch.int32) + 2**15 >= min(round(p * 2**16), 2**16 - 1)
    assert torch.equal(masks.bool(), kept.view(shape))
    assert set(masks.unique().tolist()) <= {0, 1}
    features, linear = torch.randn(5, 31), nn.Linear(31, 4)
    assert torch.equal(masked_logits(features, masks, linear, p), masked_logits(features, masks.bool(), linear, p))


def test_masked_logits_are_a_loop_over_samples_with_torchs_own_scaling():
    """The fast path against its readable reference."""
    torch.manual_seed(0)
    features, linear, p = torch.randn(5, 16), nn.Linear(16, 3), 0.25
    per_example = torch.rand(7, 5, 16) >= p
    shared = torch.rand(7, 1, 16) >= p
    for masks in (per_example, shared):
        reference = torch.stack([linear(features * mask / (1 - p)) for mask in masks])
        assert torch.allclose(masked_logits(features, masks, linear, p), reference, atol=1e-5)


@pytest.mark.parametrize("shared", [False, True])
def test_fast_path_has_the_moments_of_torchs_dropout(shared):
    """Over many samples the mean and the spread of the probabilities agree with plain passes through the layers."""
    torch.manual_seed(0)
    head = nn.Sequential(nn.Dropout(0.5), nn.Linear(24, 4))
    model = CNN(8, 1, 4, (2, 3), 24)
    model.head = head
    features = torch.randn(3, 24)
    with torch.no_grad():
        plain = torch.stack([class_probs(head.train()(features)) for _ in range(6_000)])
    ours = MCDropout(6_000, shared_masks=shared).estimate_from_features(model, features)
    error = plain.std(0) / 6_000**0.5
    assert ((ours.mean_probs - plain.mean(0)).abs() < 6 * error + 1e-6).all()
    information = MCDropout(6_000).estimate_from_features(model, features).mutual_information
    assert torch.allclose(ours.mutual_information, information, atol=0.02)


def test_any_other_head_is_sampled_layer_by_layer():
    torch.manual_seed(0)
    model = CNN(8, 1, 4, (2, 3), 24)
    deep = nn.Sequential(nn.Dropout(0.5), nn.Linear(24, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 4))
    model.head = deep
    features = torch.randn(3, 24)
    with torch.no_grad():
        plain = torch.stack([class_probs(deep.train()(features)) for _ in range(4_000)])
    ours = MCDropout(4_000).estimate_from_features(model, features)
    assert ((ours.mean_probs - plain.mean(0)).abs() < 6 * plain.std(0) / 4_000**0.5 + 1e-6).all()


def test_trunk_is_computed_once():
    model, calls = CNN(8, 1, 10, (4, 8), 16), []
    model.trunk.register_forward_hook(lambda *arguments: calls.append(1))
    MCDropout(20).estimate(model, torch.randn(5, 1, 8, 8))
    assert len(calls) == 1


def test_batch_norm_uses_its_running_statistics():
    model = CNN(8, 1, 10, (4, 8), 16).train()
    inputs = torch.randn(5, 1, 8, 8)
    alone = MCDropout(4).estimate(model, inputs[:1]).mean_probs
    model.head[0].p = 0.5
    with torch.no_grad():
        model.eval()
        together = model.features(inputs)[:1]
    assert torch.allclose(MCDropout(4).estimate_from_features(model, together).mean_probs, alone, atol=1e-6)


def test_dropout_in_the_trunk_falls_back_to_full_passes():
    class Leaky(CNN):
        pass

    model = Leaky(8, 1, 10, (4, 8), 16)
    model.trunk.append(nn.Dropout(0.5))
    prediction = MCDropout(6).estimate(model, torch.randn(5, 1, 8, 8))
    assert (prediction.mutual_information > 0).any()
    with pytest.raises(ValueError, match=r"estimate\(inputs\)"):
        MCDropout(6).estimate_from_features(model, torch.randn(5, 16))


def test_recurrent_dropout_counts_as_stochastic():
    model = LSTMClassifier(50, 2, 8, 12, dropout=0.0)
    model.lstm = nn.LSTM(8, 12, num_layers=2, dropout=0.5, batch_first=True)
    assert (MCDropout(6).estimate(model, torch.randint(1, 50, (5, 7))).mutual_information > 0).any()


def test_no_dropout_is_refused():
    with pytest.raises(ValueError, match="dropout"):
        MCDropout().estimate(CNN(8, 1, 10, (4, 8), 16, dropout=0.0), torch.randn(5, 1, 8, 8))
    with pytest.raises(ValueError, match="num_samples=0"):
        MCDropout(0)
