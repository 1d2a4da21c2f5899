"""uncertlr: let a network's own predictive uncertainty set its learning rate, and judge whether it should."""

__version__ = "0.1.0"
