"""Tables of results: finished runs in, tidy pandas frames out."""

from uncertlr.metrics import time_to_target
from uncertlr.runs.naming import arm_name as arm_name
from uncertlr.runs.naming import format_rate as format_rate
from uncertlr.runs.store import Run


def final_scores(run: Run) -> dict[str, float]:
    """The scores of the last weights: on test where the run has seen it, else on validation."""
    scores: dict[str, float] = run.summary["test"] or run.summary["val"]
    return scores


def _describe(run: Run, target: float) -> dict[str, object]:
    scores, summary = final_scores(run), run.summary
    low, high = summary["intervals"]["accuracy"]
    val = run.validation
    reached = time_to_target(val["accuracy"].tolist(), val["epoch"].tolist(), target)
    minimum = summary["convergence"]
    row: dict[str, object] = {
        "accuracy": f"{scores['accuracy']:.3f} [{low:.3f}, {high:.3f}]",
        "accuracy, MC": f"{scores['mc_accuracy']:.3f}",
        "loss": f"{scores['loss']:.3f}",
        "Brier, MC": f"{scores['mc_brier']:.3f}",
        "ECE, MC": f"{scores['mc_ece']:.3f}",
        "MCE, MC": f"{scores['mc_mce']:.3f}",
        "epoch of the best validation accuracy": summary["best_epoch"],
        "epoch of the lowest validation loss": _lowest(minimum["epochs_to_min_val_loss"], minimum["min_val_loss_observed"]),
        "epochs to target": f"{reached.time:.0f}" if reached.observed else f"> {reached.time:.0f}",
        "last rate": format_rate(summary["rate"]["final"]),
        "minutes": f"{summary['seconds'] / 60:.1f}",
    }
    if len(run.record["class_names"]) == 2:
        row |= {name: f"{scores[name]:.3f}" for name in ("precision", "recall", "f1")}
    return row


def _lowest(epoch: float, observed: bool) -> str:
    return f"{epoch:.0f}" if observed else f"≥ {epoch:.0f}"
