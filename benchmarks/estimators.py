"""What a prediction with each estimator costs, as a share of a training step on the same batch of 64.

python benchmarks/estimators.py --output results/estimator_costs.json

Times are taken in turn, in one process and one thread, and compared by their medians: the ratios hold, the times are this
machine's.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from uncertlr.data import Batch
from uncertlr.estimators import AnalyticDropout, Deterministic, Ensemble, MCDropout, Variational, fit_laplace
from uncertlr.models import CNN, LSTMClassifier, MeanField
from uncertlr.runs import provenance
from uncertlr.training.objective import forward

CASES = {
    "cnn": (lambda dropout: CNN(32, 3, 10, dropout=dropout), lambda: torch.randn(64, 3, 32, 32), 10),
    "lstm": (lambda dropout: LSTMClassifier(20_000, 2, dropout=dropout), lambda: torch.randint(1, 20_000, (64, 200)), 2),
}


def training_step(model: nn.Module, batch: Batch) -> Callable[[], None]:
    """Forward, backward and Adam, as a run does them."""
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        model.train()
        objective = forward(model, batch, 20_000, weight_samples=2).objective
        optimizer.zero_grad()
        objective.backward()
        optimizer.step()

    return step


def measure(name: str, rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds and ratio to the point network's training step, by what is measured."""
    make, make_inputs, num_classes = CASES[name]
    torch.manual_seed(0)
    batch = Batch(make_inputs(), torch.randint(0, num_classes, (64,)), torch.arange(64))
    network, random = make(0.5), MeanField(make(0.0))
    if name == "cnn":
        batch = Batch(batch.inputs.to(memory_format=torch.channels_last), batch.targets, batch.indices)
        network, random = (each.to(memory_format=torch.channels_last) for each in (network, random))
    members = nn.ModuleList([network, make(0.5), make(0.5)])
    laplace = fit_laplace(network, [(batch.inputs, batch.targets)])
    with torch.no_grad():
        features = network.eval().features(batch.inputs)
    tasks: dict[str, Callable[[], object]] = {
        "training step": training_step(network, batch),
        "variational training step, 2 weight samples": training_step(random, batch),
        "deterministic": lambda: Deterministic().estimate(network, batch.inputs),
        "mc_dropout, T = 32": lambda: MCDropout(32).estimate(network, batch.inputs),
        "mc_dropout, T = 32, features at hand": lambda: MCDropout(32).estimate_from_features(network, features),
        "analytic_dropout": lambda: AnalyticDropout(32).estimate(network, batch.inputs),
        "analytic_dropout, features at hand": lambda: AnalyticDropout(32).estimate_from_features(network, features),
        "variational, S = 8": lambda: Variational(8).estimate(random, batch.inputs),
        "ensemble of 3": lambda: Ensemble().estimate(members, batch.inputs),
        "laplace": lambda: laplace.estimate(network, batch.inputs),
        "laplace, features at hand": lambda: laplace.estimate_from_features(network, features),
    }
    times: dict[str, list[float]] = {task: [] for task in tasks}
    for turn in range(rounds + 2):
        for task, work in tasks.items():
            started = time.perf_counter()
            work()
            if turn >= 2:  # the first two warm up
                times[task].append(time.perf_counter() - started)
    step = statistics.median(times["training step"])
    return {
        task: {"milliseconds": 1_000 * statistics.median(values), "ratio": statistics.median(values) / step}
        for task, values in times.items()
    }


def main() -> None:
    """Measure, print, and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    found = {name: measure(name, options.rounds) for name in CASES}
    for name, tasks in found.items():
        for task, row in tasks.items():
            print(f"{name:5} {task:45} {row['milliseconds']:9.2f} ms  {row['ratio']:7.3f}")
    if options.output:
        content = {"environment": provenance.environment("cpu"), "batch_size": 64, "rounds": options.rounds, "costs": found}
        options.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
