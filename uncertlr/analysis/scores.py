"""The final scores of a run."""

from uncertlr.runs.store import Run


def final_scores(run: Run) -> dict[str, float]:
    """The scores of the last weights: on test where the run has seen it, else on validation."""
    scores: dict[str, float] = run.summary["test"] or run.summary["val"]
    return scores
