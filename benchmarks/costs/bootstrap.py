"""1,000 bootstrap replicates of the calibration error of 10,000 predictions, against loops over torchmetrics, netcal.

Ours also resamples accuracy, loss and Brier score in the same pass. The peers' loops are timed for a few replicates and
compared a replicate.
"""

from typing import Any

import torch

from benchmarks.costs import limits, subjects
from benchmarks.costs.clock import Effort, describe, in_turn, ratio_row
from uncertlr.metrics import bootstrap_intervals
from uncertlr.metrics.resampling import bootstrap_counts

EXAMPLES, CLASSES, BINS = 10_000, 10, 15
COUNTS, DRAWN = "uncertlr, its counts alone", "the counts of examples drawn one by one"
REPLICATES = {"uncertlr": 1_000, "torchmetrics": 20, "netcal": 20, COUNTS: 1_000, DRAWN: 1_000}


def measure(effort: Effort) -> dict[str, Any]:
    """A row per peer, and what our counts take of it."""
    from netcal.metrics import ECE
    from torchmetrics.functional.classification import multiclass_calibration_error

    subjects.settle()
    stream = torch.Generator().manual_seed(0)
    probs = (2 * torch.randn(EXAMPLES, CLASSES, generator=stream)).softmax(1)
    targets = torch.multinomial(probs, 1, generator=stream)[:, 0]
    confidences, labels = probs.numpy(), targets.numpy()
    error = ECE(bins=BINS)

    def resample() -> torch.Tensor:
        return torch.randint(EXAMPLES, (EXAMPLES,), generator=stream)

    def loop_over_torchmetrics() -> None:
        for _ in range(REPLICATES["torchmetrics"]):
            drawn = resample()
            multiclass_calibration_error(probs[drawn], targets[drawn], num_classes=CLASSES, n_bins=BINS)

    def loop_over_netcal() -> None:
        for _ in range(REPLICATES["netcal"]):
            drawn = resample().numpy()
            error.measure(confidences[drawn], labels[drawn])

    def counts_only() -> None:
        for _ in bootstrap_counts(EXAMPLES, REPLICATES[COUNTS]):
            pass

    def drawn() -> None:
        for _ in range(REPLICATES[DRAWN]):
            torch.bincount(resample(), minlength=EXAMPLES)

    tasks = {
        "uncertlr": lambda: bootstrap_intervals(probs, targets, num_replicates=REPLICATES["uncertlr"], num_bins=BINS),
        "torchmetrics": loop_over_torchmetrics,
        "netcal": loop_over_netcal,
        COUNTS: counts_only,
        DRAWN: drawn,
    }
    laps = in_turn(tasks, effort.rounds(25), warm_up=1)
    rows = []
    for peer in ("torchmetrics", "netcal"):
        scale = REPLICATES["uncertlr"] / REPLICATES[peer]
        name = f"bootstrap of the calibration error, a loop over {peer} over ours"
        rows.append(ratio_row(name, laps, peer, "uncertlr", at_least=50, scale=scale, note="time a replicate"))
    name = "bootstrap of the calibration error, a loop over torchmetrics over our counts alone"
    scale = REPLICATES[COUNTS] / REPLICATES["torchmetrics"]
    rows.append(ratio_row(name, laps, "torchmetrics", COUNTS, scale=scale, note="time a replicate"))
    rows.append(ratio_row("counts of examples drawn one by one over our counts", laps, DRAWN, COUNTS))
    counts, drawn_counts = (limits.limit(0, EXAMPLES * size) for size in (2 + 2 + 4, 8 + 8 + 8))  # written, read, counts
    score = limits.limit(EXAMPLES * (BINS + 3) * 2, EXAMPLES * 4)
    known = {COUNTS: counts, DRAWN: drawn_counts, "uncertlr": limits.together(counts, score)}
    return {
        "rows": rows,
        "times": {
            f"{task}, {REPLICATES[task]:,} replicates": describe(
                each, limits.repeated(REPLICATES[task], known.get(task, known["uncertlr"]))
            )
            for task, each in laps.items()
        },
    }
