"""Which runs of a sweep wait for their source runs, which are at the cluster, and which have ended."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from uncertlr.errors import RunError
from uncertlr.runs.paths import paths_of
from uncertlr.runs.store import read_record
from uncertlr.sweep.cluster import Resources
from uncertlr.sweep.grid import Job
from uncertlr.sweep.worker import Outcome, carry_out

if TYPE_CHECKING:
    from distributed import Client, Future

Report = Callable[[Job, Outcome], None]

ATTEMPTS = 3
"""How often a run may lose its worker and begin again, and how often it is handed to the cluster at most."""


class Gathering:
    """Hands runs to a cluster as soon as their source runs have ended, and collects their outcomes.

    Source runs are waited for here, not in the cluster, so that no outcome is lost with a worker.

    Args:
        client: of the cluster.
        jobs: the runs that are missing.
        notebook: which each run leaves executed beside it, or None.
        claims: what a run takes of a worker's resources.
        report: called as runs end.
        tensorboard: folder of event files, or None.
    """

    def __init__(
        self,
        client: "Client",
        jobs: Sequence[Job],
        notebook: Path | None,
        claims: Resources,
        report: Report,
        tensorboard: Path | None = None,
    ) -> None:
        self.client, self.notebook, self.claims, self.report = client, notebook, claims, report
        self.tensorboard = tensorboard.resolve() if tensorboard else None
        self.jobs = {job.run_id: job for job in sorted(jobs, key=lambda job: bool(job.config.donors))}
        self.priorities = {job.run_id: -index for index, job in enumerate(jobs)}
        self.begun = {run_id: self._times_begun(run_id) for run_id in self.jobs}
        self.submitted = dict.fromkeys(self.jobs, 0)
        self.ended: dict[str, Outcome] = {}

    def outcomes(self) -> list[Outcome]:
        """One for each run, in the order in which they ended.

        Raises:
            RunError: the scheduler went away.
        """
        from distributed import as_completed

        running = self._submit_ready()
        completed = as_completed(list(running))
        for future in completed:
            run_id = running.pop(future)
            outcome = self._outcome(run_id, future)
            if outcome:
                self._end(outcome)
            further = self._submit_ready() if outcome else {self._submit(run_id): run_id}
            running |= further
            completed.update(list(further))
        return list(self.ended.values())

    def _submit_ready(self) -> "dict[Future, str]":
        """Submit what waits for nothing any more; what waits for a run that failed ends with it."""
        ready = {}
        for run_id in [each for each, times in self.submitted.items() if not times and each not in self.ended]:
            needs = self._needs(run_id)
            if failed := [each for each in needs if each in self.ended and self.ended[each].error]:
                self._end(Outcome(run_id, 0.0, f"needs {failed[0]}, which failed"))
            elif self.ended.keys() >= needs:
                ready[self._submit(run_id)] = run_id
        return ready

    def _needs(self, run_id: str) -> set[str]:
        """The runs of this sweep that must end first: source runs, and the run without a rule for a notebook."""
        config = self.jobs[run_id].config
        needs = {*config.donors, *([config.without_rule().run_id] if self.notebook else [])}
        return (needs & self.jobs.keys()) - {run_id}

    def _submit(self, run_id: str) -> "Future":
        self.submitted[run_id] += 1
        config = self.jobs[run_id].config
        config = config.replace(root=str(paths_of(config).root.resolve()))
        notebook = self.notebook.resolve() if self.notebook else None
        how = {"priority": self.priorities[run_id], "resources": self.claims or None, "pure": False}
        return self.client.submit(carry_out, config, notebook, self.tensorboard, **how)

    def _outcome(self, run_id: str, future: "Future") -> Outcome | None:
        """What became of a run; None if it shall be tried again."""
        from distributed import KilledWorker

        if future.status == "finished":
            outcome: Outcome = future.result()
            return outcome
        if future.status != "error":
            raise RunError("the Dask scheduler went away; start the sweep again when it is back: only what is missing runs")
        error = future.exception()
        if not isinstance(error, KilledWorker):
            return Outcome(run_id, 0.0, f"a worker could not take it up: {type(error).__name__}: {error}")
        begun = self._times_begun(run_id) - self.begun[run_id]
        if begun <= ATTEMPTS and self.submitted[run_id] < ATTEMPTS:
            return None  # it only stood in line where a worker died, or has not had its attempts
        return Outcome(run_id, 0.0, f"its worker died, again and again; is there memory enough? ({error})")

    def _times_begun(self, run_id: str) -> int:
        paths = paths_of(self.jobs[run_id].config)
        try:
            return 1 + len(read_record(paths).get("resumed", []))
        except (RunError, OSError):
            return 0

    def _end(self, outcome: Outcome) -> None:
        self.ended[outcome.run_id] = outcome
        self.report(self.jobs[outcome.run_id], outcome)
