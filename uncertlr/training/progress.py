"""What a run says while it trains: a bar in a terminal, a line of text per epoch elsewhere, or nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from uncertlr.config import RunConfig

EpochReport = Callable[[dict[str, Any], dict[str, Any]], None]
"""Receives the rows of metrics of training and of validation, after each epoch."""


@contextmanager
def reporter(config: RunConfig) -> Iterator[EpochReport]:
    """The function that `fit` calls after each epoch, in the style that ``config.progress`` asks for."""
    style = config.progress
    if style == "auto":
        style = "bar" if sys.stderr.isatty() else "text"
    if style == "quiet":
        yield lambda train, val: None
    elif style == "text":
        yield lambda train, val: print(_line(config, train, val), flush=True)
    else:
        with tqdm(total=config.epochs, desc=config.run_id, unit="epoch") as bar:

            def advance(train: dict[str, Any], val: dict[str, Any]) -> None:
                bar.update(val["epoch"] - bar.n)
                bar.set_postfix_str(f"val loss {val['loss']:.3f}, accuracy {val['accuracy']:.3f}")

            yield advance


def _line(config: RunConfig, train: dict[str, Any], val: dict[str, Any]) -> str:
    width = len(str(config.epochs))
    return (
        f"epoch {val['epoch']:{width}d}/{config.epochs}  loss {train['loss']:.4f}  val loss {val['loss']:.4f}  "
        f"val accuracy {val['accuracy']:.4f}  rate {train['learning_rate']:.2e}  {train['seconds']:.1f} s"
    )
