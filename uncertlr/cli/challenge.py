"""The command ``uncertlr challenge``: a reader's rule against fixed schedules and its own yoked replay."""

import argparse
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uncertlr.cli.text import counted
from uncertlr.config import PRESETS, PROFILES, describe_field
from uncertlr.errors import ConfigError, RunError

if TYPE_CHECKING:
    import pandas as pd

    from uncertlr.analysis.study import Study
    from uncertlr.sweep import Job

TABLE_COLUMNS = ["arm", "against", "pairs", "difference", "ci95_low", "ci95_high", "p", "log_rate_distance", "outcome"]


def add_challenge_command(commands: Any) -> None:
    """Add the command to a parser's subparsers."""
    challenge = commands.add_parser(
        "challenge", help="compare your own rule with schedules and its replay", allow_abbrev=False
    )
    challenge.add_argument("rule", type=Path, metavar="FILE", help="Python file with one rule in it, such as my_rule.py")
    challenge.add_argument("--dataset", default="digits", help=f"{', '.join(PRESETS)}, or a folder (%(default)s)")
    challenge.add_argument("--profile", default="standard", help=f"how much of it ({', '.join(PROFILES)}; else %(default)s)")
    challenge.add_argument("--seeds", type=int, default=5, help="pairs of runs (%(default)s)")
    challenge.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    challenge.add_argument("--root", default="", help=describe_field("root"))
    challenge.set_defaults(command=_challenge, parser=challenge)


def _challenge(options: argparse.Namespace) -> None:
    if options.workers < 1:
        raise ConfigError(f"--workers {options.workers}: at least one is needed")
    if options.seeds < 2:
        raise ConfigError(f"--seeds {options.seeds}: a run never replays itself, so at least two are needed")

    from uncertlr.analysis.study import study_of
    from uncertlr.sweep import missing_jobs
    from uncertlr.sweep.challenge import write_challenge

    challenge = write_challenge(
        options.rule, options.root, dataset=options.dataset, profile=options.profile, seeds=options.seeds
    )
    if missing := missing_jobs(challenge.jobs):
        done = len(challenge.jobs) - len(missing)
        print(f"{counted(len(challenge.jobs), 'run')}, {done} of them done; {_time(missing, options.workers)}", flush=True)
        _carry_out(challenge.jobs, missing, options.workers)
    study = study_of(challenge.jobs, challenge.arm, challenge.facts)
    print(table(study, challenge.arm).to_string(index=False, na_rep="", float_format="{:.3g}".format))
    print(
        f"{options.seeds} seeds: the exact test cannot give a p-value below {2.0 ** (1 - options.seeds):.2g}; "
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


def _carry_out(jobs: "Sequence[Job]", missing: "Sequence[Job]", workers: int) -> None:
    from uncertlr.cli.sweep_display import SweepDisplay, failures, summary
    from uncertlr.runs.paths import paths_of
    from uncertlr.sweep import run_sweep
    from uncertlr.sweep.processes import prepare_workers

    began = time.perf_counter()
    prepare_workers()
    with SweepDisplay(missing) as display:
        outcomes = run_sweep(jobs, workers=workers, report=display.ended_run)
    print(summary(len(jobs), outcomes, time.perf_counter() - began, paths_of(jobs[0].config).root))
    if failed := sum(bool(outcome.error) for outcome in outcomes):
        print(failures(jobs, outcomes), file=sys.stderr)
        raise RunError(f"{failed} of {len(outcomes)} runs failed, as listed; the others are done")
