"""What `UncertaintyMonitor` costs: training steps with it over the same steps without, in one process and one thread.

Blocks of steps with and without alternate in pairs; a ratio is the median over the pairs, of processor time. Beside it
stands the same ratio of two blocks without a monitor: what this machine can resolve. The memory ratio is of
the most that a step holds, by the profiler's record of every allocation, with weights, gradients and Adam's averages. The
models: the report's CNN and LSTM (head resampled, 32 masks), a small BERT-like encoder with dropout in every layer, and a
ResNet-18 without dropout (logits of the pass). Run it with ``python -m benchmarks.monitor [PAIRS]``.
"""

import statistics
import sys
import time
from collections.abc import Callable
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from uncertlr.integrations import UncertaintyMonitor
from uncertlr.models import CNN, LSTMClassifier
from uncertlr.schedulers import Threshold, UncertaintyLR

STEPS = 4  # a block
UNCHANGED = Threshold(threshold=0.5, decrease=1.0, increase=1.0)


class BertLike(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 128)
        layer = nn.TransformerEncoderLayer(128, 2, 512, dropout=0.1, batch_first=True)
        self.encoder, self.out = nn.TransformerEncoder(layer, 4), nn.Linear(128, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.encoder(self.embedding(tokens))[:, 0])


def resnet() -> nn.Module:
    from torchvision.models import resnet18

    return resnet18(num_classes=10)


def cases() -> dict[str, tuple[nn.Module, Tensor, Tensor]]:
    classes = torch.randint(0, 10, (64,))
    return {
        "CNN": (CNN(32, 3, 10), torch.randn(64, 3, 32, 32), classes),
        "LSTM": (LSTMClassifier(20_000, 2), torch.randint(1, 20_000, (64, 400)), (classes > 4).long()),
        "BERT-like": (BertLike(), torch.randint(0, 1000, (16, 128)), (classes[:16] > 4).long()),
        "ResNet-18": (resnet(), torch.randn(16, 3, 32, 32), classes[:16]),
    }


def stepper(model: nn.Module, inputs: Tensor, targets: Tensor) -> tuple[Callable[[], None], UncertaintyLR]:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    scheduler = UncertaintyLR(optimizer, UNCHANGED)

    def step() -> None:
        optimizer.zero_grad()
        logits = model(inputs)
        binary = logits.shape[1] == 1
        loss = (
            F.binary_cross_entropy_with_logits(logits[:, 0], targets.float()) if binary else F.cross_entropy(logits, targets)
        )
        loss.backward()
        optimizer.step()
        scheduler.step()

    return step, scheduler


def seconds(step: Callable[[], None]) -> float:
    start = time.process_time()
    for _ in range(STEPS):
        step()
    return time.process_time() - start


def observed(model: nn.Module, step: Callable[[], None], scheduler: UncertaintyLR) -> tuple[float, str | None]:
    """Seconds of a block of steps with a monitor, after its first step, and the way that it used."""
    with UncertaintyMonitor(model, scheduler) as monitor:
        step()
        return seconds(step), monitor.way


def ratios(
    model: nn.Module, step: Callable[[], None], scheduler: UncertaintyLR, pairs: int
) -> tuple[list[float], list[float], str | None]:
    """With a monitor over without, and without over without (the noise of this machine), a value a pair."""
    step()
    with_monitor, without, way = [], [], None
    for pair in range(pairs):
        plain = seconds(step) if pair % 2 else None
        spent, way = observed(model, step, scheduler)
        plain = plain or seconds(step)
        with_monitor.append(spent / plain)
        without.append(seconds(step) / plain)
    return with_monitor, without, way


def peak_bytes(model: nn.Module, step: Callable[[], None]) -> int:
    """The most that is held during a step: what it allocates, weights and Adam's averages."""
    model.zero_grad()  # the profiler does not know the size of what was allocated before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    recorded = [each for each in profiler.profiler.kineto_results.events() if each.name() == "[memory]"]
    sizes = (each.nbytes() for each in sorted(recorded, key=lambda each: each.start_ns()))
    resident = sum(each.numel() * each.element_size() for each in model.parameters())
    return 3 * resident + max(accumulate(sizes))


def memory_ratio(model: nn.Module, step: Callable[[], None], scheduler: UncertaintyLR) -> tuple[float, int]:
    """Peak memory with a monitor over that without, and that without."""
    step()
    alone = peak_bytes(model, step)
    with UncertaintyMonitor(model, scheduler):
        return peak_bytes(model, step) / alone, alone


def main(pairs: int) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {pairs} pairs")
    print(f"{'model':10s} {'ratio':>7s} {'quartiles':>15s} {'without':>8s} {'memory':>7s} {'MB':>7s} way")
    for name, (model, inputs, targets) in cases().items():
        step, scheduler = stepper(model.train(), inputs, targets)
        shares, noise, way = ratios(model, step, scheduler, pairs)
        low, middle, high = statistics.quantiles(shares)
        memory, held = memory_ratio(model, step, scheduler)
        spread, alone = f"{low:.4f}..{high:.4f}", statistics.median(noise)
        print(f"{name:10s} {middle:7.4f} {spread:>15s} {alone:8.4f} {memory:7.4f} {held / 1e6:7.1f} {way}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
