"""Networks that return logits, split into a deterministic `features` and a stochastic `head`."""

from uncertlr.models.networks import CNN, MLP, LSTMClassifier

__all__ = ["CNN", "MLP", "LSTMClassifier"]
