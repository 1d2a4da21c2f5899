"""Tables of the costs that ``make bench`` and ``python -m benchmarks.gpu`` measured; nothing here measures.

``python -m benchmarks.tables`` prints all of them.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from uncertlr.errors import RunError
from uncertlr.runs.archive import load_study, results_folder
from uncertlr.runs.index import list_runs

FILE, FILE_OF_WHOLE_EPOCHS = "costs.json", "costs_whole_epochs.json"
GROUPS = ("step", "epoch", "signal", "trainers", "bootstrap", "evaluation", "growth", "scaling", "startup", "book")
"""What is measured together; ``make bench GROUPS="step book"`` measures these anew."""
CLOCKS = ("processor", "wall")
EPOCHS, STEPS = 50, 50 * math.ceil(45_000 / 64)
"""Of a run of the report's plan on CIFAR-10: all training images, batches of 64."""
SWEEP_RUNS = 60
GPU_TARGETS = {"cifar10": 20.0, "imdb": 100.0, "sweep": 360.0}
"""Seconds, set for an NVIDIA H200: a run of 50 epochs, the same on IMDB, and a sweep of 60 runs on CIFAR-10."""
UNEQUAL_WORK = "over our observation in the training step"
"""In the names of targets that compare an estimate from features at hand with one that has to compute them."""


def read_costs(path: Path) -> dict[str, Any]:
    """What ``python -m benchmarks.costs`` wrote.

    Args:
        path: the file.

    Returns:
        ``groups``: name to a dict with ``rows`` (one a target), ``times`` (one a task), ``load_average``, ``environment``,
        ``peers``, and ``error`` where the group could not be measured.

    Raises:
        RunError: there is no such file, or it is of another kind.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; make bench writes it") from None
    except json.JSONDecodeError as error:
        raise RunError(f"{path} is damaged ({error}); make bench writes it anew") from None
    if not isinstance(found, dict) or not isinstance(found.get("groups"), dict):
        raise RunError(f"{path} holds no costs; make bench writes them")
    return found


def met(row: dict[str, Any]) -> bool | None:
    """Whether a row's value, by its own clock, reaches its target; None where it has no target."""
    value = row[row["clock"]]["value"]
    if "at_most" in row:
        return bool(value <= row["at_most"])
    return bool(value >= row["at_least"]) if "at_least" in row else None


