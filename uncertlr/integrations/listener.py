"""Read a model's uncertainty in the training passes that it makes anyway, and tell the scheduler."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self
from weakref import WeakKeyDictionary, ref

import torch
import torch.distributed as dist
from torch import Tensor, nn

from uncertlr.estimators import AnalyticDropout, Deterministic, Estimator, MCDropout
from uncertlr.estimators.heads import Head, find_head, to_parameters
from uncertlr.estimators.modes import stochastic_layers
from uncertlr.integrations.outputs import check_shape, logits_of, refuse_probabilities, warn_of_one_logit
from uncertlr.integrations.silence import Silence
from uncertlr.schedulers import SIGNALS, UncertaintyLR, read_signal
from uncertlr.seeding import generator

# Weak on both sides: the hooks on a model keep its listener alive, and nothing else needs to.
_listeners: "WeakKeyDictionary[nn.Module, ref[Listener]]" = WeakKeyDictionary()


class Listener:
    """Hooks on a model that queue one reading of its uncertainty for each of its training passes; see `listen`.

    Attributes:
        reading: the last one, in [0, 1]; NaN before the first.
        readings: how many there were.
        passes: how many training passes were seen.
    """

    def __init__(
        self,
        model: nn.Module,
        scheduler: UncertaintyLR,
        *,
        estimator: Estimator | None = None,
        signal: str = "predictive_entropy",
        every: int = 1,
        seed: int = 0,
        logits: Callable[[Any], Tensor] | None = None,
    ) -> None:
        _refuse_mistaken(model, scheduler, estimator)
        if every < 1:
            raise ValueError(f"every={every} must be at least 1: a reading every so many steps of the scheduler")
        if signal not in SIGNALS:
            raise ValueError(f"unknown signal {signal!r}; choose one of {', '.join(SIGNALS)}")
        self.scheduler = scheduler
        self.estimator = estimator or MCDropout()
        self.signal, self.every, self.seed = signal, every, seed
        self.reading, self.readings, self.passes = float("nan"), 0, 0
        self._logits = logits or logits_of
        self._inner = unwrapped(model)
        if listener_of(self._inner):
            raise ValueError(
                f"this {type(self._inner).__name__} has a listener already, and with two every pass would be read twice: "
                "close() what listen returned, or call uncertlr.integrations.stop_listening(model) first. In a notebook "
                "`with listen(model, scheduler):` round the loop closes it by itself"
            )
        if isinstance(self.estimator, MCDropout | AnalyticDropout) and not stochastic_layers(self._inner):
            raise ValueError(
                f"{type(self._inner).__name__} has no dropout layer with p > 0, so {type(self.estimator).__name__} has "
                "nothing to sample: put torch.nn.Dropout before its last layer (dropout that is called as a function cannot "
                "be seen), or read the plain softmax: listen(model, scheduler, estimator=Deterministic()), of "
                "uncertlr.estimators, whose mutual information is 0"
            )
        self._head: Head | None = None
        self._searched = self._wanted = self._busy = False
        self._silence = Silence()
        self._features: Tensor | None = None
        # A compiler that traces the model must not trace what is not the model.
        before, after = (torch.compiler.disable(hook) for hook in (self._before, self._after))  # type: ignore[no-untyped-call]
        self._handles = [
            model.register_forward_pre_hook(before, with_kwargs=True),
            model.register_forward_hook(after, with_kwargs=True),
        ]
        _listeners[self._inner] = ref(self)

    def close(self) -> None:
        """Take the hooks off the model."""
        if self._handles:
            _listeners.pop(self._inner, None)
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def __enter__(self) -> Self:
        """Listen within a ``with`` block."""
        return self

    def __exit__(self, *error: object) -> None:
        """Take the hooks off, whatever happened."""
        self.close()

    def _before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._busy:
            return
        training = module.training and torch.is_grad_enabled()
        self.passes += training
        self._silence.note(self._inner, self.scheduler, training)
        self._wanted = training and self.scheduler.last_epoch % self.every == 0
        if self._wanted and not self._searched:
            self._search(args, kwargs)

    def _search(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._busy = True
        try:
            self._head = find_head(self._inner, lambda: self._judged(self._inner(*args, **kwargs)))
        finally:
            self._busy = False
        self._searched = True
        if self._head:
            self._handles.append(self._head.entrance.register_forward_pre_hook(self._enter))
        elif random := stochastic_layers(self._inner):
            names = [name for name, layer in self._inner.named_modules() if layer in random]
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            warnings.warn(
                f"not all random layers ({shown}) are in a head that can be run by itself, so each reading costs "
                + self._price(),
                UserWarning,
                stacklevel=2,
            )

    def _price(self) -> str:
        if isinstance(self.estimator, Deterministic):
            return "1 more forward pass. Cheaper: every=k"
        return (
            f"{getattr(self.estimator, 'num_samples', 1)} more forward passes. Cheaper: dropout only before the last layers,"
            " fewer samples (estimator=MCDropout(num_samples=4)), the plain softmax (estimator=Deterministic()), or every=k"
        )

    def _enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if self._wanted and not self._busy:
            self._features = args[0].detach()

    def _after(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if not self._wanted or self._busy:
            return
        self._wanted, self._busy = False, True
        try:
            value = self._read(args, kwargs)
        finally:
            self._busy, self._features = False, None
        if _processes() > 1:
            dist.all_reduce(value)
            value /= _processes()
        self.reading, self.readings = self.scheduler.observe(value), self.readings + 1

    def _read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        # A function of what a checkpoint restores, so that a resumed training draws what the whole one drew.
        rank = dist.get_rank() if _processes() > 1 else 0
        purpose = f"reading {int(self.scheduler.queued_weight)} of process {rank}"
        features = self._features
        tensor = features if features is not None else next(_tensors((args, kwargs)))
        samples = generator(self.seed, self.scheduler.last_epoch, purpose, tensor.device)
        if self._head is not None and features is not None:
            split = _Split(self._head.layers)
            features = to_parameters(features, self._head.layers)
            prediction = self.estimator.estimate_from_features(split, features, generator=samples)
        else:
            plain = len(args) == 1 and not kwargs and self._logits is logits_of
            model = self._inner if plain else _Repeated(self._inner, args, kwargs, self._checked)
            prediction = self.estimator.estimate(model, tensor, generator=samples)
        return read_signal(self.signal, prediction)

    def _checked(self, output: Any) -> Tensor:
        return check_shape(self._logits(output))

    def _judged(self, output: Any) -> Tensor:
        logits = self._checked(output)
        refuse_probabilities(logits)
        if self._logits is logits_of:  # who passes a function has said what the output is
            warn_of_one_logit(self._inner, logits)
        return logits


def listen(
    model: nn.Module,
    scheduler: UncertaintyLR,
    *,
    estimator: Estimator | None = None,
    signal: str = "predictive_entropy",
    every: int = 1,
    seed: int = 0,
    logits: Callable[[Any], Tensor] | None = None,
) -> Listener:
    """Let a scheduler hear a model: every training pass queues a reading, and nothing else in the loop changes.

    A training pass is a call of the model in training mode with gradients on. The model's last layers are looked for at the
    first one; where they hold all the dropout, a reading reuses the features that the pass has computed and costs next to
    nothing. Else it costs `estimator.num_samples` passes, and a warning says so. Modes, buffers and the global random
    stream stay as they were. Under `torch.distributed` readings are averaged over the processes, so all make the same
    decision; every process must then make the same number of passes.

    Args:
        model: a classifier: what the training loop calls, also wrapped in `DistributedDataParallel` or compiled.
        scheduler: hears the readings; the loop steps it.
        estimator: source of the uncertainty; None for `MCDropout()`.
        signal: a key of `uncertlr.schedulers.SIGNALS`; read as a share of its maximum.
        every: read where the scheduler's count of steps is a multiple of this.
        seed: fixes the samples. They depend on it, the scheduler's step and the process only.
        logits: from the model's output to logits, [B, C]; None takes a tensor as it is, or an output's ``logits``.

    Returns:
        A handle; `close` it, or use it as a context manager, to take the hooks off.

    Raises:
        TypeError: an argument of another kind, such as model and scheduler in the other order.
        ValueError: no dropout in the model, an unknown signal, logits of another shape or probabilities in their place (at
            the first training pass), or a model that has a listener already.

    Warns:
        UserWarning: once, if the model is called in 100 steps of the scheduler and never in a training pass.

    >>> from uncertlr.schedulers import Threshold
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> scheduler = UncertaintyLR(optimizer, Threshold(threshold=0.5))
    >>> listener = listen(model, scheduler)
    >>> model(torch.zeros(2, 4)).sum().backward()
    >>> optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.05]
    """
    return Listener(model, scheduler, estimator=estimator, signal=signal, every=every, seed=seed, logits=logits)


def stop_listening(model: nn.Module) -> None:
    """Close the listener of a model, if there is one that `listen` gave and nobody kept."""
    if listener := listener_of(unwrapped(model)):
        listener.close()


def listener_of(model: nn.Module) -> Listener | None:
    """The listener of an unwrapped model that is open."""
    known = _listeners.get(model)
    return known() if known else None


def _refuse_mistaken(model: object, scheduler: object, estimator: object) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"listen(model, scheduler) needs a torch.nn.Module first, got a {type(model).__name__}")
    if not isinstance(scheduler, UncertaintyLR):
        raise TypeError(
            f"listen(model, scheduler) needs an UncertaintyLR second, got a {type(scheduler).__name__}; one inside another "
            "scheduler is found by uncertlr.integrations.find_scheduler"
        )
    methods = ("estimate", "estimate_from_features")
    if estimator is not None and (isinstance(estimator, type) or not all(hasattr(estimator, name) for name in methods)):
        raise TypeError(f"estimator must be an instance of one, such as MCDropout(num_samples=32), not {estimator!r}")


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's module inside `torch.compile` and the data-parallel wrappers."""
    while isinstance(inner := getattr(model, "_orig_mod", None) or _parallel(model), nn.Module):
        model = inner
    return model


def _parallel(model: nn.Module) -> Any:
    wrappers = (nn.parallel.DistributedDataParallel, nn.DataParallel)
    return model.module if isinstance(model, wrappers) else None


class _Split(nn.Module):
    """What `estimate_from_features` takes: a model of which only the head is known."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head


class _Repeated(nn.Module):
    """A model on the batch that it has just seen, as a module from a tensor to logits."""

    def __init__(self, model: nn.Module, args: Any, kwargs: Any, logits: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.model, self.args, self.kwargs, self.logits = model, args, kwargs, logits

    def forward(self, inputs: Tensor) -> Tensor:
        return self.logits(self.model(*self.args, **self.kwargs))


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, Mapping):
        yield from _tensors(list(batch.values()))
    elif isinstance(batch, list | tuple):
        for part in batch:
            yield from _tensors(part)


def _processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
