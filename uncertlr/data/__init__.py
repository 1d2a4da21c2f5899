"""Named data sets as tensors on the device, with seeded splits and batches."""

import warnings

with warnings.catch_warnings():  # in a notebook without ipywidgets it warns; `datasets` and others import it later
    warnings.simplefilter("ignore")
    import tqdm.auto  # noqa: F401

from uncertlr.data.augment import draw_flips_and_crops, flip_and_crop
from uncertlr.data.batches import Batch, eval_batches, image_batch, image_order, steps_per_epoch, train_batches
from uncertlr.data.loading import check_data, folder_fingerprint, known_kind, load_data
from uncertlr.data.types import DataSet, OnProgress, Source, Split, ignore_progress

__all__ = [
    "Batch",
    "DataSet",
    "Source",
    "Split",
    "OnProgress",
    "check_data",
    "draw_flips_and_crops",
    "eval_batches",
    "flip_and_crop",
    "folder_fingerprint",
    "image_batch",
    "image_order",
    "known_kind",
    "load_data",
    "ignore_progress",
    "steps_per_epoch",
    "train_batches",
]
