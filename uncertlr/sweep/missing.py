"""Which runs of a sweep are still to be carried out, found without loading what trains them."""

from collections.abc import Sequence
from pathlib import Path

from uncertlr.runs.states import run_states
from uncertlr.sweep.grid import Job
from uncertlr.sweep.notebook import executed_notebook


def missing_jobs(jobs: Sequence[Job], notebook: Path | None = None) -> list[Job]:
    """The runs that are neither done nor published, or have no executed notebook where one is asked for."""
    done = [state in ("done", "published") for state in run_states([job.config for job in jobs])]
    read = [notebook is None or executed_notebook(job.config).is_file() for job in jobs]
    return [job for job, finished, shown in zip(jobs, done, read, strict=True) if not (finished and shown)]


def with_fixed_rates(jobs: Sequence[Job]) -> list[Job]:
    """A sweep and the runs without a rule that its notebooks compare with: trained once, not by every notebook."""
    known = {job.run_id for job in jobs}
    added = {each.run_id: Job("fixed rate", each) for job in jobs if (each := job.config.without_rule()).run_id not in known}
    return [*added.values(), *jobs]
