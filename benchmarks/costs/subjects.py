"""What is measured: the report's networks, batches of 64, and experiments built by the library itself."""

import dataclasses

import torch
from torch import Tensor

from uncertlr.config import RunConfig, preset
from uncertlr.data import Batch, DataSet, Split, load_data
from uncertlr.training.allocator import keep_freed_memory
from uncertlr.training.build import build
from uncertlr.training.step import Experiment

BATCH = 64
SAMPLES = 32
LENGTH = 200
"""Words of a review in the batch that stands for IMDB, about the median review."""

RULE = {"rule": "threshold", "progress": "quiet", "device": "cpu"}


def settle() -> None:
    """The settings of a process in which the library trains."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    keep_freed_memory()


def random_data(kind: str) -> DataSet:
    """A data set of one batch, of the shape of CIFAR-10 or IMDB: times of dense arithmetic do not depend on the numbers."""
    stream = torch.Generator().manual_seed(0)
    if kind == "cifar10":
        inputs = torch.randint(256, (BATCH, 3, 32, 32), generator=stream, dtype=torch.uint8)
        names: tuple[str, ...] = tuple("0123456789")
    else:
        inputs = torch.randint(1, 20_000, (BATCH, LENGTH), generator=stream, dtype=torch.int32)
        names = ("neg", "pos")
    split = Split(inputs, torch.randint(len(names), (BATCH,), generator=stream))
    words = tuple(map(str, range(20_000))) if kind == "imdb" else ()
    shape = (torch.full((3,), 0.5), torch.full((3,), 0.25))
    return DataSet(kind, "text" if words else "image", names, split, split, split, "", *shape, vocabulary=words)


def real_data(kind: str, examples: int) -> DataSet:
    """The real set with so many training examples (0 for all) and one batch to validate on."""
    data = load_data(kind, train_examples=examples)
    return dataclasses.replace(data, val=Split(data.val.inputs[:BATCH], data.val.targets[:BATCH]))


def experiment(kind: str, data: DataSet | None = None, **changes: object) -> Experiment:
    """The report's network with its rule, as `uncertlr run` would build it."""
    config: RunConfig = preset(kind, **{**RULE, "num_samples": SAMPLES, "epochs": 1, **changes})
    return build(config, data or random_data(kind))


def one_batch(subject: Experiment) -> Batch:
    """The experiment's training batch, on the device and normalized."""
    from uncertlr.data import eval_batches

    return next(eval_batches(subject.data, subject.data.train, BATCH))


def features_of(subject: Experiment, inputs: Tensor) -> Tensor:
    """What the trunk gives to the head."""
    with torch.no_grad():
        return subject.model.eval().features(inputs)
