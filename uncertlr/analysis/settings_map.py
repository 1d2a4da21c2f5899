"""A study over two settings as a table: how each combination does against one baseline."""

import pandas as pd

from uncertlr.analysis.scores import final_scores
from uncertlr.analysis.study import Study
from uncertlr.errors import ConfigError


def settings_map(study: Study, baseline: dict[int, float], rows: str, columns: str) -> pd.DataFrame:
    """Mean differences of final test accuracy from a baseline, for each combination of two settings.

    Args:
        study: whose finished runs are averaged; each combination needs the same seeds.
        baseline: final test accuracy by seed, as `Study.scores` gives it.
        rows: the field of `RunConfig` whose values are the rows.
        columns: the field whose values are the columns.

    Returns:
        The means in points, ordered by the values of both fields.

    Raises:
        ConfigError: two combinations have different seeds, or a seed is not in the baseline.
    """
    runs = pd.DataFrame(
        {
            rows: getattr(run.config, rows),
            columns: getattr(run.config, columns),
            "seed": run.config.seed,
            "points": 100 * (final_scores(run)["accuracy"] - baseline.get(run.config.seed, float("nan"))),
        }
        for run in study.finished
    )
    seeds = runs.groupby([rows, columns])["seed"].agg(lambda each: tuple(sorted(each)))
    if seeds.nunique() != 1 or runs["points"].isna().any():
        raise ConfigError(
            f"study {study.name!r}: combinations have the seeds {sorted(set(seeds))}, the baseline {sorted(baseline)}; "
            "a map needs the same seeds everywhere"
        )
    return runs.pivot_table("points", rows, columns)