def counted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that have a target and compare equal work."""
    return [row for row in rows if met(row) is not None and UNEQUAL_WORK not in row["name"]]


def costs_table(found: dict[str, Any], groups: tuple[str, ...] = GROUPS) -> pd.DataFrame:
    """A row per target: what, the target, the median with its quartiles, met or not, and the wall's clock beside.

    Args:
        found: of `read_costs`.
        groups: their names; one that was not measured has a row that says so.
    """
    rows: list[dict[str, str | int]] = []
    for name in groups:
        group = found["groups"].get(name, {"rows": [], "error": f"make bench GROUPS={name} does it"})
        if "error" in group:
            rows.append({"what": name, "measured": f"not measured: {group['error']}"})
        rows += [_table_row(row) for row in group["rows"]]
    columns = ["what", "target", "measured", "quartiles", "met", "wall clock", "rounds"]
    blank: dict[str, str | int] = dict.fromkeys(columns, "")
    return pd.DataFrame([blank | row for row in rows])


def times_table(found: dict[str, Any], *groups: str) -> pd.DataFrame:
    """A row per task: processor milliseconds with quartiles, wall time, and the hardware limit with its arithmetic.

    Args:
        found: of `read_costs`.
        groups: names; one that was not measured has no rows.
    """
    measured = [found["groups"].get(name, {}).get("times", {}).items() for name in groups]
    rows = {}
    for task, times in chain(*measured):
        processor, limit = times["processor"], times.get("hardware_limit")
        low, high = (1_000 * value for value in processor["spread"])
        rows[task] = {
            "ms": _number(1_000 * processor["seconds"]),
            "quartiles": f"{_number(low)} to {_number(high)}",
            "wall, ms": _number(1_000 * times["wall"]["seconds"]),
            "hardware limit, ms": _number(1_000 * limit["seconds"]) if limit else "",
            "operations": f"{limit['operations']:.2g}" if limit else "",
            "bytes": f"{limit['bytes']:.2g}" if limit else "",
        }
    columns = ["ms", "quartiles", "wall, ms", "hardware limit, ms", "operations", "bytes"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def circumstances(found: dict[str, Any]) -> pd.DataFrame:
    """A row per group: when and on what it was measured, and how many processes wanted a core meanwhile (mean of a minute).

    Args:
        found: of `read_costs`.
    """
    rows = {}
    for name, group in found["groups"].items():
        environment, load = group["environment"], group["load_average"]
        git = environment.get("git", {"commit": "", "dirty": False})
        rows[name] = {
            "measured (UTC)": group["ended"].replace("+00:00", "").replace("T", " "),
            "commit": git["commit"][:7] + (", with changes" if git["dirty"] else ""),
            "processor": f"{environment['processor']}, {environment['cores']} cores",
            "load at start and end": f"{load['start'][0]:.1f}, {load['end'][0]:.1f}",
            "share of rounds": f"{group['effort']['share']:g}",
            "torch": environment["versions"]["torch"],
        }
    return pd.DataFrame(rows).T


@dataclass(frozen=True)
class SharedGPU:
    """Runs that shared a GPU, from the first start to the last end without a gap.

    Attributes:
        runs: how many.
        steps: of all of them.
        seconds: on the wall, loading and evaluation included.
        at_once: how many ran at a time, on average.
    """

    runs: int
    steps: int
    seconds: float
    at_once: float

    @property
    def sweep_seconds(self) -> float:
        """What a sweep of the report's plan on CIFAR-10 would take at the same steps per second."""
        return SWEEP_RUNS * STEPS * self.seconds / self.steps


def shared_gpu(runs: pd.DataFrame, processor: str) -> SharedGPU | None:
    """The largest group of finished runs on CIFAR-10 that overlap on GPUs of a name; None where there is none.

    What else ran there is not seen, so the pace is at least this.

    Args:
        runs: of `uncertlr.runs.index.list_runs`.
        processor: the GPU's name.
    """
    runs = runs[(runs["processor"] == processor) & (runs["dataset"] == "cifar10") & runs["steps"].notna()]
    if runs.empty:
        return None
    times = runs.assign(**{name: pd.to_datetime(runs[name]) for name in ("began", "ended")}).sort_values("began")
    group = (times["began"] > times["ended"].cummax().shift()).cumsum()
    times = times[group == group.mode()[0]]
    seconds = (times["ended"].max() - times["began"].min()).total_seconds()
    at_once = (times["ended"] - times["began"]).sum().total_seconds() / seconds
    return SharedGPU(len(times), int(times["steps"].sum()), seconds, at_once)


def gpu_steps_table(gpu: dict[str, Any]) -> pd.DataFrame:
    """Milliseconds of a step with their quartiles, a row per arm: plain, recorded, and their ratios.

    Args:
        gpu: what ``python -m benchmarks.gpu`` wrote.
    """
    arms, kinds = ("fixed rate", "report's rule"), ("plain", "recorded")
    ms = {(arm, kind): gpu["steps"][f"{arm}, {kind}"] for arm in arms for kind in kinds}
    rows = {arm: {f"{kind}, ms": _with_quartiles(ms[arm, kind]) for kind in kinds} for arm in arms}
    for arm in arms:
        rows[arm]["plain over recorded"] = f"{ms[arm, 'plain']['ms'] / ms[arm, 'recorded']['ms']:.2f}"
    rows["rule over fixed rate"] = {
        f"{kind}, ms": f"{ms[arms[1], kind]['ms'] / ms[arms[0], kind]['ms']:.2f}" for kind in kinds
    }
    return pd.DataFrame(rows).T.fillna("")


