"""From names to objects, and one idempotent `run`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import nn

from uncertlr import provenance
from uncertlr.allocator import keep_freed_memory
from uncertlr.checkpoints import drop_checkpoints
from uncertlr.config import EXECUTION_FIELDS, RunConfig
from uncertlr.data import DataSet, eval_batches, folder_fingerprint, load_data, steps_per_epoch
from uncertlr.errors import ConfigError, DataError, RunError
from uncertlr.estimators import AnalyticDropout, Deterministic, Estimator, MCDropout, Variational
from uncertlr.files import write_atomically, write_json
from uncertlr.models import CNN, MLP, LSTMClassifier, MeanField
from uncertlr.progress import reporter
from uncertlr.published import restore_published
from uncertlr.rules_from_config import build_rule
from uncertlr.runs import Run, RunPaths, claimed, load_run, paths_of, read_metrics, read_record, read_trace
from uncertlr.schedulers import SCHEDULES, UncertaintyLR
from uncertlr.steps import Experiment
from uncertlr.streams import derive_seed
from uncertlr.summary import prediction_table, report_keys, summarize
from uncertlr.training import Evaluation, evaluate, fit, load_weights


def run(config: RunConfig, *, wait: bool = False) -> RunPaths:
    """Carry a run out, or find it: a finished run is returned, an interrupted one goes on, a new one starts.

    Published runs (``results/``) are looked up first; they need neither data nor time. Only where the data set is a folder
    that exists here, it is compared with what the finished run has seen.

    Args:
        config: what to run.
        wait: for another process that trains the same run, instead of refusing.

    Raises:
        UncertlrError: bad configuration, missing data, a run in use, a disk that refuses, or training that diverged; the
            run's record then says FAILED with the error, and its last good checkpoint is kept.
    """
    paths = paths_of(config)
    if _found(config, paths):
        return paths
    with _numerics(config.threads):
        experiment = build(config, load_config_data(config))
        with claimed(paths, wait=wait), disk_errors(paths):
            if not paths.complete:  # another process may have finished it just before
                _carry_out(experiment, paths)
    return paths


def find(config: RunConfig) -> Run | None:
    """A finished run, published or local, or None; trains nothing.

    Raises:
        DataError: the run was trained on other data than its folder now holds.
    """
    paths = paths_of(config)
    return load_run(paths) if _found(config, paths) else None


def _found(config: RunConfig, paths: RunPaths) -> bool:
    with disk_errors(paths):
        found = paths.complete or restore_published(paths)
    if found:
        refuse_other_data(config, paths)
    return found


def refuse_other_data(config: RunConfig, paths: RunPaths) -> None:
    """See that a finished run has seen what its folder of data holds now.

    Nothing is compared for a named set, nor where the folder is not on this machine.

    Raises:
        DataError: the folder holds other data; says both fingerprints.
    """
    now = folder_fingerprint(config.dataset, config.data_kind, config.input_column, config.label_column)
    if now and now != (seen := str(read_record(paths)["data"])):
        raise DataError(
            f"run {paths.run_id} was trained on data with fingerprint {seen[:12]}, but {config.dataset} now holds "
            f"{now[:12]}; remove {paths.directory} or use another root to train on what it holds, or restore the data"
        )


def build(config: RunConfig, data: DataSet) -> Experiment:
    """The model, optimizer, scheduler and estimators that a configuration names."""
    device = resolve_device(config.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, 0, "weights"))
        model = build_model(config, data).to(device)
    if data.kind == "image":
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(
        model.parameters(), config.learning_rate, (config.beta1, config.beta2), config.eps, fused=True
    )
    steps = steps_per_epoch(len(data.train), config.batch_size)
    schedule = SCHEDULES[config.schedule](config.epochs * steps) if config.schedule != "constant" else None
    scheduler = UncertaintyLR(optimizer, build_rule(config, steps), schedule=schedule)
    estimator, evaluator = build_estimators(config)
    probe = next(eval_batches(data, data.val, config.batch_size)) if config.signal_source == "probe" else None
    return Experiment(config, data, model, optimizer, scheduler, estimator, evaluator, probe)


def build_model(config: RunConfig, data: DataSet) -> nn.Module:
    """The network, with torch's default initial weights from the global stream; random for variational inference."""
    network = build_network(config, data)
    if config.estimator == "variational":
        return MeanField(network, config.prior_scale, config.initial_sigma)
    return network


