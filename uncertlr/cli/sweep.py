"""The commands ``uncertlr sweep``, ``tune``, ``evidence`` and ``evaluate``."""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uncertlr.cli.text import counted, frame_text, refuse_unwritable
from uncertlr.config import PRESETS, PROFILES, describe_field
from uncertlr.errors import ConfigError, RunError

if TYPE_CHECKING:
    from uncertlr.sweep import Job, Outcome


def add_sweep_commands(commands: Any) -> None:
    """Add the four commands to a parser's subparsers."""
    sweep = commands.add_parser("sweep", help="carry out what is missing of a grid of runs", allow_abbrev=False)
    sweep.add_argument("grid", type=Path, help="YAML file, such as those of sweeps/")
    sweep.add_argument("--profile", default="", help=f"in place of the file's own ({', '.join(PROFILES)})")
    sweep.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes, of one thread each (%(default)s)"
    )
    sweep.add_argument("--scheduler", default="", metavar="ADDRESS", help="of a running Dask cluster, in place of processes")
    sweep.add_argument(
        "--host", default="127.0.0.1", help="address of this machine on which its processes accept connections (%(default)s)"
    )
    sweep.add_argument(
        "--runs-per-gpu", type=int, default=0, metavar="N", help="runs that share a GPU, each claiming 1/N of a worker's GPU"
    )
    sweep.add_argument("--notebook", type=Path, metavar="FILE", help="leave this notebook executed beside each run")
    sweep.add_argument("--tensorboard", type=Path, metavar="FOLDER", help="each run writes TensorBoard event files there")
    sweep.add_argument("--report", type=Path, metavar="PAGE", help="write one HTML page that compares the finished runs")
    sweep.add_argument("--dry-run", action="store_true", help="print the runs, their states and an estimate of the time")
    sweep.add_argument("--root", default="", help=describe_field("root"))
    sweep.add_argument("--device", default="auto", help=describe_field("device"))
    sweep.set_defaults(command=_sweep, parser=sweep)

    tune = commands.add_parser("tune", help="choose among a sweep's finished trials by validation", allow_abbrev=False)
    tune.add_argument("grid", type=Path, help="the trials' YAML file")
    tune.add_argument(
        "--seeds", type=int, nargs="+", default=[], help="on which to run what was chosen (the ten after the trials')"
    )
    tune.add_argument("--output", type=Path, metavar="FILE", help="write the sweep of what was chosen; else it is printed")
    tune.add_argument("--root", default="", help=describe_field("root"))
    tune.set_defaults(command=_tune, parser=tune)

    evidence = commands.add_parser("evidence", help="what a sweep's finished runs show", allow_abbrev=False)
    evidence.add_argument("grid", type=Path, help="the sweep's YAML file")
    evidence.add_argument("--baseline", default="", help="arm to compare with (the file's first baseline)")
    evidence.add_argument("--profile", default="", help="in place of the file's own")
    evidence.add_argument("--csv", type=Path, metavar="FILE", help="write the table")
    evidence.add_argument("--figures", type=Path, metavar="FOLDER", help="draw differences, times to target, curves as SVG")
    evidence.add_argument("--root", default="", help=describe_field("root"))
    evidence.set_defaults(command=_evidence, parser=evidence)

    evaluate = commands.add_parser("evaluate", help="every estimator on finished runs' networks", allow_abbrev=False)
    evaluate.add_argument("run_ids", nargs="+", help="names of finished runs of one data set; several make an ensemble")
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="write scores, intervals and reliability curves")
    evaluate.add_argument("--root", default="", help=describe_field("root"))
    evaluate.set_defaults(command=_evaluate, parser=evaluate)


def _evidence(options: argparse.Namespace) -> None:
    from uncertlr.analysis.comparisons import causal_family, comparisons, verdict_table
    from uncertlr.analysis.study import read_study

    if options.csv:
        refuse_unwritable("--csv", options.csv)
    study = read_study(str(options.grid), options.root, options.profile)
    if not (options.baseline or study.baseline):
        raise ConfigError(f"{options.grid} states no baselines; name an arm with --baseline: {'; '.join(study.arms)}")
    if not study.finished:
        again = _command(options.grid, root=options.root, profile=options.profile)
        raise ConfigError(
            f"{options.grid}: none of its {counted(len(study.jobs), 'run')} is finished; carry them out with: {again}"
        )
    table = verdict_table(study, options.baseline)
    print(frame_text(table, digits="4g"))
    if causal := causal_family(study):
        columns = [
            "arm",
            "against",
            "pairs",
            "difference",
            "ci95_low",
            "ci95_high",
            "p_holm",
            "log_rate_distance",
            "outcome",
        ]
        controls = comparisons(study, causal)[columns]
        print(frame_text(controls, digits="4g", index=False))
    if options.csv:
        try:
            table.to_csv(options.csv, index_label="arm")
        except OSError as error:
            raise ConfigError(f"--csv {options.csv}: {error.strerror or error}") from None
    if options.figures:
        from uncertlr.plots.study_figures import evidence_figures, save_figures

        print(*save_figures(evidence_figures(study, options.baseline), options.figures), sep="\n")


