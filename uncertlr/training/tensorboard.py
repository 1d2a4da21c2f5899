"""A run's metrics as TensorBoard event files."""

from pathlib import Path
from typing import Any

from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError
from uncertlr.runs.files import Arrays
from uncertlr.runs.paths import RunPaths
from uncertlr.runs.schema import Row
from uncertlr.training.progress import Callback

STEPS = ("loss", "signal", "predictive_entropy", "expected_entropy", "mutual_information", "learning_rate", "factor")
"""What is written of every step, under ``step/``; the scores of an epoch are under ``train/`` and ``val/``."""


class TensorBoard(Callback):
    """Writes event files, in a folder for each run.

    Args:
        folder: what ``tensorboard --logdir`` is given.

    Raises:
        ConfigError: the package tensorboard is missing.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            import torch.utils.tensorboard  # noqa: F401
        except ImportError:
            raise ConfigError("event files need the package tensorboard: pip install 'uncertlr[tensorboard]'") from None
        self.folder = Path(folder)
        self.writer: Any = None

    def begin(self, config: RunConfig, paths: RunPaths, resumed: int) -> None:
        """Open the run's file; what an interrupted epoch had written is superseded."""
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(self.folder / config.run_id))
        self.writer.add_text("settings", "\n".join(f"    {name}: {value}" for name, value in config.identity.items()))

    def epoch(self, train: Row, val: Row, trace: Arrays) -> None:
        """Write an epoch, and all of its steps."""
        for name in STEPS:
            for step, value in zip(trace["step"].tolist(), trace[name].tolist(), strict=True):
                self.writer.add_scalar(f"step/{name}", value, step)
        for split, row in (("train", train), ("val", val)):
            for name, value in row.items():
                if isinstance(value, float) and name not in ("seconds", "elapsed"):
                    self.writer.add_scalar(f"{split}/{name}", value, val["epoch"])
        self.writer.flush()

    def end(self, error: BaseException | None) -> None:
        """Close the file."""
        if self.writer is not None:
            self.writer.close()
