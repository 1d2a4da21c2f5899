"""The measured costs of ``make bench``: read, and set out as tables; nothing here measures."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from uncertlr.errors import RunError

FILE = "costs.json"
GROUPS = ("step", "epoch", "signal", "trainers", "bootstrap", "evaluation", "growth", "startup", "book")
"""What is measured together; ``make bench GROUPS="step book"`` measures these anew."""
CLOCKS = ("processor", "wall")


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


def costs_table(found: dict[str, Any], brief: bool = False) -> pd.DataFrame:
    """A row a target: what, the target, the median with its quartiles, met or not, and the wall's clock beside.

    Args:
        found: of `read_costs`.
        brief: the first row of each group only.
    """
    rows: list[dict[str, str | int]] = []
    for name in GROUPS:
        group = found["groups"].get(name, {"rows": [], "error": f"make bench GROUPS={name} does it"})
        if "error" in group:
            rows.append({"what": name, "measured": f"not measured: {group['error']}"})
        rows += [_table_row(row) for row in group["rows"][: 1 if brief else None]]
    columns = ["what", "target", "measured", "quartiles", "met", "wall clock", "rounds"]
    blank: dict[str, str | int] = dict.fromkeys(columns, "")
    return pd.DataFrame([blank | row for row in rows])


def times_table(group: dict[str, Any]) -> pd.DataFrame:
    """A row a task: milliseconds of the processor with their quartiles, on the wall, and the floor with its arithmetic.

    Args:
        group: one of the file's.
    """
    rows = {}
    for task, times in group["times"].items():
        processor, floor = times["processor"], times.get("floor")
        low, high = (1_000 * value for value in processor["spread"])
        rows[task] = {
            "ms": _number(1_000 * processor["seconds"]),
            "quartiles": f"{_number(low)} to {_number(high)}",
            "wall, ms": _number(1_000 * times["wall"]["seconds"]),
            "floor, ms": _number(1_000 * floor["seconds"]) if floor else "",
            "operations": f"{floor['operations']:.2g}" if floor else "",
            "bytes": f"{floor['bytes']:.2g}" if floor else "",
        }
    return pd.DataFrame(rows).T


def circumstances(found: dict[str, Any]) -> pd.DataFrame:
    """A row a group: when and on what it was measured, and how many processes wanted a core meanwhile (mean over a minute).

    Args:
        found: of `read_costs`.
    """
    rows = {}
    for name, group in found["groups"].items():
        environment, load = group["environment"], group["load_average"]
        rows[name] = {
            "measured (UTC)": group["ended"].replace("+00:00", "").replace("T", " "),
            "processor": f"{environment['processor']}, {environment['cores']} cores",
            "load at start and end": f"{load['start'][0]:.1f}, {load['end'][0]:.1f}",
            "share of rounds": f"{group['effort']['share']:g}",
            "torch": environment["versions"]["torch"],
        }
    return pd.DataFrame(rows).T


def provisional(found: dict[str, Any]) -> list[str]:
    """Groups during which more processes wanted a core than there are: on such a machine clocks on the wall say little.

    Args:
        found: of `read_costs`.
    """
    return [
        name
        for name, group in found["groups"].items()
        if max(group["load_average"]["start"][0], group["load_average"]["end"][0]) > group["environment"]["cores"]
    ]


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
