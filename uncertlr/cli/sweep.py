"""The commands ``uncertlr sweep``, ``tune``, ``evidence`` and ``evaluate``."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.types import ExistingFile
from cyclopts.validators import Number

from uncertlr.cli.app import CPUS, RUN_IDS, NewFile, Root, WholeNumber, WholeNumbers, Workers, app
from uncertlr.cli.text import counted, frame_text, writing
from uncertlr.config import PRESETS, PROFILES, describe_field
from uncertlr.errors import ConfigError, located

if TYPE_CHECKING:
    from uncertlr.sweep import Job


CONTROLS = ["arm", "against", "pairs", "difference", "ci95_low", "ci95_high", "p_holm", "log_rate_distance", "outcome"]
"""Columns of the table of controls."""

Grid = Annotated[Path, Parameter(help="the sweep's YAML file, such as those of sweeps/")]
OwnProfile = Annotated[str, Parameter(help=f"in place of the file's own ({', '.join(PROFILES)})")]


@app.command
def _sweep(
    grid: Grid,
    /,
    *,
    profile: OwnProfile = "",
    workers: Workers = CPUS,
    scheduler: Annotated[str, Parameter(help="address of a running Dask cluster, in place of processes")] = "",
    host: Annotated[str, Parameter(help="address of this machine on which its processes accept connections")] = "127.0.0.1",
    runs_per_gpu: Annotated[WholeNumber, Parameter(help="runs that share a GPU; 0 for one", validator=Number(gte=0))] = 0,
    notebook: Annotated[ExistingFile | None, Parameter(help="leave this notebook executed beside each run")] = None,
    tensorboard: Annotated[Path | None, Parameter(help="folder, where each run writes TensorBoard event files")] = None,
    report: Annotated[NewFile, Parameter(help="write one HTML page that compares the finished runs")] = None,
    dry_run: Annotated[bool, Parameter(help="print the runs, their states and an estimate of the time")] = False,
    root: Root = "",
    device: Annotated[str, Parameter(help=describe_field("device"))] = "auto",
) -> None:
    """Carry out what is missing of a grid of runs."""
    from uncertlr.cli.sweep_display import plan, refuse_failures, train_missing
    from uncertlr.sweep import missing_jobs, read_sweep, with_fixed_rates
    from uncertlr.sweep.processes import prepare_workers

    jobs = read_sweep(grid, root, profile, device)
    jobs = with_fixed_rates(jobs) if notebook else jobs
    missing = missing_jobs(jobs, notebook)
    if missing and not dry_run:
        print(f"{counted(len(jobs), 'run')}, {len(jobs) - len(missing)} of them done", flush=True)
    if missing and not scheduler and not dry_run:
        prepare_workers()
    _check(grid, jobs, missing, notebook)
    if dry_run:
        print(plan(jobs, missing, workers, notebooks=notebook is not None))
        return
    where = {"workers": workers, "scheduler": scheduler, "host": host, "runs_per_gpu": runs_per_gpu}
    outcomes = train_missing(jobs, missing, **where, notebook=notebook, tensorboard=tensorboard)
    if notebook:
        from uncertlr.cli.notebook import write_index

        print(f"notebooks: {write_index(jobs, grid.stem)}")
    if report:
        from uncertlr.cli.report_page import write_report

        print(f"compared in {write_report(jobs, grid.stem, report)}")
    refuse_failures(jobs, outcomes)


def _check(grid: Path, jobs: "Sequence[Job]", missing: "Sequence[Job]", notebook: Path | None) -> None:
    """See that what is missing can be carried out, and that what is done was trained on the data that are here."""
    if missing and notebook:
        from uncertlr.sweep.notebook import check_for_runs

        check_for_runs(notebook, missing[0].config)
    if not missing and jobs[0].config.dataset in PRESETS:
        return  # a named set's finished runs need nothing that takes time to load
    from uncertlr.sweep import check_jobs

    with located(str(grid)):
        check_jobs(jobs)


@app.command
def _tune(
    grid: Annotated[Path, Parameter(help="the trials' YAML file")],
    /,
    *,
    seeds: Annotated[WholeNumbers, Parameter(help="on which to run what was chosen (the ten after the trials')")] = (),
    output: Annotated[NewFile, Parameter(help="write the sweep of what was chosen; else it is printed")] = None,
    root: Root = "",
) -> None:
    """Choose among a sweep's finished trials by validation."""
    from uncertlr.sweep import trials_table, tuned_sweep

    print(frame_text(trials_table(grid, root), digits="4f"), file=sys.stderr)
    text = tuned_sweep(grid, seeds, root)
    if not output:
        print(text, end="")
        return
    with writing("--output", output):
        output.write_text(text, encoding="utf-8")
    print(f"carry it out with: {_command(output, root=root)}")


def _command(grid: Path, **flags: str) -> str:
    """The command that carries out a sweep, with those flags that are given."""
    given = [word for name, value in flags.items() if value for word in (f"--{name}", value)]
    return shlex.join(["uncertlr", "sweep", str(grid), *given])


@app.command
def _evidence(
    grid: Grid,
    /,
    *,
    baseline: Annotated[str, Parameter(help="arm to compare with (the file's first baseline)")] = "",
    profile: OwnProfile = "",
    csv: Annotated[NewFile, Parameter(help="write the table")] = None,
    figures: Annotated[Path | None, Parameter(help="draw differences, times to target, curves as SVG")] = None,
    root: Root = "",
) -> None:
    """Show what a sweep's finished runs show."""
    from uncertlr.analysis.comparisons import causal_family, comparisons, verdict_table
    from uncertlr.analysis.study import read_study

    study = read_study(str(grid), root, profile)
    if not (baseline or study.baseline):
        raise ConfigError(f"{grid} states no baselines; name an arm with --baseline: {'; '.join(study.arms)}")
    if not study.finished:
        again = _command(grid, root=root, profile=profile)
        raise ConfigError(f"{grid}: none of its {counted(len(study.jobs), 'run')} is finished; carry them out with: {again}")
    table = verdict_table(study, baseline)
    print(frame_text(table, digits="4g"))
    if causal := causal_family(study):
        print(frame_text(comparisons(study, causal)[CONTROLS], digits="4g", index=False))
    if csv:
        with writing("--csv", csv):
            table.to_csv(csv, index_label="arm")
    if figures:
        from uncertlr.plots.study_figures import evidence_figures, save_figures

        print(*save_figures(evidence_figures(study, baseline), figures), sep="\n")


@app.command
def _evaluate(
    run_ids: Annotated[Sequence[str], Parameter(help="names of finished runs; several make an ensemble", name=RUN_IDS)],
    /,
    *,
    json: Annotated[NewFile, Parameter(help="write scores, intervals and reliability curves")] = None,
    root: Root = "",
) -> None:
    """Apply every estimator to finished runs' networks."""
    from uncertlr.cli.runs import load_named
    from uncertlr.runs.files import write_json

    runs = [load_named(run_id, root) for run_id in run_ids]  # before what takes seconds to import

    from uncertlr.analysis.estimators import compare_estimators, estimators_table

    found = compare_estimators(runs)
    # the longest heading as it is abbreviated elsewhere, or the table is too wide for 80 characters
    print(frame_text(estimators_table(found).rename(columns={"AUROC, information": "AUROC, MI"}), digits="4f"))
    print("\nAUROC: of errors, by predictive entropy and by mutual information (MI)")
    if json:
        with writing("--json", json):
            write_json(json, found)
