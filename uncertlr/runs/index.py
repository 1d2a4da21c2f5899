"""One tidy table of all runs, local and published."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from uncertlr.config import EXECUTION_FIELDS, RunConfig, dataset_path
from uncertlr.errors import UncertlrError
from uncertlr.runs.archive import published_ids, results_folder, stale_results
from uncertlr.runs.files import read_json
from uncertlr.runs.naming import differing, listed
from uncertlr.runs.paths import RunPaths, default_root
from uncertlr.runs.saturation import SHARES, saturated_bound
from uncertlr.runs.schema import SCORES, Row, Summary, validated
from uncertlr.runs.store import read_config, read_record

BOUND_SHARES = {name: f"at_{bound}_bound" for name, bound in SHARES.items()}
"""Shares of steps at a bound of the rule: as they are stored, and as columns."""

STATUSES = ("published", "completed", "running", "interrupted", "failed", "damaged", "stale")


def list_runs(root: Path | None = None, *, dataset: str = "", rule: str = "", status: str = "") -> pd.DataFrame:
    """A row per run: name, status, configuration, final scores, what the learning rate did, time, source.

    Args:
        root: folder of local runs; None for the usual one.
        dataset: keep the runs on this data set, by its name, or its folder's path or name.
        rule: keep the runs with this rule.
        status: keep the runs of this status, one of `STATUSES`. A run that was unpacked from ``results/`` is published.
            A stale one is of another result version or layout, and nothing shows it.

    Returns:
        A frame sorted by data set, rule and seed; ``differs`` holds the settings in which a run differs from the usual
        one on its data. Accuracy in 0..1, losses in nats, ``seconds`` of training.
    """
    rows = {row["run_id"]: row for row in (*_local(root or default_root()), *_published())}
    readable = [{name: _readable(value) for name, value in row.items()} for row in rows.values()]
    table = pd.DataFrame(readable, columns=_columns())
    table = select_runs(table, dataset=dataset, rule=rule, status=status)
    return table.sort_values(["dataset", "rule", "seed", "run_id"], ignore_index=True)


def select_runs(table: pd.DataFrame, *, dataset: str = "", rule: str = "", status: str = "") -> pd.DataFrame:
    """The rows of a table of runs that `list_runs` would keep."""
    if dataset:
        names = table["dataset"].fillna("").map(lambda path: path.rstrip("/").rpartition("/")[2])
        table = table[(table["dataset"] == _readable(dataset_path(dataset))) | (names == dataset)]
    for column, wanted in (("rule", rule), ("status", status)):
        if wanted:
            table = table[table[column] == wanted]
    return table


def _readable(value: object) -> object:
    """Text as pandas can store it: bytes of a path that are no UTF-8 are written out."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value


def median_seconds(table: pd.DataFrame, config: RunConfig) -> float | None:
    """What a finished run of the same data, examples, epochs, model and estimator took; None where there is none.

    Args:
        table: of `list_runs`.
        config: the run to estimate.
    """
    alike = table[table["status"].isin(["published", "completed"])]
    for field in ("dataset", "train_examples", "epochs", "model", "estimator"):
        alike = alike[alike[field] == getattr(config, field)]
    return float(alike["seconds"].median()) if len(alike) else None


def _columns() -> list[str]:
    fields = [name for name in RunConfig.model_fields if name not in EXECUTION_FIELDS]
    scores = [f"{split}_{score}" for split in ("val", "test") for score in SCORES]
    rate = ["final_rate", "minimum_rate", "maximum_rate", "above_threshold", *BOUND_SHARES.values()]
    rate += ["saturated_bound", "log_rate_sd"]
    times = ["best_epoch", "steps", "seconds", "seconds_per_epoch", "began", "ended"]
    origin = ["processor", "data", "commit", "source", "error"]
    return ["run_id", "status", "differs", *fields, *scores, *rate, *times, *origin]


def _local(root: Path) -> list[Row]:
    folders = sorted(path.parent for path in root.glob("*/config.json"))
    return [_local_row(root, folder.name) for folder in folders]


def _local_row(root: Path, name: str) -> Row:
    try:
        paths = RunPaths(root, name)
        record = read_record(paths) if paths.record.is_file() else {"status": "INTERRUPTED"}  # killed as it began
        summary = validated(paths.summary, read_json(paths.summary), Summary) if paths.complete else None
        return _row(name, read_config(paths).model_dump(), record, summary, record.get("published") or str(root))
    except (UncertlrError, OSError) as error:
        return {"run_id": name, "status": "damaged", "source": str(root), "error": str(error)}


def _published() -> list[Row]:
    refused = stale_results()
    rows: list[Row] = [
        {"run_id": run_id, "status": "stale", "source": path.stem, "error": refused[path.name]}
        for run_id, path in published_ids().items()
        if path.name in refused
    ]
    for path in sorted(results_folder().glob("*.parquet")):
        if path.name in refused:
            continue
        for stored in pq.read_table(path, columns=["run_id", "config", "record", "summary"]).to_pylist():
            config, record, summary = (json.loads(stored[part]) for part in ("config", "record", "summary"))
            config = {name: field.default for name, field in RunConfig.model_fields.items()} | config
            rows.append(_row(stored["run_id"], config, {**record, "published": path.stem}, summary, path.stem))
    return rows


def _row(run_id: str, config: Row, record: Row, summary: Row | None, source: str) -> Row:
    row = {name: _flat(value) for name, value in config.items() if name not in EXECUTION_FIELDS}
    shown = RunConfig(**config)
    row["differs"] = listed(differing(shown))
    row |= {"run_id": run_id, "status": _status(record, summary), "source": source, "error": record.get("error", "")}
    row |= {name: record.get(name) for name in ("began", "ended", "processor", "data")}
    row["commit"] = record.get("git", {}).get("commit", "")
    if not summary:
        return row
    for split in ("val", "test"):
        row |= {f"{split}_{score}": (summary[split] or {}).get(score) for score in SCORES}
    rate = {BOUND_SHARES.get(name, name): value for name, value in summary["rate"].items()}
    if config["rule"] != "threshold":
        rate.pop("above_threshold", None)  # older summaries count it for rules that have no fixed threshold
    row["saturated_bound"] = saturated_bound(summary["rate"])
    row |= {f"{name}_rate": rate.pop(name) for name in ("final", "minimum", "maximum")}
    return row | rate | {name: summary[name] for name in ("best_epoch", "steps", "seconds", "seconds_per_epoch")}


def _status(record: Row, summary: Row | None) -> str:
    if summary:
        return "published" if record.get("published") else "completed"
    if record["status"] == "RUNNING":
        return "running" if record.get("owner") and _alive(record["owner"]) else "interrupted"
    return "failed" if record["status"] == "FAILED" else "interrupted"


def _alive(owner: Row) -> bool:
    """Whether a run's owner may still be at work: a process of another machine is given the benefit of the doubt."""
    if owner["host"] != socket.gethostname():
        return True
    try:
        os.kill(owner["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _flat(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value