def _sweep(options: argparse.Namespace) -> None:
    if options.workers < 1:
        raise ConfigError(f"--workers {options.workers}: at least one is needed")
    if options.runs_per_gpu < 0:
        raise ConfigError(f"--runs-per-gpu {options.runs_per_gpu}: a number from 1 on, or 0 for one run a GPU")
    if options.report:
        refuse_unwritable("--report", options.report)
    if options.notebook and not options.notebook.is_file():
        raise ConfigError(f"--notebook {options.notebook}: there is no such file")

    from uncertlr.cli.sweep_display import SweepDisplay, failures, plan, summary
    from uncertlr.runs.paths import paths_of
    from uncertlr.sweep import missing_jobs, read_sweep, with_fixed_rates
    from uncertlr.sweep.processes import prepare_workers

    began = time.perf_counter()
    jobs = read_sweep(options.grid, options.root, options.profile, options.device)
    jobs = with_fixed_rates(jobs) if options.notebook else jobs
    missing = missing_jobs(jobs, options.notebook)
    if missing and not options.scheduler and not options.dry_run:
        prepare_workers()
    _check(options.grid, jobs, missing)
    if options.dry_run:
        print(plan(jobs, missing, options.workers))
        return
    root = paths_of(jobs[0].config).root
    outcomes: list[Outcome] = []
    if missing:
        print(f"{counted(len(jobs), 'run')}, {len(jobs) - len(missing)} of them done", flush=True)
        from uncertlr.sweep import run_sweep

        names = ("workers", "scheduler", "host", "runs_per_gpu", "notebook", "tensorboard")
        with SweepDisplay(missing) as display:
            outcomes = run_sweep(jobs, **{name: getattr(options, name) for name in names}, report=display.ended_run)
    print(summary(len(jobs), outcomes, time.perf_counter() - began, root))
    if options.notebook:
        from uncertlr.cli.notebook import write_index

        print(f"notebooks: {write_index(jobs, options.grid.stem)}")
    if options.report:
        from uncertlr.cli.report_page import write_report

        print(f"compared in {write_report(jobs, options.grid.stem, options.report)}")
    if failed := sum(bool(outcome.error) for outcome in outcomes):
        print(failures(jobs, outcomes), file=sys.stderr)
        others = "; the others are done" if failed < len(jobs) else ""
        raise RunError(f"{failed} of {counted(len(jobs), 'run')} failed, as listed{others}")


def _check(grid: Path, jobs: "Sequence[Job]", missing: "Sequence[Job]") -> None:
    """See that what is missing can be carried out, and that what is done was trained on the data that are here."""
    if not missing and jobs[0].config.dataset in PRESETS:
        return  # a named set's finished runs need nothing that takes time to load
    from uncertlr.sweep import check_jobs

    try:
        check_jobs(jobs)
    except ConfigError as error:
        raise ConfigError(f"{grid}: {error}") from None


def _tune(options: argparse.Namespace) -> None:
    if options.output is not None:
        refuse_unwritable("--output", options.output)
    from uncertlr.sweep import trials_table, tuned_sweep

    print(frame_text(trials_table(options.grid, options.root), digits="4f"), file=sys.stderr)
    text = tuned_sweep(options.grid, options.seeds, options.root)
    if options.output is None:
        print(text, end="")
        return
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--output {options.output}: {error.strerror or error}") from None
    print(f"carry it out with: {_command(options.output, root=options.root)}")


def _command(grid: Path, **flags: str) -> str:
    """The command that carries out a sweep, with those flags that are given."""
    given = [word for name, value in flags.items() if value for word in (f"--{name}", value)]
    return shlex.join(["uncertlr", "sweep", str(grid), *given])


def _evaluate(options: argparse.Namespace) -> None:
    if options.json:
        refuse_unwritable("--json", options.json)
    from uncertlr.analysis.estimators import compare_estimators, estimators_table
    from uncertlr.cli.runs import load_named
    from uncertlr.runs.files import write_json

    runs = [load_named(run_id, options.root) for run_id in options.run_ids]
    found = compare_estimators(runs)
    print(frame_text(estimators_table(found), digits="4f"))
    if options.json:
        try:
            write_json(options.json, found)
        except OSError as error:
            raise ConfigError(f"--json {options.json}: {error.strerror or error}") from None
