"""Published runs: many runs in one Parquet file a sweep, small enough for the repository.

A published run keeps its configuration, record, summary and metrics whole. It keeps the factor and, of a rule with feedback,
the signal at every step, since controls replay them; the other columns of the trace at evenly spaced steps. Nothing replays
a trial, whose test set stays closed, so all columns of it are thinned.
"""

import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uncertlr.config import RESULT_VERSION
from uncertlr.errors import RunError, StaleResults
from uncertlr.runs.files import Arrays, read_json, save_arrays, write_atomically, write_json
from uncertlr.runs.paths import RunPaths, project_folder
from uncertlr.runs.store import Run, read_trace

if TYPE_CHECKING:
    import pyarrow as pa

TRACE_POINTS = 400
"""Evenly spaced steps that are kept of the columns of a trace that nothing replays."""

LIMIT_BYTES = 60_000_000
"""Of all published files."""

REPEATING = ("factor", "trace.factor", "trace.learning_rate", "trace.step")
"""Lists of numbers that repeat and get a dictionary; of other lists Parquet splits the bytes, which compress better so."""

COLUMNS = ("run_id", "config", "record", "summary", "metrics", "factor", "signal", "trace", "predictions")
"""What is read of a published file."""


def results_folder() -> Path:
    """``UNCERTLR_RESULTS``, else results/ in the project."""
    return Path(os.environ.get("UNCERTLR_RESULTS") or project_folder() / "results")


def publish(runs: Sequence[Run], name: str, *, with_predictions: Sequence[str] = ()) -> Path:
    """Write finished runs into one file of the results folder.

    Args:
        runs: what to publish; of one `RESULT_VERSION`.
        name: the file's name without its ending.
        with_predictions: run ids whose predictions (a row per example) go along.

    Raises:
        RunError: the name is none, the file exists (it is immutable), there is no run, a run is of another version or is
            published already, the folder would exceed `LIMIT_BYTES`, or it cannot be written.
    """
    path = _new_file(name)
    _refuse_unpublishable(runs, with_predictions)
    content = _as_parquet([_pack(run, run.config.run_id in with_predictions) for run in runs])
    sizes = {file.name: file.stat().st_size for file in path.parent.glob("*.parquet")} | {path.name: len(content)}
    if sum(sizes.values()) > LIMIT_BYTES:
        raise RunError(f"results/ would hold {sum(sizes.values())} bytes, more than {LIMIT_BYTES}: {sizes}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from None
    return path


def _new_file(name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise RunError(f"{name!r} cannot name a file of {results_folder()}: use letters, digits, - and _, without an ending")
    path = results_folder() / f"{name}.parquet"
    if path.exists():
        raise RunError(f"{path} exists and published files are immutable; choose another name")
    return path


def _refuse_unpublishable(runs: Sequence[Run], with_predictions: Sequence[str]) -> None:
    run_ids = [run.config.run_id for run in runs]
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
    for run in runs:
        if run.summary["result_version"] != RESULT_VERSION:
            raise RunError(
                f"{run.config.run_id} has another result version than {RESULT_VERSION}; run it again before publishing"
            )


@dataclass(frozen=True)
class Published:
    """A published file.

    Attributes:
        path: where it lies.
        run_ids: its runs.
        stale: why this version of the library must not show it; empty unless something is wrong.
    """

    path: Path
    run_ids: tuple[str, ...]
    stale: str = ""

    def rows(self, *columns: str) -> list[dict[str, Any]]:
        """Columns of all its runs."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            rows: list[dict[str, Any]] = file.read(columns=list(columns)).to_pylist()
        return rows


def published_files() -> list[Published]:
    """All published files, by name; one that has not changed since is not read again."""
    return [_inspect(path, path.stat().st_mtime_ns) for path in sorted(results_folder().glob("*.parquet"))]


def published_ids() -> dict[str, Path]:
    """Every published run and the file that holds it."""
    ids: dict[str, Path] = {}
    for file in published_files():
        for run_id in file.run_ids:
            ids.setdefault(run_id, file.path)
    return ids


def stale_results() -> dict[str, str]:
    """Files of the results folder that this version of the library must not show, and why: none, unless something is wrong.

    Returns:
        Name of the file to a clause that says what is wrong with it.
    """
    found: dict[str, str] = {}
    if results_folder().is_dir():
        for path in sorted(results_folder().iterdir()):
            if reason := _reason(path):
                found[path.name] = reason
    return found


def load_study(name: str) -> dict[str, Any]:
    """A published JSON file that was computed from finished runs, such as ``estimators_cifar10``.

    Raises:
        RunError: there is none of that name.
        StaleResults: it was made by another version of the library.
    """
    path = results_folder() / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in path.parent.glob("*.json")))
        raise RunError(f"{path} does not exist; there are {known or 'none'}")
    _refuse_stale(path)
    return read_json(path)


def _refuse_stale(path: Path) -> None:
    if reason := _reason(path):
        raise StaleResults(f"{path} {reason}; run it again and publish it anew, or use the library's version that made it")


def _reason(path: Path) -> str:
    if path.suffix == ".parquet":
        return _inspect(path, path.stat().st_mtime_ns).stale
    if path.suffix != ".json":
        return ""
    content = json.loads(path.read_bytes())
    return _wrong_version({content["result_version"]}) if isinstance(content, dict) and "result_version" in content else ""


@cache
def _inspect(path: Path, modified: int) -> Published:
    """The runs of a published file, and what makes it stale, if anything."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            known = set(file.schema_arrow.names)
            table = file.read(columns=[name for name in ("run_id", "summary") if name in known], use_threads=False)
    except (OSError, ValueError) as error:  # Arrow's own errors are of these kinds
        return Published(path, (), f"cannot be read as Parquet ({error})")
    run_ids = tuple(table["run_id"].to_pylist()) if "run_id" in known else ()
    if missing := [name for name in COLUMNS if name not in known]:
        return Published(path, run_ids, f"has another layout than this library reads: no column {', '.join(missing)}")
    versions = {json.loads(summary).get("result_version") for summary in table["summary"].to_pylist()}
    return Published(path, run_ids, _wrong_version(versions))


@cache
def _table(path: Path, modified: int) -> "pa.Table":
    """A published file, read once for all its runs: decoding takes far longer than unpacking a run."""
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=list(COLUMNS))


def _wrong_version(versions: set[Any]) -> str:
    others = sorted(str(version) for version in versions - {RESULT_VERSION})
    return f"holds results of version {', '.join(others)}, but this library makes version {RESULT_VERSION}" if others else ""


def restore_published(paths: RunPaths) -> bool:
    """Unpack a published run into its folder, so that it reads like any other.

    Returns:
        Whether the run is published.

    Raises:
        StaleResults: it is, in a file of another result version or layout.
    """
    if not results_folder().is_dir():
        return False
    source = published_ids().get(paths.run_id)
    if source is None:
        return False
    _refuse_stale(source)
    modified = source.stat().st_mtime_ns
    place = _inspect(source, modified).run_ids.index(paths.run_id)
    _unpack(_table(source, modified).slice(place, 1).to_pylist()[0], paths, source.stem)
    return True


def _unpack(row: dict[str, Any], paths: RunPaths, published: str) -> None:
    """Write a row of a published file as the files of a run; the summary last, which says that the others are there."""
    paths.directory.mkdir(parents=True, exist_ok=True)
    write_json(paths.config, json.loads(row["config"]))
    write_json(paths.record, json.loads(row["record"]) | {"published": published})
    write_atomically(paths.metrics, row["metrics"].encode())
    for stale in paths.directory.glob("trace-*.npz"):
        if stale != paths.trace(1):  # which another process may be reading, as it has just unpacked the same run
            stale.unlink(missing_ok=True)
    trace = {name: np.array([_rounded(value) for value in values]) for name, values in row["trace"].items() if values}
    save_arrays(paths.trace(1), trace)
    whole = {name: np.array(row[name]) for name in ("factor", "signal") if row[name] is not None}
    save_arrays(paths.factor, whole)
    if row["predictions"]:
        write_atomically(paths.predictions, row["predictions"])
    write_json(paths.summary, json.loads(row["summary"]))


def _as_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    lists = ["factor", "signal", *{f"trace.{name}" for row in rows for name in row["trace"]}]
    repeating = [f"{name}.list.element" for name in lists if name in REPEATING]
    varying = [f"{name}.list.element" for name in lists if name not in REPEATING]
    buffer = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist(rows),
        buffer,
        use_dictionary=[*COLUMNS, *repeating],
        use_byte_stream_split=varying,
        compression="zstd",
        compression_level=19,
    )
    return buffer.getvalue()


