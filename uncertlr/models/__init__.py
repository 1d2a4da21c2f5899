"""Networks that return logits, split into a deterministic `features` and a stochastic `head`; and random weights for any."""

from uncertlr.models.mean_field import MeanField
from uncertlr.models.networks import CNN, MLP, LSTMClassifier, ResNet
from uncertlr.models.split import SplitClassifier

__all__ = ["CNN", "MLP", "LSTMClassifier", "MeanField", "ResNet", "SplitClassifier"]
