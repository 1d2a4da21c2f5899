"""Dropout masks on the last layer of a small network: which units are kept, and what each mask answers."""

from collections.abc import Sequence

import torch
from torch import Tensor

from uncertlr.book.interactive.figure import InteractiveFigure
from uncertlr.estimators import Prediction
from uncertlr.metrics import categorical_entropy


def dropout_masks(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    class_names: Sequence[str],
    *,
    image: Tensor | None = None,
    num_samples: int = 6,
    p: float = 0.5,
    seed: int = 0,
) -> InteractiveFigure:
    """Rows of dropout masks whose units a reader drops and brings back.

    Args:
        hidden: [units], what the last layer is given for one example, without dropout.
        weight: [C, units], of the last layer.
        bias: [C], of the last layer.
        class_names: of the C classes.
        image: [H, W] in 0..1, the example, drawn beside the masks.
        num_samples: masks.
        p: probability that a unit is dropped; kept ones are scaled by 1 / (1 - p), as in training.
        seed: of the first masks.
    """
    hidden, weight, bias = hidden.detach(), weight.detach(), bias.detach()
    keep = torch.rand(num_samples, len(hidden), generator=torch.Generator().manual_seed(seed)) >= p
    probs = answers(hidden, weight, bias, keep, p)
    prediction = Prediction.from_probs(probs[:, None])
    drawn = ["".join("■" if unit else "□" for unit in mask) for mask in keep.tolist()]
    numbers = torch.cat([probs, categorical_entropy(probs)[:, None]], dim=1)
    cells = ["".join(f"<td>{value:.2f}</td>" for value in row) for row in numbers.tolist()]
    rows = "".join(f"<tr><td>{mask}</td>{row}</tr>" for mask, row in zip(drawn, cells, strict=True))
    head = "".join(f"<th>{name}</th>" for name in ("units kept", *class_names, "entropy"))
    static = (
        f"<table><tr>{head}</tr>{rows}</table>"
        f"<p>Entropy of the mean: {float(prediction.predictive_entropy):.2f}. "
        f"Mean of the entropies: {float(prediction.expected_entropy):.2f}.</p>"
    )
    data = {
        "hidden": hidden.tolist(),
        "weight": weight.tolist(),
        "bias": bias.tolist(),
        "keep": keep.tolist(),
        "p": p,
        "classes": list(class_names),
        "image": [] if image is None else image.tolist(),
    }
    label = f"{num_samples} dropout masks of {len(hidden)} units; buttons drop a unit or bring it back"
    return InteractiveFigure("dropout_masks", data, label, static)


def answers(hidden: Tensor, weight: Tensor, bias: Tensor, keep: Tensor, p: float) -> Tensor:
    """Class probabilities with each mask, [num_samples, C]."""
    return torch.softmax((keep * hidden / (1 - p)) @ weight.T + bias, dim=-1)
