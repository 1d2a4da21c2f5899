"""Where a sweep's runs are carried out: processes of this machine, or a Dask cluster that somebody else started."""

import contextlib
import logging
import os
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from uncertlr.errors import RunError
from uncertlr.sweep.processes import METHOD, main_module_hidden, prepare_workers

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

LOOPBACK = "127.0.0.1"

DASK_SETTINGS = {
    "distributed.scheduler.worker-saturation": 1.0,  # a run waits at the scheduler, so it never dies with another's worker
    "distributed.scheduler.worker-ttl": None,  # a worker deep in a training step is not dead
    "distributed.worker.multiprocessing-method": METHOD,
    "distributed.comm.timeouts.connect": "120s",  # importing torch on a busy machine takes its time
}

Resources = dict[str, float]


def _load_dask(level: str) -> None:
    """Load Dask's cluster with a log level that holds until the process ends.

    Connections to workers that have ended report it on a thread of their own, sometimes after the cluster is closed.
    Nothing changes where the user has configured Dask's log or loaded it before.
    """
    import dask

    configured = dask.config.get("logging", None) or dask.config.get("distributed.logging", None)
    if configured or "distributed" in sys.modules:
        return
    loggers = dict.fromkeys(("distributed", "distributed.client", "distributed.gc"), level)
    with dask.config.set(logging=loggers):
        import distributed  # noqa: F401


@contextmanager
def local_cluster(workers: int, host: str, resources: Resources) -> "Iterator[Client]":
    """Processes of one thread each on this machine, ended with the context.

    Args:
        workers: how many.
        host: the only address on which scheduler and workers accept connections; their ports are free ones.
        resources: what each worker declares to have.

    Raises:
        RunError: the address is not this machine's.
    """
    _load_dask(level="critical")
    import dask
    from distributed import Client

    try:
        socket.create_server((host, 0)).close()
    except OSError as error:
        raise RunError(f"no process can serve on host {host!r} ({error.strerror}); is it this machine's?") from None
    options = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "memory_limit": 0,
        "host": host,
        "dashboard_address": f"{host}:0",
        "worker_dashboard_address": f"{host}:0",
        "resources": resources or None,
        "silence_logs": logging.CRITICAL,
    }
    prepare_workers()
    with dask.config.set(DASK_SETTINGS), main_module_hidden(), _started(options) as cluster, Client(cluster) as client:
        try:
            client.register_plugin(_worker_setup(dict(os.environ)))
            if host != LOOPBACK:
                print(f"other machines can join: dask worker {cluster.scheduler_address} --nthreads 1", flush=True)
            yield client
        finally:
            _kill_workers(cluster)  # they have nothing to lose, and take seconds to close by themselves


def _started(options: dict[str, Any]) -> "LocalCluster":
    """A new cluster; one that Ctrl-C finds half started ends with this process, where Dask would wait for it in vain."""
    from distributed import LocalCluster

    before = set(LocalCluster._instances)
    try:
        return LocalCluster(**options)
    except KeyboardInterrupt:
        for cluster in set(LocalCluster._instances) - before:
            cluster.shutdown_on_close = False
        raise


@contextmanager
def running_cluster(address: str, claims: Resources) -> "Iterator[Client]":
    """A scheduler that is running somewhere, with the workers that have joined it or will.

    Args:
        address: the scheduler's.
        claims: what a run will take of a worker's resources.

    Raises:
        RunError: no scheduler answers.
    """
    _load_dask(level="warning")
    import dask
    from distributed import Client

    with dask.config.set(DASK_SETTINGS):
        try:
            client = Client(address, timeout=30)
        except (OSError, ValueError) as error:
            raise RunError(f"no Dask scheduler answers at {address!r} ({error}); start one, or leave it out") from None
        with client:
            _say_what_will_not_work(client, claims)
            yield client


def _say_what_will_not_work(client: "Client", claims: Resources) -> None:
    workers = client.scheduler_info()["workers"].values()
    if not workers:
        warnings.warn("no worker has joined the scheduler yet; the runs wait for one", stacklevel=2)
    elif not any(_has(worker["resources"], claims) for worker in workers):
        claimed = ", ".join(f"{name}={amount:g}" for name, amount in claims.items())
        warnings.warn(f"no worker has the resources of a run yet ({claimed}); the runs wait for one", stacklevel=2)
    if many := [worker["name"] for worker in workers if worker["nthreads"] > 1]:
        warnings.warn(
            f"{len(many)} of {len(workers)} workers: several threads, but one run at a time; start workers of "
            "one thread each",
            stacklevel=2,
        )


def _has(resources: Resources, claims: Resources) -> bool:
    return all(resources.get(name, 0.0) >= amount for name, amount in claims.items())


def _worker_setup(environment: dict[str, str]) -> Any:
    """What every worker of this machine does first, one that takes the place of a dead one too."""
    from distributed import WorkerPlugin

    class Setup(WorkerPlugin):  # type: ignore[misc]
        """The variables of the environment are this process's; Ctrl-C is left to the sweep, which ends its workers."""

        name = "uncertlr"

        def setup(self, worker: Any) -> None:
            os.environ.update(environment)
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return Setup()


def _kill_workers(cluster: Any) -> None:
    """End the workers at once, in the middle of a step: their runs go on from their last checkpoints."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        if nanny.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)
