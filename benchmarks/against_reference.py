"""Hold the library's CNN against the plain loop: the losses of 20 steps, and the accuracy after whole runs.

python benchmarks/against_reference.py --seeds 0 1 2 --output results/reference_loop.json
"""

import argparse
import json
import time
from pathlib import Path

import torch
from reference_loop import build_network, step_losses, train

from uncertlr.config import RunConfig, preset
from uncertlr.data import load_data, train_batches
from uncertlr.runs.store import read_run
from uncertlr.seeding import derive_seed
from uncertlr.training.build import build, load_config_data
from uncertlr.training.loop import train_epoch
from uncertlr.training.run import run


def largest_difference(config: RunConfig, steps: int = 20) -> float:
    """Of the two loops' losses over the first steps, from the same weights, batches and dropout seed."""
    config = config.replace(train_examples=64 * steps, epochs=1)
    experiment = build(config, load_config_data(config))
    network = build_network()
    weights = [tensor.clone().contiguous() for tensor in experiment.model.state_dict().values()]
    network.load_state_dict(dict(zip(network.state_dict(), weights, strict=True)))
    batches = [
        (batch.inputs, batch.targets)
        for batch in train_batches(experiment.data, config.batch_size, config.seed, 1, config.augment)
    ]
    torch.manual_seed(derive_seed(config.seed, 1, "dropout"))
    theirs = step_losses(network, batches)
    ours = train_epoch(experiment, 1)[0]["loss"].tolist()
    return max(abs(mine - other) for mine, other in zip(ours, theirs, strict=True))


def main() -> None:
    """Compare, print, and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for seed in options.seeds:
        config = preset("cifar10", options.profile, seed=seed)
        data = load_data("cifar10", train_examples=config.train_examples, seed=seed)
        started = time.perf_counter()
        plain = train((data.train.inputs, data.train.targets), (data.val.inputs, data.val.targets), config.epochs, seed)
        seconds = time.perf_counter() - started
        summary = read_run(run(config)).summary
        rows.append(
            {
                "seed": seed,
                "largest_loss_difference": largest_difference(config),
                "reference_val_accuracy": plain,
                "library_val_accuracy": summary["val"]["accuracy"],
                "reference_seconds": seconds,
                "library_seconds": summary["seconds"],
            }
        )
        print(rows[-1], flush=True)
        if options.output:
            options.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
