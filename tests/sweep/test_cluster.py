"""Sweeps on a real Dask scheduler with real workers: claims, a worker, the client and the scheduler killed in turn."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from tests.faults.children import TINY, assert_same_results
from uncertlr.config import preset
from uncertlr.errors import RunError
from uncertlr.runs.files import read_json
from uncertlr.runs.paths import paths_of
from uncertlr.sweep import missing_jobs, read_sweep, run_sweep
from uncertlr.sweep.execute import _claims
from uncertlr.sweep.gathering import ATTEMPTS, Gathering
from uncertlr.sweep.worker import Outcome
from uncertlr.training.run import run

GRID = """
experiment: digits
profile: quick
seeds: 2
base: {train_examples: 200, channels: [4, 8], hidden_size: 16, num_samples: 4}
arms:
  long: {rule: relative, memory: 5, epochs: 40}
  yoked: {replay_of: long}
"""


@pytest.fixture
def processes(tmp_path):
    """Starts a Python module, which ends with the test."""
    started, numbers = [], itertools.count()

    def start(*arguments):
        with (tmp_path / f"log-{next(numbers)}").open("w") as log:
            started.append(subprocess.Popen([sys.executable, "-m", *arguments], stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        for each in [*_family(process), process]:
            each.kill()
        process.wait()


def _family(process):
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def wait_for(condition, seconds=600):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def listening(process):
    return {
        connection.laddr.ip
        for each in [psutil.Process(process.pid), *_family(process)]
        for connection in each.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.fixture
def cluster(processes):
    """Starts a scheduler at one and the same address, with a worker that has a GPU, it says, and one that has none."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    here = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", "--no-dashboard"]

    def start():
        scheduler = processes("distributed.cli.dask_scheduler", "--port", str(port), *here)
        wait_for(lambda: answers(port))
        worker = ["distributed.cli.dask_worker", address, "--nthreads", "1", "--memory-limit", "0", *here]
        return scheduler, processes(*worker, "--resources", "GPU=1"), processes(*worker, "--no-nanny")

    return address, start


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no worker has joined", "ignore:no worker has the resources")
def test_a_worker_the_client_and_the_scheduler_are_killed_and_only_what_is_missing_runs(cluster, processes, tmp_path):
    address, start = cluster
    grid = tmp_path / "grid.yaml"
    grid.write_text(GRID, encoding="utf-8")
    jobs = read_sweep(grid, root=str(tmp_path / "swept"))
    first, second, *yoked = sorted(jobs, key=lambda job: (job.arm, job.config.seed))
    owner = lambda job: read_json(paths_of(job.config).record)["owner"]["pid"]  # noqa: E731
    begun = lambda job: bool(list(paths_of(job.config).checkpoints.glob("*.json")))  # noqa: E731

    scheduler, gpu, plain = start()
    sweep = ["uncertlr", "sweep", str(grid), "--root", str(tmp_path / "swept"), "--scheduler", address]
    client = processes(*sweep, "--runs-per-gpu", "4")
    wait_for(lambda: begun(first))
    killed = owner(first)
    assert killed in [each.pid for each in _family(gpu)], "a run claims a GPU, so it is on the worker that has one"
    assert listening(scheduler) | listening(gpu) == {"127.0.0.1"}
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: begun(second))
    record = read_json(paths_of(first.config).record)
    assert (record["status"], len(record["resumed"])) == ("COMPLETED", 1)
    before = paths_of(first.config).summary.stat().st_mtime_ns
    assert owner(second) != killed

    client.kill()
    for process in (scheduler, gpu, plain):
        for each in [*_family(process), process]:
            each.kill()
        process.wait()
    assert missing_jobs(jobs) == [job for job in jobs if job is not first]

    start()
    outcomes = run_sweep(jobs, scheduler=address, runs_per_gpu=1)
    assert [outcome.error for outcome in outcomes] == [""] * 3
    assert {outcome.run_id for outcome in outcomes} == {job.run_id for job in (second, *yoked)}
    assert paths_of(first.config).summary.stat().st_mtime_ns == before
    assert len(read_json(paths_of(second.config).record)["resumed"]) == 1
    for job in (first, second):
        assert_same_results(paths_of(job.config), run(job.config.replace(root=str(tmp_path / "serial"))))


@pytest.fixture
def fake():
    """A sweep's gathering with a client that never runs anything."""

    class Client:
        def __init__(self):
            self.submitted = []

        def submit(self, function, config, notebook, tensorboard, **how):
            self.submitted.append((config.run_id, how))
            return object()

    client = Client()

    def gathering(jobs, **options):
        return Gathering(client, jobs, options.get("notebook"), options.get("claims", {}), lambda job, outcome: None)

    return client, gathering


class Ended:
    def __init__(self, status, error=None):
        self.status, self.error = status, error

    def exception(self):
        return self.error


def killed_worker():
    from distributed import KilledWorker

    return Ended("error", KilledWorker("key", SimpleNamespace(address="tcp://127.0.0.1:1"), 3))


@pytest.fixture
def jobs(tmp_path):
    (tmp_path / "grid.yaml").write_text(GRID, encoding="utf-8")
    return read_sweep(tmp_path / "grid.yaml")


def test_a_run_that_only_stood_in_line_is_tried_again_but_not_for_ever(fake, jobs):
    _, gathering = fake
    found = gathering(jobs)
    run_id = jobs[0].run_id
    for _ in range(ATTEMPTS - 1):
        found._submit(run_id)
        assert found._outcome(run_id, killed_worker()) is None
    found._submit(run_id)
    assert "tcp://127.0.0.1:1" in found._outcome(run_id, killed_worker()).error


