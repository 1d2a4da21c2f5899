"""Published runs: many runs in one Parquet file a sweep, small enough for the repository.

A published run keeps its configuration, record, summary and metrics whole. It keeps the factor and, of a rule with feedback,
the signal at every step, since controls replay them; the other readings of the trace at evenly spaced steps.
"""

import io
import json
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from uncertlr.config import RESULT_VERSION
from uncertlr.errors import RunError
from uncertlr.files import Arrays, save_arrays, write_atomically, write_json
from uncertlr.runs import Run, RunPaths, project_folder

TRACE_POINTS = 400
LIMIT_BYTES = 10_000_000


def results_folder() -> Path:
    """``UNCERTLR_RESULTS``, else results/ in the project."""
    return Path(os.environ.get("UNCERTLR_RESULTS") or project_folder() / "results")


def publish(runs: Sequence[Run], name: str, *, with_predictions: Sequence[str] = ()) -> Path:
    """Write finished runs into one file of the results folder.

    Args:
        runs: what to publish; of one `RESULT_VERSION`.
        name: the file's name without its ending.
        with_predictions: run ids whose predictions (a row an example) go along.

    Raises:
        RunError: the name is none, the file exists (it is immutable), there is no run, a run is of another version or is
            published already, the folder would exceed its 10 MB, or it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise RunError(f"{name!r} cannot name a file of {results_folder()}: use letters, digits, - and _, without an ending")
    path = results_folder() / f"{name}.parquet"
    if path.exists():
        raise RunError(f"{path} exists and published files are immutable; choose another name")
    _check_once([run.config.run_id for run in runs], with_predictions)
    stale = [run.config.run_id for run in runs if run.summary["result_version"] != RESULT_VERSION]
    if stale:
        raise RunError(f"{stale[0]} has another result version than {RESULT_VERSION}; run it again before publishing")
    rows = [_pack(run, run.config.run_id in with_predictions) for run in runs]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer, compression="zstd", compression_level=19)
    sizes = {file.name: file.stat().st_size for file in path.parent.glob("*.parquet")} | {path.name: buffer.tell()}
    if sum(sizes.values()) > LIMIT_BYTES:
        raise RunError(f"results/ would hold {sum(sizes.values())} bytes, more than {LIMIT_BYTES}: {sizes}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from None
    return path


def _check_once(run_ids: Sequence[str], with_predictions: Sequence[str]) -> None:
    if not run_ids:
        raise RunError("there is no run to publish")
    published = published_ids()
    for run_id in run_ids:
        if run_ids.count(run_id) > 1:
            raise RunError(f"run {run_id} is named twice")
        if run_id in published:
            raise RunError(f"run {run_id} is published already, in {published[run_id]}; leave it out")
    for run_id in with_predictions:
        if run_id not in run_ids:
            raise RunError(f"predictions of {run_id} cannot go along: it is none of the runs that are published here")


def published_ids() -> dict[str, Path]:
    """Every published run and the file that holds it."""
    ids: dict[str, Path] = {}
    for path in sorted(results_folder().glob("*.parquet")):
        for run_id in _ids_of(path, path.stat().st_mtime_ns):
            ids.setdefault(run_id, path)
    return ids


@lru_cache
def _ids_of(path: Path, modified: int) -> tuple[str, ...]:
    import pyarrow.parquet as pq

    return tuple(pq.read_table(path, columns=["run_id"])["run_id"].to_pylist())


def restore_published(paths: RunPaths) -> bool:
    """Unpack a published run into its folder, so that it reads like any other.

    Returns:
        Whether the run is published.
    """
    import pyarrow.parquet as pq

    if not results_folder().is_dir():
        return False
    source = published_ids().get(paths.run_id)
    if source is None:
        return False
    row = pq.read_table(source, filters=[("run_id", "=", paths.run_id)]).to_pylist()[0]
    paths.directory.mkdir(parents=True, exist_ok=True)
    write_json(paths.config, json.loads(row["config"]))
    write_json(paths.record, json.loads(row["record"]) | {"published": source.stem})
    write_atomically(paths.metrics, row["metrics"].encode())
    for stale in paths.directory.glob("trace-*.npz"):
        stale.unlink(missing_ok=True)
    save_arrays(paths.trace(1), {name: np.array(values) for name, values in row["trace"].items()})
    whole = {name: np.array(row[name]) for name in ("factor", "signal") if row[name] is not None}
    save_arrays(paths.factor, whole)
    if row["predictions"]:
        write_atomically(paths.predictions, row["predictions"])
    write_json(paths.summary, json.loads(row["summary"]))
    return True


def _pack(run: Run, with_predictions: bool) -> dict[str, Any]:
    trace = run.trace
    record = {name: value for name, value in run.record.items() if name != "owner"}
    return {
        "run_id": run.config.run_id,
        **{f"config_{name}": value for name, value in run.config.model_dump().items() if _is_plain(name, value)},
        "config": run.paths.config.read_text(encoding="utf-8"),
        "record": json.dumps(record),
        "summary": json.dumps(run.summary),
        "metrics": run.paths.metrics.read_text(encoding="utf-8"),
        "factor": trace["factor"].tolist(),
        "signal": trace["signal"].tolist() if run.config.rule not in ("none", "replay", "shuffled") else None,
        "trace": thin(trace, TRACE_POINTS),
        "predictions": run.paths.predictions.read_bytes() if with_predictions else None,
    }


def thin(trace: Arrays, points: int) -> dict[str, list[float]]:
    """A trace at evenly spaced steps, the first and the last among them, rounded to six digits."""
    steps = np.unique(np.linspace(0, len(trace["step"]) - 1, points).round().astype(int))
    return {name: [_rounded(value) for value in values[steps].tolist()] for name, values in trace.items()}


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _is_plain(name: str, value: Any) -> bool:
    return name in {"dataset", "rule", "seed", "epochs", "train_examples", "decide_every", "schedule"} and value is not None
