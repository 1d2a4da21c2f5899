"""Points of two classes on a line, to which a reader adds more: the fit and both kinds of uncertainty answer."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from uncertlr.book.interactive.figure import InteractiveFigure
from uncertlr.estimators import Prediction, fit_laplace
from uncertlr.estimators.gaussian import normal_points

LOW, HIGH = -4.0, 4.0
NUM_BUMPS = 33
SHARPNESS = 2.0
"""A bump at c is exp(-SHARPNESS (x - c)^2)."""

NUM_POINTS = 256
"""Points at which the average over the Gaussian of the logit is computed."""

TOLERANCE = 1e-12
"""Newton's method ends where half the squared Newton decrement is below it; the loss is in nats."""

MOST_STEPS = 100
GRID = 161
"""Places at which the curves are drawn."""


class Bumps(nn.Module):
    """Logistic regression on 33 Gaussian bumps at equal distances along a line from -4 to 4, in double precision."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = torch.linspace(LOW, HIGH, NUM_BUMPS, dtype=torch.double)
        self.head = nn.Linear(NUM_BUMPS, 1, dtype=torch.double)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def features(self, inputs: Tensor) -> Tensor:
        """[B] positions to [B, 33]."""
        return torch.exp(-SHARPNESS * (inputs.double()[:, None] - self.centres) ** 2)

    def forward(self, inputs: Tensor) -> Tensor:
        """[B] positions to [B, 1] logits of class 1."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]


def fitted(positions: Tensor, labels: Tensor, prior_precision: float) -> Bumps:
    """The bumps with the weights of highest posterior density, by Newton's method with step halving.

    Args:
        positions: [N].
        labels: [N], 0 or 1.
        prior_precision: of every weight and the bias, which have a Gaussian prior around 0.
    """
    model = Bumps()
    columns = torch.cat([model.features(positions), torch.ones(len(positions), 1, dtype=torch.double)], 1)
    targets = labels.double()
    identity = torch.eye(NUM_BUMPS + 1, dtype=torch.double)

    def objective(weights: Tensor) -> float:
        logits = columns @ weights
        misfit = (nn.functional.softplus(logits) - targets * logits).sum()
        return float(misfit + 0.5 * prior_precision * weights.square().sum())

    weights = torch.zeros(NUM_BUMPS + 1, dtype=torch.double)
    for _ in range(MOST_STEPS):
        probs = torch.sigmoid(columns @ weights)
        gradient = columns.T @ (probs - targets) + prior_precision * weights
        curvature = columns.T @ ((probs * (1 - probs))[:, None] * columns) + prior_precision * identity
        direction = torch.linalg.solve(curvature, gradient)
        decrement = 0.5 * float(gradient @ direction)
        if decrement < TOLERANCE:
            break
        before, share = objective(weights), 1.0
        while objective(weights - share * direction) > before - 0.5 * share * decrement and share > 1e-6:
            share /= 2
        weights = weights - share * direction
    with torch.no_grad():
        model.head.weight.copy_(weights[None, :-1])
        model.head.bias.copy_(weights[-1:])
    return model


def prediction_on_a_line(positions: Tensor, labels: Tensor, at: Tensor, *, prior_precision: float = 0.1) -> Prediction:
    """The prediction at some places, given points of two classes: Laplace approximation around the best fit.

    Args:
        positions: [N], of the points; at least one.
        labels: [N], 0 or 1.
        at: [B], places.
        prior_precision: of every weight.
    """
    model = fitted(positions, labels, prior_precision)
    points = [(positions, labels.long())]
    laplace = fit_laplace(model, points, prior_precision=prior_precision, num_points=NUM_POINTS)
    return laplace.estimate(model, at)


def points_on_a_line(
    positions: Sequence[float] | Tensor, labels: Sequence[int] | Tensor, *, prior_precision: float = 0.1
) -> InteractiveFigure:
    """Points on a line; a reader adds some of either class by click or key.

    Args:
        positions: [N], between -4 and 4, of the points at first.
        labels: [N], 0 or 1.
        prior_precision: of every weight.
    """
    places, classes = torch.as_tensor(positions).double(), torch.as_tensor(labels).long()
    asked = torch.arange(math.ceil(LOW), math.floor(HIGH) + 1).double()
    prediction = prediction_on_a_line(places, classes, asked, prior_precision=prior_precision)
    columns = (asked, prediction.mean_probs[:, 1], prediction.expected_entropy, prediction.mutual_information)
    rows = "".join(
        f"<tr><td>{x:.0f}</td>{''.join(f'<td>{value:.2f}</td>' for value in values)}</tr>"
        for x, *values in torch.stack(columns, 1).tolist()
    )
    static = (
        "<table><tr><th>x</th><th>chance of class 1</th><th>aleatoric (nats)</th><th>epistemic (nats)</th></tr>"
        f"{rows}</table>"
    )
    data: dict[str, Any] = {
        "positions": places.tolist(),
        "labels": classes.tolist(),
        "centres": Bumps().centres.tolist(),
        "sharpness": SHARPNESS,
        "precision": prior_precision,
        "normal": normal_points(NUM_POINTS, 1)[:, 0].tolist(),
        "tolerance": TOLERANCE,
        "mostSteps": MOST_STEPS,
        "low": LOW,
        "high": HIGH,
        "grid": GRID,
    }
    label = "points of two classes on a line, the fit to them and both kinds of uncertainty; buttons add points"
    return InteractiveFigure("points_on_a_line", data, label, static)
