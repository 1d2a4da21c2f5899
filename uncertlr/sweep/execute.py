"""A sweep's runs on Dask: one code path for a machine's own cores and for a cluster."""

import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_event_loop

from uncertlr.book import execute_notebook
from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError, RunError, UncertlrError
from uncertlr.experiments import build_estimators, run
from uncertlr.listing import run_states
from uncertlr.published import restore_published
from uncertlr.rules_from_config import build_rule
from uncertlr.runs import RunPaths, paths_of
from uncertlr.sweep.grid import Job

if TYPE_CHECKING:
    from distributed import Client, Future

SETTINGS = {
    "distributed.scheduler.worker-saturation": 1.0,  # a run waits at the scheduler, so it never dies with another's worker
    "distributed.scheduler.worker-ttl": None,  # a worker deep in a training step is not dead
    "distributed.comm.timeouts.connect": "120s",  # importing torch on a busy machine takes its time
}


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
        run_id: the run.
        seconds: what it took.
        error: why it failed; empty if it did not.
    """

    run_id: str
    seconds: float
    error: str = ""


Report = Callable[[Job, Outcome], None]


def run_sweep(
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    scheduler: str = "",
    notebook: Path | None = None,
    report: Report = lambda job, outcome: None,
) -> list[Outcome]:
    """Carry out what is missing of a sweep, donors before the runs that replay them.

    A run that fails stops only the runs that replay it. A run whose worker dies is taken up by another worker from its last
    checkpoint. Interrupted at any point, the same call goes on with what is missing.

    Args:
        jobs: the runs, of `read_sweep`; those that are done are passed over.
        workers: processes on this machine, of one thread each.
        scheduler: address of a running Dask scheduler to use instead; its workers must see the same folders.
        notebook: a notebook with a parameters cell, which each run leaves executed beside it.
        report: called as runs end.

    Returns:
        One outcome for each run that was missing, in the order in which they ended.

    Raises:
        ConfigError: settings that do not go together; found before anything starts.
        RunError: no scheduler answers at the address.
    """
    jobs = with_fixed_rates(jobs) if notebook else list(jobs)
    check_jobs(jobs)
    missing = missing_jobs(jobs, notebook)
    if not missing:
        return []
    for run_id in {donor for job in missing for donor in job.config.donors}:
        restore_published(RunPaths(paths_of(missing[0].config).root, run_id))  # once, not by several workers at a time
    with _client(min(workers, len(missing)), scheduler) as client:
        return _gather(client, missing, notebook, report)


def carry_out(config: RunConfig, notebook: Path | None, *needed: Outcome) -> Outcome:
    """One run, on a worker; what goes wrong is told, not raised, so that the others go on."""
    failed = [outcome.run_id for outcome in needed if outcome.error]
    if failed:
        return Outcome(config.run_id, 0.0, f"needs {failed[0]}, which failed")
    started, error = time.perf_counter(), ""
    try:
        run(config)
        if notebook:
            with closing(ensure_event_loop()):  # papermill leaves the loop of a worker's thread open
                execute_notebook(notebook, executed_notebook(config), config.model_dump())
    except UncertlrError as problem:
        error = str(problem)
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    return Outcome(config.run_id, time.perf_counter() - started, error)


def executed_notebook(config: RunConfig) -> Path:
    """Where a run's executed notebook lies."""
    return paths_of(config).directory / "notebook.ipynb"


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


def check_jobs(jobs: Sequence[Job]) -> None:
    """See to what no field of RunConfig tells alone, before the first run and not after a night.

    Raises:
        ConfigError: settings that do not go together, named with their arm.
    """
    for job in jobs:
        try:
            build_estimators(job.config)
            if not job.config.donors:
                build_rule(job.config, steps_per_epoch=1)
        except ConfigError as error:
            raise ConfigError(f"arm {job.arm!r}: {error}") from None


@contextmanager
def _client(workers: int, scheduler: str) -> "Iterator[Client]":
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set(SETTINGS):
        if scheduler:
            try:
                client = Client(scheduler, timeout=30)
            except (OSError, ValueError) as error:
                raise RunError(f"no Dask scheduler answers at {scheduler!r} ({error}); start one, or leave it out") from None
            with client:
                yield client
            return
        local: dict[str, Any] = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": 0, "dashboard_address": None}
        with LocalCluster(**local, silence_logs=logging.CRITICAL) as cluster, Client(cluster) as client:
            client.run(_ignore_interrupts)
            yield client


def _ignore_interrupts() -> None:
    """On a worker: Ctrl-C reaches every process of the terminal, but the sweep alone answers it and ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _gather(client: "Client", jobs: Sequence[Job], notebook: Path | None, report: Report) -> list[Outcome]:
    from distributed import as_completed

    futures: dict[str, Future] = {}
    where = {job.run_id: (job, -index) for index, job in enumerate(jobs)}
    for job, priority in sorted(where.values(), key=lambda entry: bool(entry[0].config.donors)):
        config = job.config.replace(root=str(paths_of(job.config).root.resolve()))
        needs = [*config.donors, *([config.without_rule().run_id] if notebook else [])]
        inputs = [futures[run_id] for run_id in needs if run_id in futures]
        source = notebook.resolve() if notebook else None
        futures[job.run_id] = client.submit(carry_out, config, source, *inputs, priority=priority, pure=False)
    names = {future: run_id for run_id, future in futures.items()}
    outcomes = []
    for future in as_completed(list(names)):
        outcomes.append(_outcome(names[future], future))
        report(where[names[future]][0], outcomes[-1])
    return outcomes


def _outcome(run_id: str, future: "Future") -> Outcome:
    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    return Outcome(run_id, 0.0, f"its worker died, again and again; is there memory enough? ({future.exception()})")
