"""The comparisons of every published study and the effects of its factorial, as the library computes them from `results/`.

``python -m tests.golden.comparisons`` writes both tables anew, after newly published runs.
"""

from pathlib import Path

import pandas as pd

from uncertlr.analysis.every_comparison import every_comparison
from uncertlr.analysis.factorial import all_changes, effects_table
from uncertlr.analysis.study import read_study

STORED = Path(__file__).with_name("comparisons.csv")
STORED_EFFECTS = Path(__file__).with_name("effects.csv")


def effects() -> pd.DataFrame:
    """The factorial of the report's code changes: one row per effect, then all changes at once."""
    study = read_study("code-changes")
    found = pd.concat([effects_table(study), all_changes(study)])
    return found.assign(factors=found["factors"].map(" ".join)).rename_axis("effect").reset_index()


if __name__ == "__main__":
    every_comparison().to_csv(STORED, index=False, float_format="%.15g")
    effects().to_csv(STORED_EFFECTS, index=False, float_format="%.15g")
