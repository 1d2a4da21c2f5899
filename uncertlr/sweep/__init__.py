"""A grid of runs from a YAML file, carried out side by side.

Names are imported when they are first used: what trains takes seconds to load, and a sweep may have nothing to do.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uncertlr.sweep.execute import check_jobs as check_jobs
    from uncertlr.sweep.execute import run_sweep as run_sweep
    from uncertlr.sweep.grid import Job as Job
    from uncertlr.sweep.grid import read_sweep as read_sweep
    from uncertlr.sweep.missing import missing_jobs as missing_jobs
    from uncertlr.sweep.missing import with_fixed_rates as with_fixed_rates
    from uncertlr.sweep.notebook import executed_notebook as executed_notebook
    from uncertlr.sweep.tuning import trials_table as trials_table
    from uncertlr.sweep.tuning import tuned_sweep as tuned_sweep
    from uncertlr.sweep.worker import Outcome as Outcome

_MODULES = {
    **dict.fromkeys(("check_jobs", "run_sweep"), "execute"),
    **dict.fromkeys(("Job", "read_sweep"), "grid"),
    **dict.fromkeys(("missing_jobs", "with_fixed_rates"), "missing"),
    **dict.fromkeys(("trials_table", "tuned_sweep"), "tuning"),
    "executed_notebook": "notebook",
    "Outcome": "worker",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'uncertlr.sweep' has no attribute {name!r}")
    return getattr(import_module(f"uncertlr.sweep.{_MODULES[name]}"), name)
