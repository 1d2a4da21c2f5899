"""What a page shows of single predictions: examples that a network is least or most sure of, and what it takes for what.

Examples need the raw data and both need a run's predictions, so they are kept with the published runs: small pictures, short
pieces of text and two tables, for pages that are rendered where neither is.
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

from uncertlr.analysis.confusion import Confusion, tabulate
from uncertlr.data import DataSet
from uncertlr.errors import RunError
from uncertlr.runs.archive import results_folder
from uncertlr.runs.files import read_json, write_json
from uncertlr.runs.store import Run
from uncertlr.training.build import load_config_data

GROUPS = ("least sure", "most sure", "sure and wrong")
COUNT = 4
EXCERPT_WORDS = 16


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


def confusion_of(run: Run) -> Confusion | None:
    """What a run takes for what: from results/ if it is stored there, else from the run's predictions.

    Returns:
        The final weights' confusions on the test set (of a run that is not tested, on the validation set), Monte Carlo
        averaged; None for a published run without stored ones.
    """
    path = _path(run)
    stored = read_json(path).get("confusion") if path.is_file() else None
    if stored:
        return Confusion(tuple(stored["classes"]), *(_table(stored[part]) for part in ("counts", "entropy")))
    return tabulate(_rows(run), run.record["class_names"]) if run.predictions is not None else None


def titled_pictures(examples: Sequence[Example]) -> dict[str, list[tuple[np.ndarray, str]]]:
    """The pictures of each group with their titles: the predicted class, its probability, and the label.

    Returns:
        Name of the group to its pictures; empty where the examples are texts, or there are none.
    """
    groups: dict[str, list[tuple[np.ndarray, str]]] = {}
    for each in examples:
        if isinstance(each.content, np.ndarray):
            title = f"{each.predicted}\n{100 * each.confidence:.0f} %\nis {each.label}"
            groups.setdefault(each.group, []).append((each.content, title))
    return groups


def examples_table(examples: Sequence[Example]) -> pd.DataFrame:
    """A row per example: its place in its split and what the network predicted, without the picture or the text."""
    columns = [each.name for each in fields(Example) if each.name != "content"]
    return pd.DataFrame([asdict(example) for example in examples], columns=columns)


def store_examples(run: Run) -> Path:
    """Write a run's examples and its confusions into results/.

    Raises:
        RunError: the run has no predictions, or the data are not those that it has seen.
        UncertlrError: the data are missing.
    """
    if run.predictions is None:
        raise RunError(f"run {run.config.run_id} was published without predictions; publish it with --predictions")
    rows = [{**asdict(example), "content": _pack(example.content)} for example in _collect(run)]
    found = tabulate(_rows(run), run.record["class_names"])
    entropy = [[None if np.isnan(value) else round(value, 4) for value in row] for row in found.entropy.tolist()]
    confusion = {"classes": found.classes, "counts": found.counts.tolist(), "entropy": entropy}
    _path(run).parent.mkdir(parents=True, exist_ok=True)
    content = {"run_id": run.config.run_id, "data": run.record["data"], "examples": rows, "confusion": confusion}
    write_json(_path(run), content)
    return _path(run)


def choose(predictions: pd.DataFrame, count: int) -> dict[str, list[int]]:
    """Which examples belong to each group, the clearest case first.

    Args:
        predictions: a row per example, with ``label``, ``predicted`` and ``predictive_entropy``.
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
    rows = _rows(run)
    names, inputs = data.class_names, getattr(data, _split(run)).inputs
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


def _table(rows: list[list[float | None]]) -> np.ndarray:
    return np.array([[np.nan if value is None else value for value in row] for row in rows])


def _split(run: Run) -> str:
    return "test" if run.config.evaluate_test else "val"


def _rows(run: Run) -> pd.DataFrame:
    assert run.predictions is not None
    return run.predictions.query(f"split == '{_split(run)}'").reset_index(drop=True)


def _content(data: DataSet, inputs: Tensor) -> np.ndarray | str:
    return inputs.cpu().numpy() if data.kind == "image" else shorten(data.decode(inputs).split())


def shorten(words: Sequence[str]) -> str:
    """The first and the last words of a text.

    >>> shorten(["a", "short", "one"])
    'a short one'
    """
    if len(words) <= 2 * EXCERPT_WORDS:
        return " ".join(words)
    return " ".join([*words[:EXCERPT_WORDS], "…", *words[-EXCERPT_WORDS:]])


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
