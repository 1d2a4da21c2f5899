"""The comparisons of every published study and the effects of its factorial, as the library computes them from `results/`.

``python -m tests.golden.comparisons`` writes both tables anew, after newly published runs.
"""

from pathlib import Path

import pandas as pd

from uncertlr.analysis.comparisons import FAMILIES, comparisons
from uncertlr.analysis.factorial import all_changes, effects_table
from uncertlr.analysis.study import Study, read_study
from uncertlr.runs.paths import project_folder
from uncertlr.sweep.grid import read_grid

STORED = Path(__file__).with_name("comparisons.csv")
STORED_EFFECTS = Path(__file__).with_name("effects.csv")


def table() -> pd.DataFrame:
    """All studies of `sweeps/`, all families; one row per comparison. Trials have no arms to compare."""
    sweeps = sorted((project_folder() / "sweeps").glob("*.yaml"))
    studies = [read_study(str(path)) for path in sweeps if not read_grid(path)["trials"]]
    return pd.concat([of_study(study) for study in studies if study.finished], ignore_index=True)


def of_study(study: Study) -> pd.DataFrame:
    """A study's comparisons in every family that has any."""
    found = [
        comparisons(study, pairs).assign(study=study.name, family=name)
        for name, family in FAMILIES.items()
        if (pairs := family(study))
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def effects() -> pd.DataFrame:
    """The factorial of the report's code changes: one row per effect, then all changes at once."""
    study = read_study("code-changes")
    found = pd.concat([effects_table(study), all_changes(study)])
    return found.assign(factors=found["factors"].map(" ".join)).rename_axis("effect").reset_index()


if __name__ == "__main__":
    table().to_csv(STORED, index=False, float_format="%.15g")
    effects().to_csv(STORED_EFFECTS, index=False, float_format="%.15g")
    table().to_csv(STORED, index=False, float_format="%.15g")
