"""A sweep's runs on Dask: one code path for a machine's own cores and for a cluster."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from uncertlr.data import known_kind
from uncertlr.errors import ConfigError, DataError
from uncertlr.runs.archive import restore_published
from uncertlr.runs.index import run_states
from uncertlr.runs.paths import RunPaths, paths_of
from uncertlr.sweep.cluster import LOOPBACK, Resources, local_cluster, running_cluster
from uncertlr.sweep.gathering import Gathering, Report
from uncertlr.sweep.grid import Job
from uncertlr.sweep.worker import Outcome, executed_notebook
from uncertlr.training.build import build_estimators, network_name, resolve_device
from uncertlr.training.rules import build_rule
from uncertlr.training.run import disk_errors, refuse_other_data

if TYPE_CHECKING:
    from distributed import Client


def run_sweep(
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    scheduler: str = "",
    host: str = LOOPBACK,
    runs_per_gpu: int = 0,
    notebook: Path | None = None,
    report: Report = lambda job, outcome: None,
) -> list[Outcome]:
    """Carry out what is missing of a sweep, source runs before the runs that replay them.

    A run that fails stops only the runs that replay it. A run whose worker dies is taken up by another worker from its last
    checkpoint. Interrupted at any point, the same call goes on with what is missing.

    Args:
        jobs: the runs, of `read_sweep`; those that are done are passed over.
        workers: processes on this machine, of one thread each; on its GPU, ``runs_per_gpu`` at most.
        scheduler: address of a running Dask scheduler to use instead; its workers must see the same folders.
        host: address on which the processes of this machine accept connections.
        runs_per_gpu: how many runs share a GPU. Each claims that part of a worker's resource ``GPU``; 0 claims a whole one
            if the runs' device is cuda, and nothing else.
        notebook: a notebook with a parameters cell, which each run leaves executed beside it.
        report: called as runs end.

    Returns:
        One outcome for each run that was missing, in the order in which they ended.

    Raises:
        ConfigError: settings that do not go together; found before anything starts.
        RunError: no scheduler answers at the address, or it went away.
    """
    jobs = with_fixed_rates(jobs) if notebook else list(jobs)
    check_jobs(jobs)
    missing = missing_jobs(jobs, notebook)
    if not missing:
        return []
    for run_id in {source for job in missing for source in job.config.donors}:
        paths = RunPaths(paths_of(missing[0].config).root, run_id)
        with disk_errors(paths):
            restore_published(paths)  # once, not by several workers at a time
    claims = _claims(missing[0].config.device, runs_per_gpu, anywhere=bool(scheduler))
    with _cluster(min(workers, len(missing)), scheduler, host, claims) as client:
        return Gathering(client, missing, notebook, claims, report).outcomes()


def _claims(device: str, runs_per_gpu: int, anywhere: bool) -> Resources:
    """What a run takes of a worker; what ``auto`` will be on the workers of a cluster is not known here."""
    if device == "auto" and not anywhere:
        device = str(resolve_device(device))
    if runs_per_gpu or device.startswith("cuda"):
        return {"GPU": 1 / max(runs_per_gpu, 1)}
    return {}


def _cluster(workers: int, scheduler: str, host: str, claims: Resources) -> "AbstractContextManager[Client]":
    if scheduler:
        return running_cluster(scheduler, claims)
    if claims:
        workers = min(workers, round(1 / claims["GPU"]))
    return local_cluster(workers, host, claims)


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
    """Check what no field of RunConfig decides alone, before the first run.

    Raises:
        ConfigError: settings that do not go together, named with their arm.
    """
    for job in jobs:
        try:
            kind = known_kind(job.config.dataset, job.config.data_kind)
            if kind != "auto":
                network_name(job.config, kind)
            build_estimators(job.config)
            if not job.config.donors:
                build_rule(job.config, steps_per_epoch=1)
            if (paths := paths_of(job.config)).complete:
                refuse_other_data(job.config, paths)
        except (ConfigError, DataError) as error:
            raise ConfigError(f"arm {job.arm!r}: {error}") from None
