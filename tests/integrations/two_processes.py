"""Train on two processes and write down what each of them saw; started by test_two_processes.py through torchrun."""

import json
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from uncertlr.integrations import UncertaintyMonitor, find_scheduler
from uncertlr.schedulers import Threshold, UncertaintyLR

STEPS = 6


def main(folder: str, *ways: str) -> None:
    dist.init_process_group("gloo")
    for how in ways:
        seen = {"monitored": train(how, True), "alone": train(how, False)}
        Path(folder, f"{how}-{dist.get_rank()}.json").write_text(json.dumps(seen))
    dist.destroy_process_group()


def train(how: str, monitored: bool) -> dict:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
    rank, stepped = dist.get_rank(), None
    if how == "fsdp":
        fully_shard(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    rule = Threshold(threshold=0.9) if how == "accelerate" else Threshold(threshold=0.9, decrease=1.0, increase=1.0)
    scheduler = stepped = UncertaintyLR(optimizer, rule)
    other = UncertaintyLR(torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=0.1), Threshold(threshold=0.9))
    if how == "ddp":
        model = DistributedDataParallel(model)
    if how == "accelerate":
        from accelerate import Accelerator

        model, optimizer, stepped = Accelerator(cpu=True).prepare(model, optimizer, scheduler)
        assert find_scheduler(stepped) is scheduler
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        monitor = UncertaintyMonitor(model, [scheduler, other]) if monitored else None
    decided: list[float] = []
    if monitored and scheduler.reduce:
        add_up = scheduler.reduce
        scheduler.reduce = lambda *own: decided.append(add_up(*own)) or decided[-1]
    inputs = torch.randn(24, 6, generator=torch.Generator().manual_seed(rank))
    torch.manual_seed(100 + rank)
    rates, other_rates = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        batch = inputs[4 * step : 4 * step + 4 - rank]
        if monitor and step == 2 and rank == 1:
            with monitor.pause():
                output = model(batch)
        else:
            output = model(batch)
        output.square().mean().backward()
        optimizer.step()
        stepped.step()
        if step % 2:  # as a second network's optimizer may do
            other.optimizer.step()
            other.step()
            other_rates.append(other.get_last_lr()[0])
        rates.append(scheduler.get_last_lr()[0])
    weights = [each.full_tensor() if how == "fsdp" else each for each in model.parameters()]
    return {
        "weights": torch.cat([each.detach().flatten() for each in weights]).tolist(),
        "random": torch.rand(1).item(),
        "rates": rates,
        "decided": decided,
        "other_rates": other_rates,
        "history": [(each.step, each.value, each.way, each.examples) for each in monitor.history] if monitor else [],
        "warnings": len(caught),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