def _pack(run: Run, with_predictions: bool) -> dict[str, Any]:
    trace = read_trace(run.paths)
    record = {name: value for name, value in run.record.items() if name != "owner"}
    return {
        "run_id": run.config.run_id,
        **{f"config_{name}": value for name, value in run.config.model_dump().items() if _is_plain(name, value)},
        "config": run.paths.config.read_text(encoding="utf-8"),
        "record": json.dumps(record),
        "summary": json.dumps(run.summary),
        "metrics": run.paths.metrics.read_text(encoding="utf-8"),
        "factor": trace["factor"].tolist() if run.config.evaluate_test else None,
        "signal": _single(trace["signal"]) if _feeds_controls(run) else None,
        "trace": {name: _single(np.array(values), within=1e-7) for name, values in thin(trace, TRACE_POINTS).items()},
        "predictions": run.paths.predictions.read_bytes() if with_predictions else None,
    }


def _feeds_controls(run: Run) -> bool:
    return run.config.rule not in ("none", "replay", "shuffled") and run.config.evaluate_test


def thin(trace: Arrays, points: int) -> dict[str, list[float]]:
    """A trace at evenly spaced steps, the first and the last among them, rounded to six digits."""
    steps = np.unique(np.linspace(0, len(trace["step"]) - 1, points).round().astype(int))
    return {name: [_rounded(value) for value in values[steps].tolist()] for name, values in trace.items()}


def _single(values: np.ndarray, within: float = 0.0) -> np.ndarray | list[Any]:
    """Floats in half the bytes, where single precision holds each of them to a relative error of at most `within`."""
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    fits = values.dtype.kind == "f" and np.allclose(single, values, rtol=within, atol=0.0, equal_nan=True)
    return single if fits else values.tolist()  # Arrow mixes lists with either precision


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _is_plain(name: str, value: Any) -> bool:
    return name in {"dataset", "rule", "seed", "epochs", "train_examples", "decide_every", "schedule"} and value is not None
