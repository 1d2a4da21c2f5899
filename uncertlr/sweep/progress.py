"""What a sweep says of itself: its table beforehand, a bar or lines meanwhile, the failures at the end."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm

from uncertlr.runs.index import list_runs, median_seconds, run_states
from uncertlr.runs.paths import paths_of
from uncertlr.sweep.gathering import Report
from uncertlr.sweep.grid import Job
from uncertlr.sweep.worker import Outcome


def plan(jobs: Sequence[Job], missing: Sequence[Job], workers: int) -> str:
    """The sweep as a table (arm, seed, run, state), and how long it would take.

    Args:
        jobs: all runs.
        missing: those that would be carried out.
        workers: how many at a time.
    """
    states = run_states([job.config for job in jobs])
    rows = [("arm", "seed", "run", "state")]
    rows += [(job.arm, str(job.config.seed), job.run_id, state) for job, state in zip(jobs, states, strict=True)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows]
    return "\n".join([*lines, "", f"{len(missing)} of {len(jobs)} runs to do; {_estimate(missing, workers)}"])


def _estimate(missing: Sequence[Job], workers: int) -> str:
    if not missing:
        return "nothing is left"
    table = list_runs(paths_of(missing[0].config).root)
    seconds = [median_seconds(table, job.config) for job in missing]
    known = [value for value in seconds if value is not None]
    if len(known) < len(missing):
        unknown = missing[seconds.index(None)].config
        examples = unknown.train_examples or "all"
        return (
            f"their time is unknown: no finished run of {unknown.dataset}, {unknown.epochs} epochs, {examples} examples, "
            f"estimator {unknown.estimator} to go by"
        )
    total = max(sum(known) / min(workers, len(known)), *known)
    return f"about {tqdm.format_interval(total)} with {workers} at a time, going by the median of finished runs alike"


@contextmanager
def sweep_progress(total: int) -> Iterator[Report]:
    """The function that `run_sweep` calls as runs end: a bar in a terminal, a line of text per run elsewhere."""
    began, failed, ended = time.perf_counter(), 0, 0
    with tqdm(total=total, unit="run", disable=not sys.stderr.isatty()) as bar:

        def report(job: Job, outcome: Outcome) -> None:
            nonlocal failed, ended
            ended, failed = ended + 1, failed + bool(outcome.error)
            if not bar.disable:
                bar.set_postfix_str(f"{failed} failed")
                bar.update()
                return
            seconds = time.perf_counter() - began
            left = tqdm.format_interval(seconds / ended * (total - ended))
            what = f"failed: {outcome.error}" if outcome.error else f"{outcome.seconds:.1f} s"
            rate = f"{3600 * ended / seconds:.3g} runs an hour, {left} left, {failed} failed"
            print(f"{ended}/{total}  {job.arm} seed {job.config.seed}  {what}  ({rate})", flush=True)

        yield report


def failures(jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> str:
    """A line for each run that failed, with its error."""
    named = {job.run_id: job for job in jobs}
    return "\n".join(
        f"{named[each.run_id].arm} seed {named[each.run_id].config.seed} ({each.run_id}): {each.error}"
        for each in outcomes
        if each.error
    )
