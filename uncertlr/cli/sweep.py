"""The commands ``uncertlr sweep``, ``tune``, ``runs``, ``evidence`` and ``evaluate``."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from uncertlr.config import PROFILES, RunConfig, describe_field
from uncertlr.errors import ConfigError, RunError


def add_commands(commands: Any) -> None:
    """Add the five commands to a parser's subparsers."""
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

    runs = commands.add_parser("runs", help="list local and published runs", allow_abbrev=False)
    runs.add_argument("--dataset", default="", help="only the runs on this data set")
    runs.add_argument("--rule", default="", help="only the runs with this rule")
    runs.add_argument("--status", default="", help="only runs of this state, such as published, completed or interrupted")
    runs.add_argument("--csv", type=Path, metavar="FILE", help="write the table with all its columns")
    runs.add_argument("--root", default="", help=describe_field("root"))
    runs.set_defaults(command=_runs, parser=runs)

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

    study = read_study(str(options.grid), options.root, options.profile)
    if not (options.baseline or study.baseline):
        raise ConfigError(f"{options.grid} states no baselines; name an arm with --baseline: {', '.join(study.arms)}")
    table = verdict_table(study, options.baseline)
    print(table.to_string(na_rep="", float_format=lambda value: f"{value:.4g}"))
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
        print(controls.to_string(index=False, na_rep="", float_format=lambda value: f"{value:.4g}"))
    if options.csv:
        try:
            table.to_csv(options.csv, index_label="arm")
        except OSError as error:
            raise ConfigError(f"--csv {options.csv}: {error.strerror or error}") from None
    if options.figures:
        from uncertlr.book.study_figures import evidence_figures, save_figures

        print(*save_figures(evidence_figures(study, options.baseline), options.figures), sep="\n")


def _sweep(options: argparse.Namespace) -> None:
    if options.workers < 1:
        raise ConfigError(f"--workers {options.workers}: at least one is needed")
    if options.runs_per_gpu < 0:
        raise ConfigError(f"--runs-per-gpu {options.runs_per_gpu}: a number from 1 on, or 0 for one run a GPU")
    if options.notebook and not options.notebook.is_file():
        raise ConfigError(f"--notebook {options.notebook}: there is no such file")

    from uncertlr.sweep import check_jobs, missing_jobs, read_sweep, run_sweep, with_fixed_rates
    from uncertlr.sweep.progress import failures, plan, sweep_progress

    jobs = read_sweep(options.grid, options.root, options.profile, options.device)
    jobs = with_fixed_rates(jobs) if options.notebook else jobs
    try:
        check_jobs(jobs)
    except ConfigError as error:
        raise ConfigError(f"{options.grid}: {error}") from None
    missing = missing_jobs(jobs, options.notebook)
    if options.dry_run:
        print(plan(jobs, missing, options.workers))
        return
    print(f"{len(jobs)} runs, {len(jobs) - len(missing)} of them done", flush=True)
    names = ("workers", "scheduler", "host", "runs_per_gpu", "notebook")
    with sweep_progress(len(missing)) as report:
        outcomes = run_sweep(jobs, **{name: getattr(options, name) for name in names}, report=report)
    if failed := sum(bool(outcome.error) for outcome in outcomes):
        print(failures(jobs, outcomes), file=sys.stderr)
        raise RunError(f"{failed} of {len(outcomes)} runs failed, as listed; the others are done")


def _tune(options: argparse.Namespace) -> None:
    from uncertlr.sweep import trials_table, tuned_sweep

    print(trials_table(options.grid, options.root).to_string(float_format=lambda value: f"{value:.4f}"), file=sys.stderr)
    text = tuned_sweep(options.grid, options.seeds, options.root)
    if options.output is None:
        print(text, end="")
        return
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--output {options.output}: {error.strerror or error}") from None
    print(f"carry it out with: uncertlr sweep {options.output}")


def _evaluate(options: argparse.Namespace) -> None:
    from uncertlr.analysis.estimators import compare_estimators, estimators_table
    from uncertlr.runs.archive import restore_published
    from uncertlr.runs.files import write_json
    from uncertlr.runs.paths import RunPaths, default_root
    from uncertlr.runs.store import read_run

    root = Path(options.root) if options.root else default_root()
    paths = [RunPaths(root, run_id) for run_id in options.run_ids]
    for each in paths:
        if not each.complete:
            restore_published(each)  # so that the error says what a published run lacks
    found = compare_estimators([read_run(each) for each in paths])
    print(estimators_table(found).to_string(na_rep="", float_format=lambda value: f"{value:.4f}"))
    if options.json:
        try:
            write_json(options.json, found)
        except OSError as error:
            raise ConfigError(f"--json {options.json}: {error.strerror or error}") from None


def _runs(options: argparse.Namespace) -> None:
    from uncertlr.analysis.methods import method_column
    from uncertlr.runs.index import BRIEF, STATUSES, list_runs

    if options.status and options.status not in STATUSES:
        raise ConfigError(f"unknown status {options.status!r}; choose one of {', '.join(STATUSES)}")
    rule = RunConfig(rule=options.rule).rule if options.rule else ""
    root = Path(options.root) if options.root else None
    table = list_runs(root, dataset=options.dataset, rule=rule, status=options.status)
    table.insert(2, "method", method_column(table))
    if options.csv:
        try:
            table.to_csv(options.csv, index=False)
        except OSError as error:
            raise ConfigError(f"--csv {options.csv}: {error.strerror or error}") from None
        print(f"{len(table)} runs: {options.csv}")
    elif len(table):
        shown = table[["method" if name == "rule" else name for name in BRIEF]]
        print(shown.to_string(index=False, na_rep="", float_format=lambda value: f"{value:.4g}"))
    else:
        print("no runs")
