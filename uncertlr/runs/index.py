"""One tidy table of all runs, local and published."""

import json
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uncertlr.config import EXECUTION_FIELDS, RunConfig, dataset_path
from uncertlr.errors import UncertlrError
from uncertlr.runs.archive import Published, published_files
from uncertlr.runs.files import read_json
from uncertlr.runs.naming import differing, listed
from uncertlr.runs.paths import RunPaths, default_root
from uncertlr.runs.saturation import SHARES, saturated_bound
from uncertlr.runs.schema import SCORES, Row, Summary, validated
from uncertlr.runs.store import read_config, read_record

if TYPE_CHECKING:
    import pandas as pd

BOUND_SHARES = {name: f"at_{bound}_bound" for name, bound in SHARES.items()}
"""Shares of steps at a bound of the rule: as they are stored, and as columns."""

STATUSES = ("published", "completed", "running", "interrupted", "failed", "damaged", "stale")


def list_runs(root: Path | None = None, *, dataset: str = "", rule: str = "", status: str = "") -> "pd.DataFrame":
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
    return as_table(select_runs(run_rows(root), dataset=dataset, rule=rule, status=status))


def run_rows(root: Path | None = None, *, names_only: bool = False) -> list[Row]:
    """The rows of `list_runs`; what a row does not know, it lacks.

    Args:
        root: folder of local runs; None for the usual one.
        names_only: of a published run no more than its name, status and source, which take little time to read.
    """
    rows = {row["run_id"]: row for row in (*_local(root or default_root()), *_published(names_only))}
    readable = [{name: _readable(value) for name, value in row.items()} for row in rows.values()]
    return sorted(readable, key=_order)


def _order(row: Row) -> tuple[Any, ...]:
    return "dataset" not in row, row.get("dataset"), row.get("rule"), row.get("seed"), row["run_id"]


def as_table(rows: Iterable[Row]) -> "pd.DataFrame":
    """Rows of runs as a frame with all columns."""
    import pandas as pd

    return pd.DataFrame(list(rows), columns=_columns())


def select_runs(rows: Iterable[Row], *, dataset: str = "", rule: str = "", status: str = "") -> list[Row]:
    """Those of the rows that `list_runs` would keep."""
    path = _readable(dataset_path(dataset))
    return [
        row
        for row in rows
        if (not dataset or row.get("dataset") == path or dataset_name(row) == dataset)
        and (not rule or row.get("rule") == rule)
        and (not status or row["status"] == status)
    ]


def dataset_name(row: Row) -> str:
    """The name of a run's data set, or of its folder."""
    return str(row.get("dataset", "")).rstrip("/").rpartition("/")[2]


def _readable(value: Any) -> Any:
    """Text as pandas can store it: bytes of a path that are no UTF-8 are written out."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value


def median_seconds(table: "pd.DataFrame", config: RunConfig) -> float | None:
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
        return _row(name, read_config(paths), record, summary, record.get("published") or str(root))
    except (UncertlrError, OSError) as error:
        return {"run_id": name, "status": "damaged", "source": str(root), "error": str(error)}


def _published(names_only: bool) -> list[Row]:
    rows: list[Row] = []
    for file in sorted(published_files(), key=lambda file: not file.stale):  # a run's last row counts
        if file.stale or names_only:
            status = {"status": "stale", "error": file.stale} if file.stale else {"status": "published"}
            rows += ({"run_id": run_id, "source": file.path.stem, **status} for run_id in file.run_ids)
        else:
            rows += _rows_of(file)
    return rows


def _rows_of(file: Published) -> Iterator[Row]:
    for stored in file.rows("run_id", "config", "record", "summary"):
        config, record, summary = (json.loads(stored[part]) for part in ("config", "record", "summary"))
        source = file.path.stem
        yield _row(stored["run_id"], RunConfig(**config), {**record, "published": source}, summary, source)


def _row(run_id: str, config: RunConfig, record: Row, summary: Row | None, source: str) -> Row:
    row = {name: _flat(value) for name, value in config if name not in EXECUTION_FIELDS}
    row["differs"] = listed(differing(config))
    row |= {"run_id": run_id, "status": _status(record, summary), "source": source, "error": record.get("error", "")}
    row |= {name: record.get(name) for name in ("began", "ended", "processor", "data")}
    row["commit"] = record.get("git", {}).get("commit", "")
    if not summary:
        return row
    for split in ("val", "test"):
        row |= {f"{split}_{score}": (summary[split] or {}).get(score) for score in SCORES}
    rate = {BOUND_SHARES.get(name, name): value for name, value in summary["rate"].items()}
    if config.rule != "threshold":
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
