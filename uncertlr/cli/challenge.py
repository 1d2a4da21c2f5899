"""The command ``uncertlr challenge``: a reader's rule against fixed schedules and its own yoked replay."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from uncertlr.cli.app import CPUS, Profile, Root, WholeNumber, Workers, app
from uncertlr.cli.text import counted
from uncertlr.config import PRESETS

if TYPE_CHECKING:
    import pandas as pd

    from uncertlr.analysis.study import Study
    from uncertlr.sweep import Job

TABLE_COLUMNS = ["arm", "against", "pairs", "difference", "ci95_low", "ci95_high", "p", "log_rate_distance", "outcome"]


@app.command
def _challenge(
    rule: Annotated[Path, Parameter(help="Python file with one rule in it, such as my_rule.py")],
    /,
    *,
    dataset: Annotated[str, Parameter(help=f"{', '.join(PRESETS)}, or a folder")] = "digits",
    profile: Profile = "standard",
    seeds: Annotated[WholeNumber, Parameter(help="pairs of runs", validator=Number(gte=2))] = 5,
    workers: Workers = CPUS,
    root: Root = "",
) -> None:
    """Compare your own rule with schedules and its replay."""
    from uncertlr.analysis.study import study_of
    from uncertlr.cli.sweep_display import refuse_failures, train_missing
    from uncertlr.sweep import missing_jobs
    from uncertlr.sweep.challenge import write_challenge
    from uncertlr.sweep.processes import prepare_workers

    written = write_challenge(rule, root, dataset=dataset, profile=profile, seeds=seeds)
    if missing := missing_jobs(written.jobs):
        done = len(written.jobs) - len(missing)
        print(f"{counted(len(written.jobs), 'run')}, {done} of them done; {_time(missing, workers)}", flush=True)
        prepare_workers()
        refuse_failures(written.jobs, train_missing(written.jobs, missing, workers=workers))
    study = study_of(written.jobs, written.arm, written.facts)
    print(table(study, written.arm).to_string(index=False, na_rep="", float_format="{:.3g}".format))
    print(
        f"{seeds} seeds: the exact test cannot give a p-value below {2.0 ** (1 - seeds):.2g}; "
        "a claim in the book needs ten (--seeds 10)"
    )


def table(study: "Study", arm: str) -> "pd.DataFrame":
    """The rule against the fixed schedules, then against its replay: columns of `uncertlr.analysis.comparisons.comparisons`.

    Args:
        study: of `uncertlr.sweep.challenge.write_challenge`.
        arm: of the rule.
    """
    import pandas as pd

    from uncertlr.analysis.comparisons import causal_family, comparisons, named_family

    families = [[pair for pair in family(study) if pair[0] == arm] for family in (named_family, causal_family)]
    return pd.concat([comparisons(study, family) for family in families], ignore_index=True)[TABLE_COLUMNS]


def _time(missing: "Sequence[Job]", workers: int) -> str:
    """How long it will take, by the median of finished runs on the same examples."""
    from uncertlr.runs.index import list_runs
    from uncertlr.runs.paths import paths_of
    from uncertlr.runs.progress import clock
    from uncertlr.sweep.challenge import expected_seconds

    configs = [job.config for job in missing]
    runs = list_runs(paths_of(configs[0]).root, dataset=configs[0].dataset)
    alike = runs[(runs["train_examples"] == configs[0].train_examples) & (runs["estimator"] == configs[0].estimator)]
    seconds = float(alike["seconds_per_epoch"].median())
    if not math.isfinite(seconds):
        return f"their time is unknown: no finished run of {configs[0].dataset} to go by"
    return f"about {clock(expected_seconds(configs, seconds, workers))} of training, {workers} at a time"
