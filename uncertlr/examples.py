"""The few examples that a page shows: what a network is least and most sure of, and where it is surely wrong.

They need the raw data, so they are kept with the published runs: small pictures and short pieces of text, for pages that are
rendered where the data are not.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from uncertlr.data import DataSet
from uncertlr.errors import RunError
from uncertlr.experiments import load_config_data
from uncertlr.files import read_json, write_json
from uncertlr.published import results_folder
from uncertlr.runs import Run

GROUPS = ("least sure", "most sure", "sure and wrong")
COUNT = 4
WORDS = 16


@dataclass(frozen=True)
class Example:
    """One example and what the network said of it.

    Attributes:
        group: one of `GROUPS`.
        index: its place in its split.
        label: name of its class.
        predicted: name of the class that the network gives.
        confidence: probability of that class, averaged over the samples.
        predictive_entropy: in nats.
        content: the picture, uint8 [C, H, W], or the first and last words of the text.
    """

    group: str
    index: int
    label: str
    predicted: str
    confidence: float
    predictive_entropy: float
    content: np.ndarray | str


def examples_of(run: Run) -> list[Example]:
    """A run's examples: from results/ if they are stored there, else from its predictions and its data.

    Returns:
        `COUNT` examples a group, fewer where there are no more; none for a published run without stored ones.

    Raises:
        UncertlrError: the data are missing, or not those that the run has seen.
    """
    path = _path(run)
    if path.is_file():
        return [Example(**{**row, "content": _unpack(row["content"])}) for row in read_json(path)["examples"]]
    return _collect(run) if run.predictions is not None else []


def examples_table(examples: Sequence[Example]) -> pd.DataFrame:
    """A row an example: where it stands in its split and what the network said of it, without the picture or the text."""
    columns = [each.name for each in fields(Example) if each.name != "content"]
    return pd.DataFrame([asdict(example) for example in examples], columns=columns)


def store_examples(run: Run) -> Path:
    """Write a run's examples into results/.

    Raises:
        RunError: the run has no predictions, or the data are not those that it has seen.
        UncertlrError: the data are missing.
    """
    if run.predictions is None:
        raise RunError(f"run {run.config.run_id} was published without predictions; publish it with --predictions")
    rows = [{**asdict(example), "content": _pack(example.content)} for example in _collect(run)]
    _path(run).parent.mkdir(parents=True, exist_ok=True)
    write_json(_path(run), {"run_id": run.config.run_id, "data": run.record["data"], "examples": rows})
    return _path(run)


def choose(predictions: pd.DataFrame, count: int) -> dict[str, list[int]]:
    """Which examples belong to each group, the clearest case first.

    Args:
        predictions: a row an example, with ``label``, ``predicted`` and ``predictive_entropy``.
        count: most to take for each group.
    """
    ranked = predictions["predictive_entropy"].sort_values(kind="stable").index
    wrong = [index for index in ranked if predictions["label"][index] != predictions["predicted"][index]]
    return dict(zip(GROUPS, (list(ranked[::-1][:count]), list(ranked[:count]), wrong[:count]), strict=True))


def _collect(run: Run) -> list[Example]:
    data = load_config_data(run.config)
    if data.fingerprint != run.record["data"]:
        raise RunError(
            f"run {run.config.run_id} has seen data with fingerprint {run.record['data'][:12]}, but {run.config.dataset} "
            f"now has {data.fingerprint[:12]}; restore the data"
        )
    assert run.predictions is not None
    split = "test" if run.config.evaluate_test else "val"
    rows = run.predictions.query(f"split == '{split}'").reset_index(drop=True)
    names, inputs = data.class_names, getattr(data, split).inputs
    return [
        Example(
            group=group,
            index=int(index),
            label=names[rows["label"][index]],
            predicted=names[rows["predicted"][index]],
            confidence=round(float(rows["confidence"][index]), 4),
            predictive_entropy=round(float(rows["predictive_entropy"][index]), 4),
            content=_content(data, inputs[index]),
        )
        for group, indices in choose(rows, COUNT).items()
        for index in indices
    ]


def _content(data: DataSet, inputs: Tensor) -> np.ndarray | str:
    return inputs.cpu().numpy() if data.kind == "image" else shorten(data.decode(inputs).split())


def shorten(words: Sequence[str]) -> str:
    """The first and the last words of a text.

    >>> shorten(["a", "short", "one"])
    'a short one'
    """
    if len(words) <= 2 * WORDS:
        return " ".join(words)
    return " ".join([*words[:WORDS], "…", *words[-WORDS:]])


def _path(run: Run) -> Path:
    return results_folder() / f"examples-{run.config.run_id}.json"


def _pack(content: np.ndarray | str) -> dict[str, Any]:
    from PIL import Image

    if isinstance(content, str):
        return {"text": content}
    file = io.BytesIO()
    Image.fromarray(np.transpose(content, (1, 2, 0)).squeeze()).save(file, format="png", optimize=True)
    return {"png": base64.b64encode(file.getvalue()).decode()}


def _unpack(packed: dict[str, str]) -> np.ndarray | str:
    from PIL import Image

    if "text" in packed:
        return packed["text"]
    picture = np.array(Image.open(io.BytesIO(base64.b64decode(packed["png"]))))
    return picture[None] if picture.ndim == 2 else np.transpose(picture, (2, 0, 1))
