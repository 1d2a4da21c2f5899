"""Train on two processes and write down what each of them saw; started by test_two_processes.py through torchrun."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from uncertlr.estimators import MCDropout
from uncertlr.integrations import find_scheduler, listen
from uncertlr.schedulers import Threshold, UncertaintyLR, read_signal
from uncertlr.seeding import generator


def main(how: str, folder: str) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scheduler = stepped = UncertaintyLR(optimizer, Threshold(threshold=0.9))
    if how == "accelerate":
        from accelerate import Accelerator

        accelerator = Accelerator(cpu=True)
        model, optimizer, stepped = accelerator.prepare(net, optimizer, scheduler)
        assert type(stepped).__name__ == "AcceleratedScheduler"
        assert find_scheduler(stepped) is scheduler
    else:
        dist.init_process_group("gloo")
        model = DistributedDataParallel(net)
    rank = dist.get_rank()
    listener = listen(model, scheduler)

    inputs = torch.randn(24, 6, generator=torch.Generator().manual_seed(rank))
    seen = {"rates": [], "readings": []}
    torch.manual_seed(100 + rank)
    for step in range(6):
        batch = inputs[4 * step : 4 * step + 4]
        purpose = f"reading 0 of process {rank}"
        stream = generator(0, scheduler.last_epoch, purpose)
        local = MCDropout().estimate_from_features(Split(net[2:]), net[:2](batch), generator=stream)
        if step == 0:
            both = [None, None]
            dist.all_gather_object(both, float(read_signal("predictive_entropy", local)))
            seen["local"] = both
        loss = model(batch).square().mean()
        optimizer.zero_grad()
        accelerator.backward(loss) if how == "accelerate" else loss.backward()
        optimizer.step()
        assert scheduler.queued_weight == 1
        stepped.step()
        seen["rates"].append(scheduler.get_last_lr()[0])
        seen["readings"].append(listener.reading)
    seen["weights"] = net[3].weight.flatten().tolist()
    seen["steps"] = scheduler.last_epoch
    Path(folder, f"{rank}.json").write_text(json.dumps(seen))
    dist.destroy_process_group()


class Split(nn.Module):
    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head


if __name__ == "__main__":
    main(*sys.argv[1:])
