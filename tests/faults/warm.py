"""Imported by the server that children are forked from: whatever a first run sets up is there when they start."""

import tempfile
from pathlib import Path

import torch

from tests.faults.children import tiny
from uncertlr.training.run import run

torch.set_num_threads(1)
with tempfile.TemporaryDirectory() as folder:
    run(tiny(Path(folder), epochs=1))
