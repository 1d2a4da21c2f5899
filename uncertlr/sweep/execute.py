"""A sweep's runs on Dask: one code path for a machine's own cores and for a cluster."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from uncertlr.config import RunConfig
from uncertlr.data import check_data, known_kind
from uncertlr.errors import ConfigError, DataError
from uncertlr.runs.archive import restore_published
from uncertlr.runs.paths import RunPaths, paths_of
from uncertlr.sweep.cluster import LOOPBACK, Resources, local_cluster, running_cluster
from uncertlr.sweep.gathering import Gathering, Report
from uncertlr.sweep.grid import Job
from uncertlr.sweep.missing import missing_jobs, with_fixed_rates
from uncertlr.sweep.notebook import check_for_runs
from uncertlr.sweep.worker import Outcome
from uncertlr.training.build import build_estimators, network_name, refuse_small_images, resolve_device
from uncertlr.training.finished import disk_errors, refuse_other_data
from uncertlr.training.rules import build_rule

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
    tensorboard: Path | None = None,
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
        tensorboard: folder where each run writes TensorBoard event files.
        report: called as runs end.

    Returns:
        One outcome for each run that was missing, in the order in which they ended.

    Raises:
        ConfigError: settings that do not go together, or that the notebook does not take; found before anything starts.
        RunError: no scheduler answers at the address, or it went away.
    """
    jobs = with_fixed_rates(jobs) if notebook else list(jobs)
    check_jobs(jobs)
    missing = missing_jobs(jobs, notebook)
    if not missing:
        return []
    if notebook:
        check_for_runs(notebook, missing[0].config)
    for run_id in {source for job in missing for source in job.config.donors}:
        paths = RunPaths(paths_of(missing[0].config).root, run_id)
        with disk_errors(paths):
            restore_published(paths)  # once, not by several workers at a time
    claims = _claims(missing[0].config.device, runs_per_gpu, anywhere=bool(scheduler))
    with _cluster(min(workers, len(missing)), scheduler, host, claims) as client:
        return Gathering(client, missing, notebook, claims, report, tensorboard).outcomes()


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


def check_jobs(jobs: Sequence[Job]) -> None:
    """Check what no field of RunConfig decides alone, before the first run.

    Raises:
        ConfigError: settings that do not go together; each arm with what is wrong first in it.
    """
    wrong: dict[str, str] = {}
    for job in jobs:
        if job.arm in wrong:
            continue
        try:
            _check_data(job.config)
            build_estimators(job.config)
            if not job.config.donors:
                build_rule(job.config, steps_per_epoch=1)
            if (paths := paths_of(job.config)).complete:
                refuse_other_data(job.config, paths)
        except (ConfigError, DataError) as error:
            wrong[job.arm] = str(error)
    if wrong:
        raise ConfigError("; ".join(f"arm {arm!r}: {error}" for arm, error in wrong.items()))


def _check_data(config: RunConfig) -> None:
    """See that a run's data are there and fit its network, as far as that can be known without decoding them."""
    if paths_of(config).complete:
        return  # a finished run needs no data
    asked = ("input_column", "label_column", "train_examples", "test_examples", "val_fraction")
    seen = check_data(config.dataset, kind=config.data_kind, **{name: getattr(config, name) for name in asked})
    kind = seen.kind if seen else known_kind(config.dataset, config.data_kind)
    if kind != "auto" and network_name(config, kind) == "cnn" and seen and seen.height is not None:
        refuse_small_images(seen.height, seen.height)
