"""Batches of an epoch. Data lies in memory, on the device, so there is nothing to load ahead."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from uncertlr.data.augment import draw_flips_and_crops, flip_and_crop
from uncertlr.data.types import DataSet, Split
from uncertlr.seeding import generator

POOL = 50
"""Batches' worth of texts that are sorted by length together."""


@dataclass(frozen=True)
class Batch:
    """What the model takes in one step.

    Attributes:
        inputs: float32 images [B, C, H, W], normalized, channels last in memory; or int64 token ids [B, L], padded with 0.
        targets: int64 [B].
        indices: int64 [B], the examples' places in their split.
    """

    inputs: Tensor
    targets: Tensor
    indices: Tensor


def steps_per_epoch(num_examples: int, batch_size: int) -> int:
    """Batches per epoch. A single example left over joins the batch before: it has no variance to normalize by."""
    return max(1, math.ceil(num_examples / batch_size) - (num_examples % batch_size == 1))


def train_batches(data: DataSet, batch_size: int, seed: int, epoch: int, augment: bool) -> Iterator[Batch]:
    """The training set in the order of an epoch.

    Args:
        data: whose training split is used.
        batch_size: examples per batch; the last batch of an epoch may be smaller, or larger by one.
        seed: of the run.
        epoch: counted from 1; with the seed it fixes order and augmentation.
        augment: flip and crop images at random.
    """
    if data.kind == "text":
        lengths = _lengths(data.train)
        order = _order(data, seed, epoch)
        for indices in _bucketed(order, lengths, batch_size, generator(seed, epoch, "buckets")):
            yield _text_batch(data.train, indices, lengths)
        return
    stream = generator(seed, epoch, "augment", data.train.targets.device) if augment else None
    for indices in image_order(data, batch_size, seed, epoch):
        yield image_batch(data, data.train, indices, stream)


def image_order(data: DataSet, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    """The training images of an epoch's batches, int64 [B] each, on the device."""
    return _chunks(_order(data, seed, epoch).to(data.train.targets.device), batch_size)


def image_batch(data: DataSet, split: Split, indices: Tensor, stream: torch.Generator | None) -> Batch:
    """A batch of images; nothing in it waits for the device.

    Args:
        data: whose mean and standard deviation normalize.
        split: of `data`.
        indices: int64 [B], on the device.
        stream: for flips and crops, on the device; None for images as they are.
    """
    inputs, targets = split.inputs[indices], split.targets[indices]
    if stream is not None:
        inputs = flip_and_crop(inputs, *draw_flips_and_crops(len(inputs), stream))
    scale, shift = data.normalization
    # channels last comes last: scaling along an innermost axis of three is slow
    images = inputs.to(torch.float32).mul_(scale[:, None, None]).add_(shift[:, None, None])
    return Batch(images.to(memory_format=torch.channels_last), targets, indices)


def eval_batches(data: DataSet, split: Split, batch_size: int) -> Iterator[Batch]:
    """A whole split once: images in their order, texts by length. `Batch.indices` says where each example belongs."""
    if data.kind == "text":
        lengths = _lengths(split)
        for indices in torch.split(torch.argsort(lengths, stable=True), batch_size):
            yield _text_batch(split, indices, lengths)
        return
    for indices in torch.split(torch.arange(len(split), device=split.targets.device), batch_size):
        yield image_batch(data, split, indices, None)


def _text_batch(split: Split, indices: Tensor, lengths: Tensor) -> Batch:
    longest = int(lengths[indices].max())  # lengths lie on the host, so no device is waited for
    indices = indices.to(split.targets.device)
    return Batch(split.inputs[indices, :longest].long(), split.targets[indices], indices)


def _order(data: DataSet, seed: int, epoch: int) -> Tensor:
    return torch.randperm(len(data.train), generator=generator(seed, epoch, "order"))


def _lengths(split: Split) -> Tensor:
    return (split.inputs != 0).sum(1).cpu()


def _chunks(order: Tensor, batch_size: int) -> list[Tensor]:
    chunks = list(torch.split(order, batch_size))
    if len(chunks) > 1 and len(chunks[-1]) == 1:
        last = chunks.pop()
        chunks[-1] = torch.cat([chunks[-1], last])
    return chunks


def _bucketed(order: Tensor, lengths: Tensor, batch_size: int, stream: torch.Generator) -> list[Tensor]:
    pools = torch.split(order, POOL * batch_size)
    sorted_pools = torch.cat([pool[torch.argsort(lengths[pool], stable=True)] for pool in pools])
    chunks = _chunks(sorted_pools, batch_size)
    return [chunks[index] for index in torch.randperm(len(chunks), generator=stream).tolist()]
