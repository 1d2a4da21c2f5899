"""What a training step minimizes: the loss of a point network, or the evidence lower bound of a random one."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from uncertlr.data import Batch
from uncertlr.metrics import cross_entropy
from uncertlr.models import MeanField


@dataclass(frozen=True)
class Forward:
    """One forward pass in training mode, with gradients.

    Attributes:
        logits: [S, B, C], of the S weight samples; a point network has one.
        features: [B, D], what a point network's head was given; None where the trunk is random.
        loss: mean negative log-likelihood in nats, 0-dim.
        objective: what is minimized, 0-dim.
    """

    logits: Tensor
    features: Tensor | None
    loss: Tensor
    objective: Tensor


def forward(model: nn.Module, batch: Batch, num_examples: int, weight_samples: int) -> Forward:
    """Pass a training batch through the model.

    Args:
        model: with `features` and `head`, or a `MeanField`.
        batch: inputs and targets.
        num_examples: of the training set, over which the divergence from the prior is spread.
        weight_samples: draws of a random model's weights.
    """
    if isinstance(model, MeanField):
        logits = torch.stack([model(batch.inputs) for _ in range(weight_samples)])
        loss = cross_entropy(logits.flatten(0, 1), batch.targets.repeat(weight_samples))
        return Forward(logits, None, loss, loss + model.kl() / num_examples)
    features: Tensor = model.features(batch.inputs)  # type: ignore[operator]
    outputs: Tensor = model.head(features)  # type: ignore[operator]
    loss = cross_entropy(outputs, batch.targets)
    return Forward(outputs.unsqueeze(0), features, loss, loss)
