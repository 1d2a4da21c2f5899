"""An epoch on real CIFAR-10 and IMDB: ours, with an uncertainty estimate at every step, against trainers that estimate none.

The peers train the same network on the same examples at their defaults on a CPU: the Hugging Face `Trainer`, Lightning, and
a plain loop, each over a `DataLoader` that takes one example at a time, pictures through torchvision's transforms, texts
padded to the longest of a batch drawn at random. What they log and save by default is switched off. Every contestant has a
process of its own, so that our settings of memory and of denormal numbers neither help nor hurt it; laps are run in turn.
"""

import multiprocessing
import os
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.costs import limits, subjects
from benchmarks.costs.clock import Effort, Laps, describe, lap, ratio_row
from benchmarks.costs.epoch import epoch_limit, fit_once
from uncertlr.data import DataSet, train_batches
from uncertlr.metrics import cross_entropy
from uncertlr.models import CNN, LSTMClassifier

EXAMPLES = {"cifar10": 3_200, "imdb": 1_280}
"""A part of the epoch."""
TARGETS = {"cifar10": 1.0, "imdb": 5.0}
NAMES = {"cifar10": "CIFAR-10", "imdb": "IMDB"}


def measure(effort: Effort) -> dict[str, Any]:
    """A row per peer and data set; whole epochs are run once."""
    subjects.settle()  # for the hardware limits; contestants have processes of their own
    rows, times = [], {}
    for kind, label in NAMES.items():
        examples = 0 if effort.whole else EXAMPLES[kind]
        laps = _in_turn(kind, examples, rounds=1 if effort.whole else effort.rounds(3))
        data = subjects.real_data(kind, examples)
        note = "a whole epoch" if effort.whole else f"{examples:,} examples"
        padding = {"padding_over_ours": padding_over_ours(data)} if kind == "imdb" else {}
        limit = epoch_limit(kind, data)
        for peer in list(CONTESTANTS)[1:]:
            name = f"{peer} over ours, per epoch on {label}"
            rows.append(ratio_row(name, laps, peer, "ours", at_least=TARGETS[kind], note=note, **padding))
        theirs = limits.repeated(padding.get("padding_over_ours", 1.0), limit)
        known = {name: limit if name == "ours" else theirs for name in laps}
        times |= {f"{label}, {note}: {name}": describe(each, known[name]) for name, each in laps.items()}
    return {"rows": rows, "times": times}


def _in_turn(kind: str, examples: int, rounds: int) -> dict[str, Laps]:
    context = multiprocessing.get_context("spawn")
    pools = {name: ProcessPoolExecutor(1, mp_context=context) for name in CONTESTANTS}
    try:
        for name, pool in pools.items():
            pool.submit(_lap, name, kind, 2 * subjects.BATCH).result()  # warms up
        laps: dict[str, Laps] = {name: [] for name in pools}
        for _ in range(rounds):
            for name, pool in pools.items():
                laps[name].append(pool.submit(_lap, name, kind, examples).result())
        return laps
    finally:
        for pool in pools.values():
            pool.shutdown()


def _lap(name: str, kind: str, examples: int) -> tuple[float, float]:
    """One epoch of a contestant; data and network are made before the clocks start."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    warnings.simplefilter("ignore")  # advice on the number of workers
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return lap(CONTESTANTS[name](kind, subjects.real_data(kind, examples)))


def ours(kind: str, data: DataSet) -> Callable[[], object]:
    """`fit`, with the report's rule and an estimate from 32 samples at every step."""
    subjects.settle()
    return fit_once(kind, data)


def plain_loop(kind: str, data: DataSet) -> Callable[[], object]:
    """A loop as in torch's tutorials."""
    model = network(data)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def task() -> None:
        for inputs, targets in loader(data):
            loss = cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return task


def lightning(kind: str, data: DataSet) -> Callable[[], object]:
    """Lightning's `Trainer`."""
    import lightning.pytorch as pl

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = network(data)

        def training_step(self, batch, index):
            return cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=1, accelerator="cpu", **quiet)
    return lambda: trainer.fit(Module(), loader(data))


def hugging_face(kind: str, data: DataSet) -> Callable[[], object]:
    """The Hugging Face `Trainer`, with its own optimizer and schedule."""
    from transformers import Trainer, TrainingArguments

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network(data)

        def forward(self, inputs, labels):
            logits = self.net(inputs)
            return {"loss": cross_entropy(logits, labels), "logits": logits}

    def collated(examples):
        inputs, labels = collate(examples)
        return {"inputs": inputs, "labels": labels}

    arguments = TrainingArguments(
        tempfile.mkdtemp(),
        per_device_train_batch_size=subjects.BATCH,
        num_train_epochs=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        remove_unused_columns=False,
    )
    return Trainer(Model(), arguments, data_collator=collated, train_dataset=Examples(data)).train


CONTESTANTS: dict[str, Callable[[str, DataSet], Callable[[], object]]] = {
    "ours": ours,
    "plain loop": plain_loop,
    "Lightning": lightning,
    "Hugging Face Trainer": hugging_face,
}


class Examples(Dataset):
    """One example at a time, as torchvision's data sets give them: a picture through transforms, or a list of words."""

    def __init__(self, data: DataSet) -> None:
        from torchvision.transforms import v2

        self.data = data
        if data.kind == "image":
            self.pictures = data.train.inputs.permute(0, 2, 3, 1).numpy()
            self.transform = v2.Compose(
                [
                    v2.RandomCrop(32, padding=4),
                    v2.RandomHorizontalFlip(),
                    v2.ToImage(),
                    v2.ToDtype(torch.float32, scale=True),
                    v2.Normalize(data.mean.tolist(), data.std.tolist()),
                ]
            )

    def __len__(self) -> int:
        return len(self.data.train)

    def __getitem__(self, index: int):
        from PIL import Image

        label = int(self.data.train.targets[index])
        if self.data.kind == "image":
            return self.transform(Image.fromarray(self.pictures[index])), label
        tokens = self.data.train.inputs[index]
        return tokens[tokens != 0].long(), label


def collate(examples):
    """Stacked pictures, or texts padded to the longest."""
    inputs, labels = zip(*examples, strict=True)
    padded = nn.utils.rnn.pad_sequence(list(inputs), batch_first=True) if inputs[0].ndim == 1 else torch.stack(inputs)
    return padded, torch.tensor(labels)


def padding_over_ours(data: DataSet) -> float:
    """Words and padding that a peer's epoch of texts multiplies, over ours, whose batches hold texts of one length."""
    torch.manual_seed(0)
    theirs = sum(inputs.numel() for inputs, _ in loader(data))
    return theirs / sum(batch.inputs.numel() for batch in train_batches(data, subjects.BATCH, 0, 1, augment=False))


def loader(data: DataSet) -> DataLoader:
    """Shuffled, one process, everything else as it comes."""
    return DataLoader(Examples(data), batch_size=subjects.BATCH, shuffle=True, collate_fn=collate)


def network(data: DataSet) -> nn.Module:
    """The same network that ours trains."""
    if data.kind == "image":
        return CNN(32, 3, data.num_classes).train()
    return LSTMClassifier(data.vocab_size, data.num_classes).train()
