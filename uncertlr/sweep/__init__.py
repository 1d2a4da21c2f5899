"""A grid of runs from a YAML file, carried out side by side."""

from uncertlr.sweep.execute import check_jobs, missing_jobs, run_sweep, with_fixed_rates
from uncertlr.sweep.grid import Job, read_sweep
from uncertlr.sweep.tuning import trials_table, tuned_sweep
from uncertlr.sweep.worker import Outcome, executed_notebook

__all__ = [
    "Job",
    "Outcome",
    "check_jobs",
    "executed_notebook",
    "missing_jobs",
    "read_sweep",
    "run_sweep",
    "trials_table",
    "tuned_sweep",
    "with_fixed_rates",
]
