"""One name for each method: the name that a study's sweep file gives, else one made of the rule and what differs."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError
from uncertlr.runs.naming import arm_name
from uncertlr.runs.paths import project_folder
from uncertlr.sweep import read_sweep
from uncertlr.sweep.file import read_grid

if TYPE_CHECKING:
    import pandas as pd


def method_name(config: RunConfig) -> str:
    """The name of a run's method: the arm of the study in ``sweeps/`` that plans it, else as `arm_name` makes it."""
    return _arms().get(_identity(config), arm_name(config))


def method_column(table: "pd.DataFrame") -> "pd.Series":
    """The method of each row of `uncertlr.runs.index.list_runs`; empty where a row holds no whole configuration."""
    import pandas as pd

    return pd.Series(method_names(table.to_dict("records")), index=table.index, dtype=object)


def method_names(rows: Iterable[Mapping[Any, Any]]) -> list[str]:
    """The method of each row of `uncertlr.runs.index.run_rows`; empty where a row holds no whole configuration."""
    names: dict[tuple[Any, ...], str] = {}
    column = []
    for row in rows:
        settings = _settings(row)
        if settings not in names:
            names[settings] = _of_row(row)
        column.append(names[settings])
    return column


def _settings(row: Mapping[Any, Any]) -> tuple[Any, ...]:
    """What rows of one method share: all settings but the seed, and this too where a run replays others."""
    return tuple(row.get(name) for name in RunConfig.model_fields if name != "seed" or row.get("donors"))


def _of_row(row: Mapping[Any, Any]) -> str:
    fields = {name: row[name] for name in RunConfig.model_fields if name in row}
    lists = {name: str(fields[name]).split() for name in ("channels", "donors") if name in fields}
    try:
        return method_name(RunConfig(**fields | lists))
    except ConfigError:
        return ""


@cache
def _arms() -> dict[str, str]:
    """Arms of all studies by their runs; neither trials nor products, whose arms have no names of their own."""
    arms: dict[str, str] = {}
    for path in sorted((project_folder() / "sweeps").glob("*.yaml")):
        grid = read_grid(path)
        if not grid.trials and not grid.product:
            for job in read_sweep(path):
                arms.setdefault(_identity(job.config), job.arm)
    return arms


def _identity(config: RunConfig) -> str:
    """What the runs of a method share: all but the seed. A replay's source runs go with its seed, so it shares nothing."""
    return config.run_id if config.donors else config.model_copy(update={"seed": 0}).run_id