def gpu_targets_table(gpu: dict[str, Any], shared: SharedGPU | None) -> pd.DataFrame:
    """A row per target of a GPU: what, the target, the time, and whether it is met.

    Args:
        gpu: what ``python -m benchmarks.gpu`` wrote.
        shared: of `shared_gpu`.
    """
    cifar10, imdb = _gpu_runs(gpu)
    training = EPOCHS * imdb["seconds_per_epoch"]
    at_most = EPOCHS * imdb["seconds"]  # as if every epoch paid what a run pays once
    rows = {
        "CIFAR-10, 50 epochs, one run alone": ("cifar10", cifar10["seconds"], cifar10["seconds"]),
        "IMDB, 50 epochs, one run alone, calculated": ("imdb", training, at_most),
    }
    if shared:
        name = f"CIFAR-10, {SWEEP_RUNS} runs of 50 epochs on a shared GPU, calculated"
        rows[name] = ("sweep", shared.sweep_seconds, shared.sweep_seconds)
    table = {
        name: {
            "target": _duration(GPU_TARGETS[target]),
            "time": _duration(seconds) if seconds == most else f"{seconds:.0f} to {most:.0f} s",
            "outcome": _outcome(GPU_TARGETS[target], seconds, most),
        }
        for name, (target, seconds, most) in rows.items()
    }
    return pd.DataFrame(table).T


def _gpu_runs(gpu: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    runs = gpu["runs"]
    return runs["CIFAR-10, report's rule, 50 epochs"], runs["IMDB, report's rule, 1 epoch"]


def _outcome(target: float, seconds: float, most: float) -> str:
    if seconds > target:
        return "missed"
    return "met" if most <= target else "not known"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{round(seconds / 60, 1):g} minutes"


def _with_quartiles(times: dict[str, Any]) -> str:
    return f"{times['ms']:.3f} ({times['spread'][0]:.3f} to {times['spread'][1]:.3f})"


def _table_row(row: dict[str, Any]) -> dict[str, str | int]:
    value, clock = row[row["clock"]], row["clock"]
    low, high = value["spread"]
    unit = " s" if row["unit"] == "seconds" else ""
    target = f"at most {row['at_most']:g}{unit}" if "at_most" in row else ""
    target = f"at least {row['at_least']:g}" if "at_least" in row else target
    return {
        "what": row["name"] + (f" ({row['note']})" if row.get("note") else ""),
        "target": target,
        "measured": _number(value["value"]) + unit,
        "quartiles": f"{_number(low)} to {_number(high)}" if row["rounds"] > 2 else "",
        "met": {True: "yes", False: "no", None: ""}[met(row)],
        "wall clock": _number(row["wall"]["value"]) + unit if clock != "wall" else "",
        "rounds": row["rounds"],
    }


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def main() -> None:
    """Print every table of the published measurements."""
    found, whole = (read_costs(results_folder() / name) for name in (FILE, FILE_OF_WHOLE_EPOCHS))
    gpu = load_study("gpu")
    shared = shared_gpu(list_runs(status="published"), gpu["environment"]["processor"])
    tables = {
        "Costs and their targets": costs_table(found).set_index("what"),
        "The same, whole epochs": costs_table(whole, groups=tuple(whole["groups"])).set_index("what"),
        "Times and hardware limits": times_table(found, *GROUPS),
        "Circumstances": pd.concat([circumstances(found), circumstances(whole).rename(index="{} (whole epochs)".format)]),
        "Steps on a GPU": gpu_steps_table(gpu),
        "Targets on a GPU": gpu_targets_table(gpu, shared),
    }
    for title, table in tables.items():
        print(f"{title}\n\n{table.to_string()}\n")


if __name__ == "__main__":
    main()
