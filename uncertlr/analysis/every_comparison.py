"""The comparisons of every published study as one table."""

import pandas as pd

from uncertlr.analysis.comparisons import FAMILIES, comparisons
from uncertlr.analysis.study import Study, read_study
from uncertlr.runs.paths import project_folder
from uncertlr.sweep.file import read_grid


def every_comparison() -> pd.DataFrame:
    """All studies of ``sweeps/`` that have finished runs, in all families; trials have no arms to compare.

    Returns:
        One row per comparison: the columns of `comparisons`, then ``study`` and ``family``.
    """
    sweeps = sorted((project_folder() / "sweeps").glob("*.yaml"))
    studies = [read_study(str(path)) for path in sweeps if not read_grid(path).trials]
    return pd.concat([_of_study(study) for study in studies if study.finished], ignore_index=True)


def _of_study(study: Study) -> pd.DataFrame:
    found = [
        comparisons(study, pairs).assign(study=study.name, family=name)
        for name, family in FAMILIES.items()
        if (pairs := family(study))
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()
