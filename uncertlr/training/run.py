"""From names to objects, and one idempotent `run`."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch

from uncertlr.config import EXECUTION_FIELDS, RunConfig
from uncertlr.errors import Interrupted, RunError
from uncertlr.runs import provenance
from uncertlr.runs.files import write_atomically, write_json
from uncertlr.runs.paths import RunPaths, claimed, paths_of
from uncertlr.runs.saturation import NOTES, saturated_bound
from uncertlr.runs.store import read_metrics, read_record, read_trace
from uncertlr.schedulers import Rule
from uncertlr.training.allocator import keep_freed_memory
from uncertlr.training.build import build, load_config_data
from uncertlr.training.checkpoint import drop_checkpoints
from uncertlr.training.display import display_of
from uncertlr.training.finished import disk_errors, found, refuse_other_code
from uncertlr.training.loop import Evaluation, evaluate, fit, load_weights, phase_progress
from uncertlr.training.own import Factory, canonical, own, sources
from uncertlr.training.progress import Callback, ProgressFile, Reporter
from uncertlr.training.step import Experiment
from uncertlr.training.summary import prediction_table, report_keys, summarize


def run(
    config: RunConfig,
    *,
    wait: bool = False,
    callbacks: Sequence[Callback] = (),
    rule: Rule | None = None,
    model: Factory | None = None,
    name: str = "",
) -> RunPaths:
    """Carry a run out, or find it: a finished run is returned, an interrupted one goes on, a new one starts.

    Published runs (``results/``) are looked up first; they need neither data nor time. Only where the data set is a folder
    that exists here, it is compared with what the finished run has seen.

    Args:
        config: what to run.
        wait: for another process that trains the same run, instead of refusing.
        callbacks: receive what is done, beside the display that ``config.progress`` asks for.
        rule: one of your own, in place of the configuration's; see `uncertlr.own`.
        model: makes a network of your own from the data set.
        name: of your own network or rule, in place of that of its class or function.

    Raises:
        UncertlrError: bad configuration, missing data, a run in use, a disk that refuses, or training that diverged; the
            run's record then says FAILED with the error, and its last good checkpoint is kept.
    """
    config = canonical(own(config, rule=rule, model=model, name=name))
    paths = paths_of(config)
    reporter = Reporter(config, [*display_of(config), *callbacks, ProgressFile()])
    if found(config, paths):
        reporter.loaded(paths)
        return paths
    with _numerics(config.threads), _reporting_the_end(reporter):
        reporter.phase("loading data")
        experiment = build(config, load_config_data(config, reporter.phase))
        with claimed(paths, wait=wait), disk_errors(paths):
            if paths.complete:  # another process has finished it just before
                reporter.loaded(paths)
            else:
                _carry_out(experiment, paths, reporter)
    return paths


@contextmanager
def _reporting_the_end(reporter: Reporter) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        reporter.end(error)
        if type(error) is KeyboardInterrupt:  # not a signal that a command answers in its own way
            raise Interrupted(reporter.config.run_id, reporter.where) from None
        raise
    reporter.end()


def _carry_out(experiment: Experiment, paths: RunPaths, reporter: Reporter) -> None:
    record = _open_record(experiment, paths)
    try:
        best = fit(experiment, paths, reporter)
        _finish(experiment, paths, best, reporter)
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "INTERRUPTED"
        record |= {"status": status, "ended": provenance.now(), "error": f"{type(error).__name__}: {error}"}
        with suppress(OSError):  # on a full disk the first error is the one to report
            write_json(paths.record, record)
        raise
    write_json(paths.record, record | {"status": "COMPLETED", "ended": provenance.now()})


def _open_record(experiment: Experiment, paths: RunPaths) -> dict[str, Any]:
    config, data = experiment.config, experiment.data
    before = read_record(paths) if paths.record.is_file() else {}
    if before and before["data"] != data.fingerprint:
        raise RunError(
            f"run {paths.run_id} was begun on data with fingerprint {before['data'][:12]}, but {config.dataset} now has "
            f"{data.fingerprint[:12]}; restore the data, or remove {paths.directory}"
        )
    refuse_other_code(config, before)
    if not paths.config.is_file():
        write_json(paths.config, config.model_dump(exclude=set(EXECUTION_FIELDS)))
    if data.tokenizer:
        write_atomically(paths.tokenizer, data.tokenizer.encode())
    record = {
        "run_id": paths.run_id,
        "status": "RUNNING",
        "owner": provenance.owner(),
        "began": before.get("began", provenance.now()),
        "resumed": [*before.get("resumed", []), provenance.now()] if before else [],
        "data": data.fingerprint,
        "examples": {"train": len(data.train), "val": len(data.val), "test": len(data.test)},
        "class_names": list(data.class_names),
        "num_parameters": sum(parameter.numel() for parameter in experiment.model.parameters()),
        "threads": config.threads,
        **provenance.environment(str(experiment.device)),
        **({"own": own_code} if (own_code := sources(config)) else {}),
    }
    write_json(paths.record, record)
    return record


def _finish(experiment: Experiment, paths: RunPaths, best: str, reporter: Reporter) -> None:
    config, data = experiment.config, experiment.data
    final = "test" if config.evaluate_test else "val"
    evaluations: dict[str, Evaluation] = {}
    if config.evaluate_test:
        load_weights(experiment, paths, "best", best)
        on_progress = phase_progress(reporter, "testing the best epoch", data.test)
        evaluations["test_best"] = evaluate(experiment, data.test, config.epochs, "test", on_progress)
        load_weights(experiment, paths, "last")
        # the stream of the last epoch's row, so the same numbers
        on_progress = phase_progress(reporter, "validating the last epoch", data.val)
        evaluations["val"] = evaluate(experiment, data.val, config.epochs, "val", on_progress)
    split, what = (data.test, "testing") if config.evaluate_test else (data.val, "validating")
    on_progress = phase_progress(reporter, f"{what} the last epoch", split)
    started = time.perf_counter()
    evaluations[final] = evaluate(experiment, split, config.epochs, final, on_progress)
    seconds = time.perf_counter() - started
    write_atomically(paths.predictions, prediction_table(evaluations).to_parquet())
    summary = summarize(config, read_metrics(paths), read_trace(paths), evaluations)
    write_json(paths.summary, summary | report_keys(config, evaluations[final], seconds))
    if config.progress != "quiet" and (bound := saturated_bound(summary["rate"])):
        print(f"note: {NOTES[bound]}", flush=True)
    drop_checkpoints(paths)


@contextmanager
def _numerics(threads: int) -> Iterator[None]:
    """Settings of the process that a run's numbers and speed depend on.

    Freed memory stays with the process, so that the system need not clear it anew at every step. Gradients of an LSTM
    vanish into denormal numbers, which a CPU handles twenty times slower: they are flushed to zero. That flag holds for
    threads started later, so it comes first.
    """
    before = torch.get_num_threads()
    torch.set_flush_denormal(True)
    keep_freed_memory()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)
