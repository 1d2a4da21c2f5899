"""The studies that need a GPU, in slices of a few minutes: trials, the choice on validation, what was chosen on fresh seeds.

UNCERTLR_DATA=... python -m benchmarks.cuda_study --minutes 8 --output slice-1

The same command goes on with what is missing: with the same folder of runs from each run's last finished epoch, and on
another machine from the runs that earlier slices published, once their files lie in ``results/``. A slice ends with its
finished runs in one new file a sweep in ``results/``, copied to ``--output`` together with the sweeps of what was chosen.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from uncertlr.config import RunConfig
from uncertlr.errors import RunError
from uncertlr.runs.archive import publish
from uncertlr.runs.paths import paths_of, project_folder
from uncertlr.runs.states import run_states
from uncertlr.runs.store import read_record, read_run
from uncertlr.sweep import read_sweep

STUDIES = ("cifar10-full-trials", "imdb-full-trials", "cifar10-residual-trials", "cifar10-full-rules-trials")
"""Sweeps of trials, in the order of what they answer."""

SEEDS = tuple(range(1031, 1041))
"""On which what was chosen runs: those of no run of a CPU."""

GRACE_SECONDS = 60.0
"""In which a sweep that is asked to end does so."""


@dataclass(frozen=True)
class Slice:
    """One call of the script.

    Attributes:
        output: folder of what it leaves.
        root: folder of the runs; empty for the usual one.
        device: where the runs train.
        runs_per_gpu: runs side by side.
        ends: time of `time.monotonic` at which no run goes on.
    """

    output: Path
    root: str
    device: str
    runs_per_gpu: int
    ends: float

    def carry_out(self, sweep: Path) -> bool:
        """Train what is missing of a sweep until the slice ends.

        Returns:
            Whether nothing is missing any more. A run that failed, such as one that diverged, is not missing.

        Raises:
            RunError: the sweep ended by itself before its runs.
        """
        if self.ends <= time.monotonic():
            return False
        how = ["--device", self.device, "--workers", str(self.runs_per_gpu)]
        how += ["--runs-per-gpu", str(self.runs_per_gpu)] if self.device.startswith("cuda") else []
        command = [sys.executable, "-m", "uncertlr", "sweep", str(sweep), *how, "--root", self.root]
        with subprocess.Popen(command) as process:
            try:
                process.wait(self.ends - time.monotonic())
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)
                process.wait(GRACE_SECONDS)
                return False
        if process.returncode and not all(is_over(job.config) for job in read_sweep(sweep, self.root)):
            raise RunError(
                f"{sweep} ended with exit status {process.returncode} and not with its runs; see its message above"
            )
        return True

    def choose(self, trials: Path) -> Path:
        """Write the sweep of what was chosen among finished trials; returns where."""
        chosen = self.output / f"{trials.stem.removesuffix('-trials')}-tuned.yaml"
        seeds = [str(seed) for seed in SEEDS]
        command = [sys.executable, "-m", "uncertlr", "tune", str(trials), "--seeds", *seeds, "--root", self.root]
        subprocess.run([*command, "--output", str(chosen)], check=True)
        return chosen

    def publish_finished(self, sweep: Path) -> None:
        """Publish the finished runs of a sweep that are not published yet, and leave a copy of the file."""
        configs = [job.config for job in read_sweep(sweep, self.root)]
        done = [config for config, state in zip(configs, run_states(configs), strict=True) if state == "done"]
        if done:
            name = f"{sweep.stem}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
            file = publish([read_run(paths_of(config)) for config in done], name)
            shutil.copy2(file, self.output)
            print(f"{len(done)} runs published: {file}", flush=True)


def is_over(config: RunConfig) -> bool:
    """Whether a run is finished, published, or failed."""
    paths = paths_of(config)
    failed = paths.record.is_file() and read_record(paths)["status"] == "FAILED"
    return failed or run_states([config])[0] in ("done", "published")


def take_slice(this: Slice, studies: Sequence[Path]) -> bool:
    """Go on with the studies in their order; returns whether all are finished."""
    for trials in studies:
        sweeps = [trials]
        finished = this.carry_out(trials)
        if finished:
            sweeps.append(this.choose(trials))
            finished = this.carry_out(sweeps[-1])
        for sweep in sweeps:
            this.publish_finished(sweep)
        if not finished:
            return False
    return True


@contextmanager
def shared_gpu(device: str) -> Iterator[None]:
    """NVIDIA's MPS for a while, where it is installed, so that processes share a GPU instead of taking turns."""
    control = shutil.which("nvidia-cuda-mps-control") if device.startswith("cuda") else None
    started = control is not None and subprocess.run([control, "-d"], check=False).returncode == 0
    try:
        yield
    finally:
        if control and started:
            subprocess.run([control], input=b"quit\n", check=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Take a slice; returns 0 when all studies are finished, 75 when the same command has more to do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", type=Path, help="sweeps of trials; without any, the book's")
    parser.add_argument("--minutes", type=float, default=8.0, help="after which no run goes on (%(default)s)")
    parser.add_argument("--output", type=Path, required=True, help="folder of what the slice leaves")
    parser.add_argument("--root", default="", help="folder of the runs; empty for the usual one")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--runs-per-gpu", type=int, default=os.cpu_count() or 1, help="runs side by side (%(default)s)")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    studies = options.studies or [project_folder() / "sweeps" / f"{name}.yaml" for name in STUDIES]
    ends = time.monotonic() + 60 * options.minutes
    with shared_gpu(options.device):
        this = Slice(options.output, options.root, options.device, options.runs_per_gpu, ends)
        return 0 if take_slice(this, studies) else 75


if __name__ == "__main__":
    sys.exit(main())
