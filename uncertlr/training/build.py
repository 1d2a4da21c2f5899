"""From a configuration to objects: data, network, optimizer, scheduler and estimators."""

import torch
from torch import nn

from uncertlr.config import RunConfig
from uncertlr.data import DataSet, OnProgress, eval_batches, ignore_progress, load_data, steps_per_epoch
from uncertlr.errors import ConfigError
from uncertlr.estimators import AnalyticDropout, Deterministic, Estimator, MCDropout, Variational
from uncertlr.models import CNN, MLP, LSTMClassifier, MeanField, ResNet
from uncertlr.schedulers import SCHEDULES, UncertaintyLR
from uncertlr.seeding import derive_seed
from uncertlr.training.own import own_model
from uncertlr.training.rules import build_rule
from uncertlr.training.step import Experiment


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
    if name == "own":
        return own_model(config, data)
    if name == "lstm":
        return LSTMClassifier(data.vocab_size, data.num_classes, config.embedding_size, config.hidden_size, config.dropout)
    channels, height, width = data.train.inputs.shape[1:]
    if name == "mlp":
        return MLP(channels * height * width, data.num_classes, config.hidden_size, config.dropout)
    if name == "resnet":
        return ResNet(channels, data.num_classes, config.channels[0], config.dropout)
    refuse_small_images(height, width)
    return CNN(height, channels, data.num_classes, config.channels, config.hidden_size, config.dropout)


def refuse_small_images(height: int, width: int) -> None:
    """See that images are large enough for the CNN.

    Raises:
        ConfigError: they are not.
    """
    if height < CNN.SMALLEST:
        size = f"{CNN.SMALLEST} x {CNN.SMALLEST}"
        raise ConfigError(f"the CNN needs images of {size} pixels or more, not {height} x {width}; use model='mlp'")


def network_name(config: RunConfig, kind: str) -> str:
    """The network for a kind of data, where ``auto`` stands for the usual one.

    Raises:
        ConfigError: the network cannot take such inputs.
    """
    name = config.model if config.model != "auto" else {"image": "cnn", "text": "lstm"}[kind]
    if name != "own" and (name == "lstm") != (kind == "text"):
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
        raise ConfigError(f"device={name!r} is not available here ({cause}); use device='auto'") from None
    return torch.device(name)


def load_config_data(config: RunConfig, on_progress: OnProgress | None = None) -> DataSet:
    """The data set a configuration names, split and on its device.

    Args:
        config: names it.
        on_progress: called where reading takes long: what is done, of how many, and how many are done.
    """
    return load_data(
        config.dataset,
        kind=config.data_kind,
        input_column=config.input_column,
        label_column=config.label_column,
        train_examples=config.train_examples,
        test_examples=config.test_examples,
        val_fraction=config.val_fraction,
        vocab_size=config.vocab_size,
        max_tokens=config.max_tokens,
        seed=config.seed,
        device=str(resolve_device(config.device)),
        on_progress=on_progress or ignore_progress,
    )