def build_network(config: RunConfig, data: DataSet) -> nn.Module:
    """The point network."""
    name = network_name(config, data.kind)
    if name == "lstm":
        return LSTMClassifier(data.vocab_size, data.num_classes, config.embedding_size, config.hidden_size, config.dropout)
    channels, height, width = data.train.inputs.shape[1:]
    if name == "mlp":
        return MLP(channels * height * width, data.num_classes, config.hidden_size, config.dropout)
    if height < CNN.SMALLEST:
        raise ConfigError(
            f"the CNN needs images of {CNN.SMALLEST} x {CNN.SMALLEST} pixels or more, not {height} x {width}; use model='mlp'"
        )
    return CNN(height, channels, data.num_classes, config.channels, config.hidden_size, config.dropout)


def network_name(config: RunConfig, kind: str) -> str:
    """The network for a kind of data, where ``auto`` stands for the usual one.

    Raises:
        ConfigError: the network cannot take such inputs.
    """
    name = config.model if config.model != "auto" else {"image": "cnn", "text": "lstm"}[kind]
    if (name == "lstm") != (kind == "text"):
        raise ConfigError(f"model={config.model!r} does not fit {kind} data; use model='auto'")
    return name


def build_estimators(config: RunConfig) -> tuple[Estimator, Estimator]:
    """The estimators of the training signal and of evaluation."""
    if config.estimator == "deterministic":
        return Deterministic(), Deterministic()
    if config.estimator == "variational":
        return Variational(config.num_samples), Variational(config.num_samples)
    if config.dropout == 0:
        raise ConfigError(f"estimator={config.estimator!r} needs dropout > 0; set dropout, or estimator='deterministic'")
    if config.estimator == "analytic_dropout":
        return AnalyticDropout(config.num_samples), AnalyticDropout(config.num_samples)
    return MCDropout(config.num_samples), MCDropout(config.num_samples, shared_masks=True)


def resolve_device(name: str) -> torch.device:
    """The device a name stands for; ``auto`` is the GPU if there is one.

    Raises:
        ConfigError: torch has no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.rand(1, device=name, generator=torch.Generator(name)).item()  # the meta device has tensors, but no numbers
    except Exception as error:  # each backend raises another kind
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"device={name!r} cannot train here ({cause}); use device='auto'") from None
    return torch.device(name)


def load_config_data(config: RunConfig) -> DataSet:
    """The data set a configuration names, split and on its device."""
    return load_data(
        config.dataset,
        kind=config.data_kind,
        input_column=config.input_column,
        label_column=config.label_column,
        train_examples=config.train_examples,
        val_fraction=config.val_fraction,
        vocab_size=config.vocab_size,
        max_tokens=config.max_tokens,
        seed=config.seed,
        device=str(resolve_device(config.device)),
    )


def _carry_out(experiment: Experiment, paths: RunPaths) -> None:
    record = _open_record(experiment, paths)
    try:
        with reporter(experiment.config) as report:
            best = fit(experiment, paths, report)
        _finish(experiment, paths, best)
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "INTERRUPTED"
        record |= {"status": status, "ended": provenance.now(), "error": f"{type(error).__name__}: {error}"}
        with suppress(OSError):  # on a full disk the first error is the one to tell
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
    }
    write_json(paths.record, record)
    return record


def _finish(experiment: Experiment, paths: RunPaths, best: str) -> None:
    config, data = experiment.config, experiment.data
    final = "test" if config.evaluate_test else "val"
    evaluations: dict[str, Evaluation] = {}
    if config.evaluate_test:
        load_weights(experiment, paths, "best", best)
        evaluations["test_best"] = evaluate(experiment, data.test, config.epochs, "test")
        load_weights(experiment, paths, "last")
        # the stream of the last epoch's row, so the same numbers
        evaluations["val"] = evaluate(experiment, data.val, config.epochs, "val")
    started = time.perf_counter()
    evaluations[final] = evaluate(experiment, getattr(data, final), config.epochs, final)
    seconds = time.perf_counter() - started
    write_atomically(paths.predictions, prediction_table(evaluations).to_parquet())
    summary = summarize(config, read_metrics(paths), read_trace(paths), evaluations)
    write_json(paths.summary, summary | report_keys(config, evaluations[final], seconds))
    for warning in summary["warnings"] if config.progress != "quiet" else []:
        print(f"note: {warning}", flush=True)
    drop_checkpoints(paths)


@contextmanager
def disk_errors(paths: RunPaths) -> Iterator[None]:
    """Turn what the disk refuses into a RunError that names the file.

    Args:
        paths: the run whose files are read or written meanwhile.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"run {paths.run_id} stopped, since {error.filename or paths.directory} could not be read or written: "
            f"{error.strerror or error}; mend that and run again, it goes on from its last checkpoint"
        ) from error


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
