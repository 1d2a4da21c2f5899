"""What a run costs on an NVIDIA GPU: steps plain and recorded, and whole runs alone. Writes results/gpu.json.

    UNCERTLR_DATA=... python -m benchmarks.gpu

Needs a GPU that nothing else uses, and the real data. Steps are timed on the wall, the GPU waited for, arms taking turns.
"""

import sys
import tempfile
import time
from statistics import median, quantiles
from typing import Any

import torch

from uncertlr.config import RESULT_VERSION, preset
from uncertlr.runs import provenance
from uncertlr.runs.archive import results_folder
from uncertlr.runs.files import write_json
from uncertlr.runs.store import read_run
from uncertlr.training import cuda_graphs
from uncertlr.training.build import build, load_config_data
from uncertlr.training.run import run
from uncertlr.training.step import OBSERVATIONS, Experiment, epoch_steps

ARMS: dict[str, dict[str, Any]] = {"fixed rate": {}, "report's rule": {"rule": "threshold"}}
TURNS, STEPS = 12, 40


def main() -> None:
    """Measure, print and store."""
    if not torch.cuda.is_available():
        sys.exit("no GPU here: benchmarks.gpu measures one")
    found: dict[str, Any] = {
        "result_version": RESULT_VERSION,
        "environment": provenance.environment("cuda"),
        "measured": provenance.now(),
        "steps": step_times(),
        "runs": {
            "CIFAR-10, report's rule, 50 epochs": whole_run("cifar10", epochs=50),
            "IMDB, report's rule, 1 epoch": whole_run("imdb", epochs=1),
        },
    }
    write_json(results_folder() / "gpu.json", found)
    for name, times in found["steps"].items():
        print(f"{name}: {times['ms']:.3f} ms per step ({times['spread'][0]:.3f} to {times['spread'][1]:.3f})")
    for name, times in found["runs"].items():
        print(f"{name}: {times['seconds']:.1f} s, {times['seconds_per_epoch']:.2f} s per epoch of training")


def step_times() -> dict[str, Any]:
    """Milliseconds of a step of batch 64 on CIFAR-10, by arm, plain and recorded: medians and quartiles over the turns."""
    data = load_config_data(preset("cifar10", device="cuda"))
    subjects = {}
    for arm, changes in ARMS.items():
        for kind, warm_up in (("plain", sys.maxsize), ("recorded", cuda_graphs.WARM_UP)):
            experiment = build(preset("cifar10", device="cuda", **changes), data)
            subjects[f"{arm}, {kind}"] = _stepper(experiment, warm_up)
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(TURNS + 1):
        for name, take in subjects.items():
            times[name].append(take())
    return {name: _spread(each[1:]) for name, each in times.items()}


def whole_run(dataset: str, epochs: int) -> dict[str, float]:
    """A run from nothing to its summary on all training examples: seconds on the wall, and of training an epoch."""
    with tempfile.TemporaryDirectory() as root:
        config = preset(dataset, rule="threshold", epochs=epochs, seed=77, device="cuda", progress="quiet", root=root)
        started = time.perf_counter()
        found = read_run(run(config))
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "seconds_per_epoch": float(found.summary["seconds_per_epoch"])}


def _stepper(experiment: Experiment, warm_up: int) -> Any:
    observations = torch.zeros(len(OBSERVATIONS), device=experiment.device)
    experiment.model.train()
    steps = _endless(experiment)

    def take() -> float:
        usual, cuda_graphs.WARM_UP = cuda_graphs.WARM_UP, warm_up
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(STEPS):
            next(steps)(True, observations)
        torch.cuda.synchronize()
        cuda_graphs.WARM_UP = usual
        return 1_000 * (time.perf_counter() - started) / STEPS

    return take


def _endless(experiment: Experiment) -> Any:
    epoch = 0
    while True:
        epoch += 1
        yield from epoch_steps(experiment, epoch)


def _spread(times: list[float]) -> dict[str, Any]:
    low, _, high = quantiles(times, n=4)
    return {"ms": median(times), "spread": [low, high]}


if __name__ == "__main__":
    main()
