"""Training steps on an NVIDIA GPU: recorded once as a CUDA graph, then replayed.

A step of a small network is about a hundred kernels of a few microseconds each. Launched one by one they wait for Python; a
graph launches them together.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from uncertlr.data import Batch, DataSet, image_batch
from uncertlr.seeding import derive_seed

Learn = Callable[[Batch, torch.Generator | None, Tensor], Tensor]
"""One step without its scheduler: a batch, the estimator's stream (None to observe nothing), the observations to fill."""

WARM_UP = 3
"""Plain steps before the first recording: libraries and the optimizer set themselves up in them."""


@dataclass(frozen=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    observations: Tensor
    correct: Tensor


class RecordedSteps:
    """The steps of a run on images, plain until a recording can be made; both draw the same random numbers.

    A batch of another size, such as an epoch's last, is a plain step. The rates lie on the device while a step runs, in
    float32, since a recording cannot read a number of the host; the scheduler sees plain numbers. Dropout draws from a
    stream of the run's own, not from the device's default one.

    Args:
        learn: the step; it must not wait for the device.
        optimizer: a fused Adam.
        data: whose training images are taken.
        batch_size: examples of a recorded step.
        augment: flip and crop at random.
        num_observations: length of the observations that `learn` fills.
    """

    def __init__(
        self,
        learn: Learn,
        optimizer: torch.optim.Optimizer,
        data: DataSet,
        batch_size: int,
        augment: bool,
        num_observations: int,
    ) -> None:
        device = data.train.targets.device
        self.learn, self.optimizer, self.data = learn, optimizer, data
        self.augmentation = torch.Generator(device) if augment else None
        self.samples, self.dropout = torch.Generator(device), torch.Generator(device)
        self.indices = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self.rates = [torch.zeros((), device=device) for _ in optimizer.param_groups]
        self.num_observations = num_observations
        self.recordings: dict[bool, _Recording] = {}
        self.taken = 0

    def begin(self, seed: int, epoch: int) -> None:
        """Put the streams to an epoch's start; the same streams as those of plain steps."""
        self.samples.manual_seed(derive_seed(seed, epoch, "signal"))
        self.dropout.manual_seed(derive_seed(seed, epoch, "dropout"))
        if self.augmentation is not None:
            self.augmentation.manual_seed(derive_seed(seed, epoch, "augment"))

    def take(self, indices: Tensor, observe: bool, observations: Tensor) -> Tensor:
        """One step.

        Args:
            indices: int64 [B] on the device, the examples.
            observe: whether the uncertainty is estimated.
            observations: filled on the device.

        Returns:
            How many examples were classified correctly, 0-dim; it holds until the next step.
        """
        for rate, group in zip(self.rates, self.optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])
        if len(indices) != len(self.indices) or self.taken < WARM_UP:
            self.taken += 1
            with self._own_stream(), self._rates_on_device():
                return self._step(indices, observe, observations)
        self.indices.copy_(indices)
        if observe not in self.recordings:
            self.recordings[observe] = self._record(observe)
        recording = self.recordings[observe]
        recording.graph.replay()
        observations.copy_(recording.observations)
        return recording.correct

    def _step(self, indices: Tensor, observe: bool, observations: Tensor) -> Tensor:
        batch = image_batch(self.data, self.data.train, indices, self.augmentation)
        return self.learn(batch, self.samples if observe else None, observations)

    def _record(self, observe: bool) -> _Recording:
        graph = torch.cuda.CUDAGraph()
        for stream in (self.samples, self.augmentation):
            if stream is not None:
                graph.register_generator_state(stream)
        observations = torch.full((self.num_observations,), torch.nan, device=self.indices.device)
        with self._own_stream(), self._rates_on_device(), torch.cuda.graph(graph, capture_error_mode="thread_local"):
            correct = self._step(self.indices, observe, observations)
        return _Recording(graph, observations, correct)

    @contextmanager
    def _own_stream(self) -> Iterator[None]:
        """Dropout layers draw from the default stream; a recording keeps the one that stood there when it was made."""
        device = self.indices.device
        if device.type != "cuda":  # the processor's global stream is the loop's to seed
            yield
            return
        default = torch.cuda.default_generators[device.index or 0]
        before = default.graphsafe_get_state()
        default.graphsafe_set_state(self.dropout)
        try:
            yield
        finally:
            default.graphsafe_set_state(before)

    @contextmanager
    def _rates_on_device(self) -> Iterator[None]:
        groups = self.optimizer.param_groups
        before = [(group["lr"], group["capturable"]) for group in groups]
        try:
            for group, rate in zip(groups, self.rates, strict=True):
                group["lr"], group["capturable"] = rate, True
            yield
        finally:
            for group, (rate, capturable) in zip(groups, before, strict=True):
                group["lr"], group["capturable"] = rate, capturable
