"""A reliability diagram of every epoch, through which a reader moves with a slider."""

from collections.abc import Mapping

from uncertlr.book.interactive.figure import InteractiveFigure
from uncertlr.metrics import ReliabilityCurve, expected_calibration_error

FEW = 20
"""A bin with fewer examples has no point: its gap is noise."""


def reliability_over_epochs(curves: Mapping[int, ReliabilityCurve], *, initial: int | None = None) -> InteractiveFigure:
    """Accuracy minus confidence against confidence, and the examples of each bin, at each of a training's epochs.

    Args:
        curves: epoch to the reliability curve of the same examples, all with the same bins.
        initial: the epoch that is shown first; None for the first one.

    Raises:
        ValueError: no curve, curves of other bins, or an epoch to begin with that has no curve.
    """
    epochs = sorted(curves)
    if not epochs:
        raise ValueError("curves={} must hold the curve of at least one epoch")
    if len(bins := {len(curve.counts) for curve in curves.values()}) > 1:
        raise ValueError(f"curves have {sorted(bins)} bins; they must all have the same number")
    if initial is not None and initial not in curves:
        raise ValueError(f"initial={initial} has no curve; choose one of {epochs}")
    data = {
        "epochs": epochs,
        "curves": [_filled_bins(curves[epoch]) for epoch in epochs],
        "bins": bins.pop(),
        "few": FEW,
        "start": epochs.index(epochs[0] if initial is None else initial),
    }
    rows = "".join(_row(epoch, curves[epoch]) for epoch in epochs)
    head = "<th>epoch</th><th>accuracy</th><th>mean confidence</th><th>ECE</th>"
    label = "Accuracy minus confidence against confidence, and examples in each bin; a slider chooses the epoch"
    return InteractiveFigure("reliability_over_epochs", data, label, f"<table><tr>{head}</tr>{rows}</table>")


def means_of(curve: ReliabilityCurve) -> tuple[float, float]:
    """Accuracy and mean confidence of all examples of a reliability curve."""
    counts, full = curve.counts.double(), curve.counts > 0
    total = counts.sum()
    accuracy, confidence = (
        float((counts * values.double())[full].sum() / total) for values in (curve.accuracy, curve.confidence)
    )
    return accuracy, confidence


def _filled_bins(curve: ReliabilityCurve) -> list[tuple[int, int, float, float]]:
    """Number of the bin, examples, mean confidence and accuracy of each bin that is not empty."""
    columns = (curve.counts.tolist(), curve.confidence.tolist(), curve.accuracy.tolist())
    bins = enumerate(zip(*columns, strict=True))
    return [(index, count, confidence, accuracy) for index, (count, confidence, accuracy) in bins if count]


def _row(epoch: int, curve: ReliabilityCurve) -> str:
    values = (*means_of(curve), float(expected_calibration_error(curve)))
    return f"<tr><td>{epoch}</td>{''.join(f'<td>{value:.3f}</td>' for value in values)}</tr>"
