import math

import pytest
import torch

from uncertlr.estimators import Prediction
from uncertlr.schedulers import SIGNALS, read_signal, signal_maximum


def prediction(num_classes, sure):
    uniform = torch.full((4, 3, num_classes), 1 / num_classes)
    one_hot = torch.eye(num_classes)[torch.zeros(4, 3, dtype=torch.long)]
    return Prediction.from_probs(one_hot if sure else uniform)


@pytest.mark.parametrize("num_classes", [2, 10])
@pytest.mark.parametrize("name", sorted(set(SIGNALS) - {"mutual_information"}))
def test_a_share_of_the_maximum_whatever_the_number_of_classes(name, num_classes):
    assert float(read_signal(name, prediction(num_classes, sure=False))) == pytest.approx(1.0)
    assert float(read_signal(name, prediction(num_classes, sure=True))) == 0.0


def test_mutual_information_is_at_its_maximum_when_sure_members_disagree():
    probs = torch.eye(10)[torch.arange(10)].unsqueeze(1)
    assert float(read_signal("mutual_information", Prediction.from_probs(probs))) == pytest.approx(1.0)


def test_maxima():
    assert signal_maximum("predictive_entropy", 10) == math.log(10)
    assert signal_maximum("one_minus_max_prob", 4) == 0.75


def test_unknown_signal():
    with pytest.raises(ValueError, match="'loss'"):
        read_signal("loss", prediction(2, sure=True))
