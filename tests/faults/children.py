"""What the fault tests start: processes that run a command of uncertlr, and fail where they are asked to.

They are forked from a server that has imported everything, so that a hundred of them cost no more than their training.
"""

import fnmatch
import multiprocessing
import os
import re
import resource
import signal
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import torch

from uncertlr.cli import main
from uncertlr.config import RunConfig, preset
from uncertlr.runs.files import load_arrays, load_state, read_json
from uncertlr.runs.index import list_runs
from uncertlr.runs.paths import RunPaths
from uncertlr.runs.store import read_predictions, read_run
from uncertlr.training import objective, step
from uncertlr.training.build import build, load_config_data

NOBODY = 65534
PRELOADED = (pyarrow.parquet,)  # else every child would import it anew
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.faults.warm"])

TINY = {"train_examples": 200, "channels": [4, 8], "hidden_size": 16, "num_samples": 4, "progress": "quiet", "device": "cpu"}


def tiny(root: Path, **changes) -> RunConfig:
    """A run of a second, whose rule and signal have a memory."""
    fields = {"epochs": 3, "rule": "relative", "memory": 5, **TINY, **changes}
    return preset("digits", "quick", root=str(root), **fields)


class Child:
    """A process that carries out ``uncertlr run`` of a configuration."""

    def __init__(self, config: RunConfig, log: Path, **fault) -> None:
        self.log = log
        self.process = CONTEXT.Process(target=_child, args=(config.model_dump(), str(log), fault), daemon=True)
        self.process.start()

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def end(self, seconds: float = 300) -> int:
        """Its exit code: negative where a signal ended it."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, "the child does not end"
        return self.process.exitcode

    @property
    def said(self) -> str:
        return self.log.read_text()


def _child(fields: dict, log: str, fault: dict) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    torch.set_num_threads(1)
    config = RunConfig(**fields)
    if "die" in fault:
        _die_while_writing(*fault["die"])
    if "nan_at" in fault:
        _lose_the_loss(fault["nan_at"])
    if "file_limit" in fault:
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault["file_limit"], resource.RLIM_INFINITY))
    if fault.get("nobody"):
        build(config, load_config_data(config))  # nobody may not be allowed to import what this needs
        os.environ["UNCERTLR_RESULTS"] = config.root  # the usual one of a test is closed to others
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    given = config.model_dump(exclude_defaults=True, exclude={"dataset"})
    flags = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", *_words(value))]
    sys.exit(main(["run", config.dataset, *flags]))


def _words(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _die_while_writing(pattern: str, count: int, how: str) -> None:
    """SIGKILL at the count-th write of a file of that name: half written, whole but not yet in place, or just in place."""
    left, sync, replace = [count], os.fsync, os.replace

    def due(path: str) -> bool:
        name = re.sub(r"^\.(.*)\.[0-9a-f]{32}$", r"\1", Path(path).name)
        left[0] -= fnmatch.fnmatch(name, pattern)
        return left[0] == 0 and fnmatch.fnmatch(name, pattern)

    def dying_sync(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if how == "half" and due(path):
            size = os.fstat(descriptor).st_size
            temporary = Path(path).name.startswith(".")
            os.ftruncate(descriptor, size // 2 if temporary else size - 20)  # what is appended to loses its end alone
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    def dying_replace(source: str, target: str) -> None:
        dies = how != "half" and due(target)
        if not dies or how == "after":
            replace(source, target)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync, os.replace = dying_sync, dying_replace


def _lose_the_loss(at: int) -> None:
    real, calls = step.forward, [0]

    def forward(*arguments) -> objective.Forward:
        found = real(*arguments)
        calls[0] += 1
        if calls[0] == at:
            found.loss.data.fill_(float("nan"))
        return found

    step.forward = forward


def assert_every_file_is_whole(paths: RunPaths) -> None:
    """Whatever has its final name can be read; of what is appended to, all but the last line."""
    readers = {".json": read_json, ".npz": load_arrays, ".pt": load_state}
    for path in paths.directory.rglob("[!.]*"):
        if path.suffix in readers:
            readers[path.suffix](path)
    if paths.predictions.is_file():
        read_predictions(paths)
    if paths.config.is_file():
        status = list_runs(paths.root).set_index("run_id").loc[paths.run_id, "status"]
        assert status in {"completed", "interrupted", "failed"}


def assert_same_results(paths: RunPaths, reference: RunPaths) -> None:
    """Bit for bit: metrics, traces, weights, predictions and the summary; clocks apart."""
    one, other = read_run(paths), read_run(reference)
    clocks = ["seconds", "elapsed"]
    pd.testing.assert_frame_equal(one.metrics.drop(columns=clocks), other.metrics.drop(columns=clocks), check_exact=True)
    pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    pd.testing.assert_frame_equal(one.trace, other.trace, check_exact=True)
    for which in ("last", "best"):
        first, second = (load_state(each.weights(which))["model"] for each in (paths, reference))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)
    timed = re.compile("second|runtime|convergence")
    for name, value in one.summary.items():
        assert timed.search(name) or value == other.summary[name], name