def test_a_run_that_took_its_workers_with_it_is_not_tried_again(fake, jobs, monkeypatch):
    _, gathering = fake
    found = gathering(jobs)
    found._submit(jobs[0].run_id)
    monkeypatch.setattr(found, "_times_begun", lambda run_id: ATTEMPTS + 1)
    assert "tcp://127.0.0.1:1" in found._outcome(jobs[0].run_id, killed_worker()).error


def test_a_run_waits_for_its_source_runs_and_falls_with_them(fake, jobs):
    client, gathering = fake
    found = gathering(jobs)
    sources = [job.run_id for job in jobs if not job.config.donors]
    assert list(found._submit_ready().values()) == [each for each, _ in client.submitted] == sources
    assert found._submit_ready() == {}
    found._end(Outcome(sources[0], 1.0))
    assert len(found._submit_ready()) == 1
    found._end(Outcome(sources[1], 1.0, "diverged"))
    assert found._submit_ready() == {}
    ((run_id, fallen),) = list(found.ended.items())[2:]
    (replay,) = [job.run_id for job in jobs if job.config.donors == [sources[1]]]
    assert run_id == replay
    assert sources[1] in fallen.error


def test_with_notebooks_a_run_waits_for_its_fixed_rate(fake, tmp_path):
    from uncertlr.sweep import Job

    _, gathering = fake
    ruled = preset("digits", "quick", rule="threshold", **TINY)
    pair = [Job("report", ruled), Job("fixed rate", ruled.without_rule())]
    found = gathering(pair, notebook=tmp_path / "study.ipynb")
    assert list(found._submit_ready().values()) == [pair[1].run_id]


def test_a_scheduler_that_goes_away_is_reported(fake, jobs):
    _, gathering = fake
    with pytest.raises(RunError, match="Dask"):
        gathering(jobs)._outcome(jobs[0].run_id, Ended("cancelled"))


def test_a_worker_without_the_library_is_reported(fake, jobs):
    _, gathering = fake
    error = ModuleNotFoundError("No module named 'uncertlr'")
    assert f"ModuleNotFoundError: {error}" in gathering(jobs)._outcome(jobs[0].run_id, Ended("error", error)).error


@pytest.mark.parametrize(
    ("device", "runs_per_gpu", "anywhere", "claims"),
    [
        ("cpu", 0, False, {}),
        ("auto", 0, True, {}),
        ("cuda", 0, True, {"GPU": 1.0}),
        ("cuda:0", 4, False, {"GPU": 0.25}),
        ("auto", 2, True, {"GPU": 0.5}),
    ],
)
def test_what_a_run_claims(fake, jobs, device, runs_per_gpu, anywhere, claims):
    assert _claims(device, runs_per_gpu, anywhere=anywhere) == claims
    client, gathering = fake
    gathering(jobs, claims=claims)._submit(jobs[0].run_id)
    assert client.submitted[0][1]["resources"] == (claims or None)


def test_what_will_not_work_on_a_cluster_is_said(jobs):
    from distributed import Client, LocalCluster

    from uncertlr.sweep.cluster import running_cluster

    here = {"protocol": "tcp://", "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "processes": False}
    with LocalCluster(n_workers=0, memory_limit=0, threads_per_worker=2, **here) as cluster:
        with pytest.warns(UserWarning, match="no worker"), running_cluster(cluster.scheduler_address, {}):
            pass
        cluster.scale(1)
        with Client(cluster) as client:
            client.wait_for_workers(1)
        with (
            pytest.warns(UserWarning, match="threads"),
            pytest.warns(UserWarning, match=r"GPU=0\.25"),
            running_cluster(cluster.scheduler_address, {"GPU": 0.25}),
        ):
            pass


def test_a_host_that_is_not_this_machines_is_named(jobs):
    with pytest.raises(RunError, match=r"192\.0\.2\.77"):
        run_sweep(jobs, host="192.0.2.77")


LATE = """
import logging
from uncertlr.sweep.cluster import local_cluster
with local_cluster(1, "127.0.0.1", {}) as client:
    assert client.submit(sum, [1, 2]).result() == 3
for name in ("distributed", "distributed.batched", "distributed.client"):
    logging.getLogger(name).warning("a connection ended")
"""


@pytest.mark.slow
@pytest.mark.parametrize("configured", [False, True])
def test_what_dask_logs_after_a_sweep_is_shown_only_to_who_asked_for_it(configured):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DASK_")}
    if configured:
        environment["DASK_LOGGING__DISTRIBUTED"] = "info"
    result = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=120, env=environment)
    assert result.returncode == 0, result.stderr
    assert ("a connection ended" in result.stderr) == configured


def test_an_interrupt_while_the_workers_start_is_one_line(tmp_path):
    """A terminal's Ctrl-C reaches all processes of the command, those that still load what they need too."""
    grid, log = tmp_path / "grid.yaml", tmp_path / "log"
    grid.write_text(GRID, encoding="utf-8")
    with log.open("w") as stream:
        # a shell starts background jobs with SIGINT ignored, and so these tests perhaps
        code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        code += "from uncertlr.cli import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", code, "sweep", str(grid), "--workers", "2"]
        sweep = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
    wait_for(lambda: any("forkserver" in " ".join(each.cmdline()) for each in _family(sweep)))
    time.sleep(0.3)  # Python has started, torch is not loaded
    os.killpg(sweep.pid, signal.SIGINT)
    assert sweep.wait(120) == 130
    wait_for(lambda: not _alive(sweep.pid))
    printed = log.read_text()
    assert printed.count("uncertlr: ") == 1
    assert "Traceback" not in printed


def _alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
