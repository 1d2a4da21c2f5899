"""Observe a model's uncertainty in the training passes that it makes anyway, and give it to the scheduler."""

import copy
import math
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Self
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.func import functional_call
from torch.utils._pytree import tree_map
from torch.utils.hooks import RemovableHandle

from uncertlr.integrations.heads import Head, PassRecorder, is_sharded
from uncertlr.integrations.hooks import Hook
from uncertlr.integrations.outputs import (
    check_logits,
    find_logits,
    inputs_of,
    looks_like_probabilities,
    made_by_sigmoid,
    refuse_other_problems,
    refuse_probabilities,
    warn_of_one_logit,
    with_inputs,
)
from uncertlr.integrations.processes import Processes, unwrapped
from uncertlr.integrations.random_streams import borrowed_streams
from uncertlr.integrations.signal_means import can_be_head_of, mean_of_head, mean_of_samples
from uncertlr.schedulers import SIGNALS, UncertaintyLR
from uncertlr.schedulers.uncertainty_lr import STEPS_UNTIL_WARNING
from uncertlr.seeding import derive_seed

SKIPS_UNTIL_ERROR = 100
"""Skipped observations in a row after which the monitor raises."""

HISTORY_LENGTH = 100_000
"""Observations that `UncertaintyMonitor.history` keeps."""

# Weak on both sides: the hook on a model keeps its monitor alive, and nothing else needs to.
_monitors: "WeakKeyDictionary[nn.Module, ref[UncertaintyMonitor]]" = WeakKeyDictionary()


class Observation(NamedTuple):
    """One observation of a training pass.

    Attributes:
        step: the scheduler's step.
        value: of the signal, in [0, 1].
        way: ``"head"``, a resampled head; ``"logits"``, the pass's own logits; ``"passes"``, extra passes.
        examples: rows of logits, the weight of the value.
    """

    step: int
    value: float
    way: str
    examples: int


class UncertaintyMonitor:
    """Observe a classifier's uncertainty in each training pass and queue it for the scheduler.

    A training pass is a call of the model in training mode with gradients on. No module of the model is ever run for it,
    unless `passes` asks for that, and the training is the same bit for bit as without. The value comes

    - from the *head*, where the last layers are a dropout and a dense layer and the pass shows that they give the logits:
      the monitor draws `num_samples` masks of its own and repeats the dense layer's product; or
    - from the pass's own *logits*, which are one dropout sample: their entropy is an unbiased sample of the
      expected entropy.

    The other signals need several samples of one input. They come from a head whose dropout is all that is random in the
    pass, from the logits where the pass draws no random number at all, or from extra `passes`; anything else is refused at
    the first training pass.

    The value is the batch mean over the signal's maximum, weighted in the scheduler by the number of examples. In a group of
    processes, the weighted mean is taken over all of them, in each scheduler's `step()`.

    Args:
        model: a classifier as the training loop calls it: also compiled, or wrapped in `DistributedDataParallel`; a new
            monitor on a model replaces the old one. None for no hook: call `observe` yourself.
        scheduler: receives the values; the loop steps it. Or a sequence of them, for several optimizers: each receives every
            value and decides by itself, at its own steps. Where this text says step, it is the first one's.
        signal: a key of `uncertlr.schedulers.SIGNALS`.
        head: a dense layer, a module that contains it, or its name in the model, for a model with several heads; None takes
            the last one.
        num_samples: masks that are drawn for a head.
        passes: 0, or the number of extra forward passes, at least 2. They run the user's code, in training mode and on
            copies of the inputs; buffers and random streams come back as they were.
        observe_every: observe where the scheduler's step is a multiple of this.
        seed: fixes the masks. They depend on it, the scheduler's step and the process only.
        logits: function of the output, or of the output and the inputs, to logits [..., C]: the last axis is that of the
            classes, which the shape alone does not show (a segmentation's [B, C, H, W] needs ``.movedim(1, -1)``), and every
            row counts alike. The inputs are the model's one argument, or the dict of its keyword arguments, or the pair of
            both. None takes a tensor [B, C] as it is, or the output's ``logits``, or its only tensor of two or more
            dimensions; another shape than [B, C] is refused.
        process_group: of the processes that train the model together; None for that of the wrapped model.

    Attributes:
        scheduler: as given, or the first of a sequence.
        schedulers: a tuple of all.
        history: the last 100,000 observations; see `Observation`.
        training_passes: number of training passes seen.
        skipped: number of observations that were not finite or not possible.

    Raises:
        TypeError: model or scheduler is of another kind, or exchanged.
        ValueError: an option is out of range, the sequence of schedulers is empty or names one twice, or the model was
            compiled in place.

    Warns:
        UserWarning: a head that was resampled can no longer be; several processes run and none of them is known to train
            the same model; the model was called in 100 steps of the scheduler, but in no training pass.

    >>> from uncertlr.schedulers import Threshold
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> scheduler = UncertaintyLR(optimizer, Threshold(threshold=0.5))
    >>> monitor = UncertaintyMonitor(model, scheduler)
    >>> model(torch.zeros(2, 4)).sum().backward()
    >>> optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.05]
    """

    def __init__(
        self,
        model: nn.Module | None,
        scheduler: UncertaintyLR | Sequence[UncertaintyLR],
        *,
        signal: str = "expected_entropy",
        head: nn.Module | str | None = None,
        num_samples: int = 32,
        passes: int = 0,
        observe_every: int = 1,
        seed: int = 0,
        logits: Callable[..., Tensor] | None = None,
        process_group: Any = None,
    ) -> None:
        _refuse_mistaken(model)
        _refuse_out_of_range(signal, num_samples, passes, observe_every)
        self.schedulers = _all_schedulers(scheduler)
        self.scheduler = self.schedulers[0]
        self.signal, self.num_samples, self.passes = signal, num_samples, passes
        self.observe_every, self.seed = observe_every, seed
        self.history: deque[Observation] = deque(maxlen=HISTORY_LENGTH)
        self.training_passes, self.skipped = 0, 0
        self._user_logits = None if logits is None else with_inputs(logits)
        self._model = model
        self._inner = None if model is None else unwrapped(model)
        self._head = _named_module(self._inner, head)
        self._processes = Processes(model, process_group)
        self._head_in_use = ""
        self._paused = 0
        self._skipped_in_a_row = 0
        self._warned_of_lost_head = self._warned_of_one_logit = self._warned_of_no_training = False
        self._other_steps: set[int] = set()
        self._drawn: tuple[int | None, int] = (None, 0)
        self._pass: _Pass | None = None
        self._handles: list[Any] = []
        if model is not None:
            self._attach(model)
        for each in self.schedulers:
            if self._processes and each.reduce is None:
                each.reduce = self._processes.add_up

    @property
    def value(self) -> float:
        """The last value; NaN before the first."""
        return self.history[-1].value if self.history else math.nan

    @property
    def way(self) -> str | None:
        """Where the last value came from; None before the first. See `Observation`."""
        return self.history[-1].way if self.history else None

    def __repr__(self) -> str:
        model = "no model" if self._inner is None else type(self._inner).__name__
        costs = {
            None: "nothing observed yet",
            "head": f"{self._head_in_use} resampled {self.num_samples} times, no pass of the model",
            "logits": "the pass's own logits, no pass of the model",
            "passes": f"{self.passes} more forward passes per observation",
        }
        return f"UncertaintyMonitor({model}, {self.signal}: {costs[self.way]}; {self.skipped} skipped)"

    def observe(self, output: Any, inputs: Any = None) -> float | None:
        """Observe what a training pass returned, without any hook; for loops where hooks do not work.

        Args:
            output: of the model.
            inputs: what `logits` takes besides, if it takes two arguments.

        Returns:
            The value, or None if none was queued: paused, another step's turn, an empty batch, or not finite.

        Raises:
            ValueError: the signal needs several samples, which one output does not have.
        """
        if not self._due():
            return None
        if self.signal != "expected_entropy":
            raise ValueError(f"{self.signal} needs several samples of one input, but observe() gets one: {_REMEDIES}")
        with _computing():
            return self._observe(self._logits(output, inputs), None, True)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Within this block, nothing is observed."""
        self._paused += 1
        try:
            yield
        finally:
            self._paused -= 1

    def remove(self) -> None:
        """Take all hooks off the model and the scheduler; what was observed stays."""
        self._end_pass()
        for handle in self._handles:
            handle.remove()
        self._handles = []
        for each in self.schedulers:
            if each.reduce == self._processes.add_up:
                each.reduce = None
        if self._inner is not None and monitor_of(self._inner) is self:
            del _monitors[self._inner]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()

    def _attach(self, model: nn.Module) -> None:
        assert self._inner is not None
        if self._inner._compiled_call_impl is not None or model._compiled_call_impl is not None:
            raise ValueError(
                f"{type(self._inner).__name__}.compile() also compiles a module's hooks, so they see nothing: use "
                "compiled = torch.compile(model) and give the monitor that, or UncertaintyMonitor(None, scheduler) and "
                "observe(output)"
            )
        if self.passes and is_sharded(self._inner):
            raise ValueError(
                f"passes={self.passes} is not possible for a sharded model, whose passes must be the same everywhere"
            )
        if earlier := monitor_of(self._inner):
            earlier.remove()
        _monitors[self._inner] = ref(self)
        self._handles = [model.register_forward_pre_hook(Hook(self._before), with_kwargs=True)]

    def _due(self) -> bool:
        return not self._paused and self.scheduler.last_epoch % self.observe_every == 0

    def _before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if module is not self._model:  # a shallow copy shares its hooks, such as a replica of DataParallel
            return
        if self._pass is not None and _is_running(self._pass.frame):  # the model calls itself: the outer output counts
            self._pass.inner_calls += 1
            return
        self._end_pass()  # what an interrupted pass may have left
        if self._paused or _is_recomputation() or torch._C._is_tracing():
            return
        if not (module.training and torch.is_grad_enabled()):
            self._note_other_pass(module)
            return
        self.training_passes += 1
        self._other_steps.clear()
        if not self._due():
            return
        several = self.signal != "expected_entropy"
        # The hook is placed now, so that it is the last one and sees what the loop will see.
        hook = module.register_forward_hook(Hook(self._after), with_kwargs=True, always_call=True)
        kept = tree_map(_copied, (args, kwargs)) if self.passes else None
        recorder = None if self.passes else PassRecorder(module, self._head, several)
        self._pass = _Pass(recorder, hook, kept, sys.exception(), sys._getframe(2))

    def _after(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        current = self._pass
        if current is None:
            return
        if current.inner_calls:
            current.inner_calls -= 1
            return
        if sys.exception() is not current.handled:  # the pass has failed
            # The hook that is running may not be removed here: torch is iterating over the hooks.
            if current.recorder:
                current.recorder.remove()
            current.frame = None  # it would keep the loop's variables alive
            return
        try:
            head, nothing_random = current.recorder.finish() if current.recorder else (None, False)
            with _computing():
                logits = self._logits(output, inputs_of(args, kwargs))
                if self.passes:
                    assert current.inputs is not None
                    self._observe_passes(*current.inputs, logits)
                else:
                    value = self._observe(logits, head, self.signal == "expected_entropy" or nothing_random)
                    if value is not None and self.way == "logits":
                        self._warn_of_lost_head()
        finally:
            self._end_pass()

    def _end_pass(self) -> None:
        current, self._pass = self._pass, None
        if current:
            if current.recorder:
                current.recorder.remove()
            current.hook.remove()

    def _logits(self, output: Any, inputs: Any) -> Tensor:
        """Logits [N, C] of an output, plain and detached."""
        if self._user_logits is not None:
            logits = check_logits(self._user_logits(output, inputs))
        else:
            if self._inner is not None:
                refuse_other_problems(self._inner)
            logits = find_logits(output)
            if not self._warned_of_one_logit:
                self._warned_of_one_logit = True
                warn_of_one_logit(self._inner, logits)
        if made_by_sigmoid(logits):
            refuse_probabilities()
        return _plain(logits)

    def _observe(self, logits: Tensor, head: Head | None, one_is_enough: bool) -> float | None:
        if not logits.numel():
            return None
        numbers = [mean_of_samples(self.signal, [logits]), looks_like_probabilities(logits)]
        if head is not None and can_be_head_of(head, logits) and head.alone is not False:
            resampled = mean_of_head(self.signal, head, logits, self.num_samples, self._generator(logits.device))
            numbers += [resampled.mean, resampled.verified]
        # One transfer for the value and all checks.
        own, probabilities, *from_head = torch.stack([number.float() for number in numbers]).tolist()
        if probabilities:
            refuse_probabilities()
        in_use = from_head[0] if from_head and from_head[1] else own
        if not (math.isfinite(own) and math.isfinite(in_use)):  # a mask of ours may overflow where the pass's own did not
            self._skip("the logits are not finite")
            return None
        if from_head and from_head[1]:
            assert head is not None
            self._head_in_use = f"{head.dropout} and {head.linear}"
            return self._queue(from_head[0], "head", len(logits))
        if not one_is_enough:
            self._refuse_one_sample()
            return None
        return self._queue(own, "logits", len(logits))

    def _observe_passes(self, args: tuple[Any, ...], kwargs: dict[str, Any], logits: Tensor) -> None:
        assert self._inner is not None
        samples = []
        self._paused += 1
        try:
            with borrowed_streams(self._next_seed("passes")):
                for _ in range(self.passes):
                    given_args, given_kwargs = tree_map(_copied, (args, kwargs))
                    # The backward pass of the training may still need the model's own buffers as they are.
                    buffers = {name: buffer.clone() for name, buffer in self._inner.named_buffers()}
                    output = functional_call(self._inner, buffers, given_args, given_kwargs)
                    samples.append(self._logits(output, inputs_of(given_args, given_kwargs)))
        finally:
            self._paused -= 1
        if not logits.numel():
            return
        numbers = [mean_of_samples(self.signal, samples), looks_like_probabilities(logits), logits.isfinite().all()]
        value, probabilities, finite = torch.stack([number.float() for number in numbers]).tolist()
        if probabilities:
            refuse_probabilities()
        if finite and math.isfinite(value):
            self._queue(value, "passes", len(logits))
        else:
            self._skip("the logits are not finite")

    def _queue(self, value: float, way: str, examples: int) -> float:
        self._skipped_in_a_row = 0
        for each in self.schedulers:
            each.observe(value, examples)
        self.history.append(Observation(self.scheduler.last_epoch, value, way, examples))
        return value

    def _skip(self, reason: str) -> None:
        self.skipped += 1
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row >= SKIPS_UNTIL_ERROR:
            raise RuntimeError(f"{SKIPS_UNTIL_ERROR} observations in a row were skipped: {reason}")

    def _refuse_one_sample(self) -> None:
        reason = (
            f"{self.signal} needs several samples of one input, but this pass shows no dropout and dense layer at its end "
            f"that hold all its randomness: {_REMEDIES}"
        )
        if not self.history:
            raise ValueError(reason)
        self._skip(reason)

    def _warn_of_lost_head(self) -> None:
        if self._head_in_use and not self._warned_of_lost_head:
            self._warned_of_lost_head = True
            same_mean = "the same mean, with a higher variance"
            why = same_mean if self.signal == "expected_entropy" else "exact where a pass draws no random number"
            warnings.warn(
                f"{self._head_in_use} no longer give the model's logits, so {self.signal} now comes from the pass's own "
                f"logits: {why}",
                UserWarning,
                stacklevel=2,
            )

    def _note_other_pass(self, module: nn.Module) -> None:
        if self._warned_of_no_training:
            return
        self._other_steps.add(self.scheduler.last_epoch)
        if len(self._other_steps) == STEPS_UNTIL_WARNING:
            self._warned_of_no_training = True
            how = "with gradients off" if module.training else "in evaluation mode"
            warnings.warn(
                f"{type(self._inner).__name__} was called {how} in {STEPS_UNTIL_WARNING} steps of the scheduler and in no "
                "training pass, so nothing was observed: call model.train() before the training passes, also after each "
                "validation, and make them outside of torch.no_grad()",
                UserWarning,
                stacklevel=2,
            )

    def _generator(self, device: torch.device) -> torch.Generator:
        return torch.Generator(device).manual_seed(self._next_seed("masks"))

    def _next_seed(self, purpose: str) -> int:
        """A function of what a checkpoint restores, so that a resumed training draws what the whole one drew."""
        step, count = self._drawn
        count = count + 1 if step == self.scheduler.last_epoch else 0
        self._drawn = (self.scheduler.last_epoch, count)
        return derive_seed(self.seed, self.scheduler.last_epoch, f"{purpose} {count} of process {self._processes.rank}")


def monitor_of(model: nn.Module) -> UncertaintyMonitor | None:
    """The monitor of an unwrapped model, if there is one."""
    known = _monitors.get(model)
    return known() if known else None


_REMEDIES = (
    'choose signal="expected_entropy", which one pass gives for any model; or passes=8, which runs the forward pass 8 more '
    "times; or leave only one torch.nn.Dropout in the model, right before its last torch.nn.Linear"
)


@dataclass
class _Pass:
    """A training pass that is being observed."""

    recorder: PassRecorder | None
    hook: RemovableHandle
    inputs: tuple[tuple[Any, ...], dict[str, Any]] | None
    handled: BaseException | None  # by the loop's own code, when the pass began
    frame: FrameType | None  # of the call of the model; None once it has failed
    inner_calls: int = 0  # of the model by itself, that have not returned


def _refuse_mistaken(model: object) -> None:
    if model is not None and not isinstance(model, nn.Module):
        raise TypeError(f"UncertaintyMonitor(model, scheduler) needs a torch.nn.Module first, got a {type(model).__name__}")


def _all_schedulers(given: UncertaintyLR | Sequence[UncertaintyLR]) -> tuple[UncertaintyLR, ...]:
    schedulers = tuple(given) if isinstance(given, list | tuple) else (given,)
    for each in schedulers:
        if not isinstance(each, UncertaintyLR):
            raise TypeError(
                f"UncertaintyMonitor(model, scheduler) needs an UncertaintyLR second, or several in a list, got a "
                f"{type(each).__name__}; one inside another scheduler is found by uncertlr.integrations.find_scheduler"
            )
    if not schedulers or len(set(map(id, schedulers))) < len(schedulers):
        raise ValueError(f"scheduler={given!r} must hold at least one UncertaintyLR, and each once")
    return schedulers


def _refuse_out_of_range(signal: str, num_samples: int, passes: int, observe_every: int) -> None:
    if signal not in SIGNALS:
        raise ValueError(f"unknown signal {signal!r}; choose one of {', '.join(SIGNALS)}")
    if num_samples < 1:
        raise ValueError(f"num_samples={num_samples} must be at least 1")
    if passes != 0 and passes < 2:
        raise ValueError(f"passes={passes} must be 0 or at least 2")
    if observe_every < 1:
        raise ValueError(f"observe_every={observe_every} must be at least 1")


def _named_module(model: nn.Module | None, head: nn.Module | str | None) -> nn.Module | None:
    if not isinstance(head, str):
        return head
    if model is None:
        raise ValueError(f"head={head!r} names a module, but there is no model")
    return model.get_submodule(head)


def _is_running(frame: FrameType | None) -> bool:
    """Whether a function that has called this one directly or not is still running in this thread."""
    each: FrameType | None = sys._getframe()
    while each is not None and each is not frame:
        each = each.f_back
    return each is not None


def _is_recomputation() -> bool:
    """Whether a pass is made again in a backward pass, by checkpointing that has made it with gradients before."""
    if torch._C._current_graph_task_id() == -1:
        return False
    node = torch._C._current_autograd_node()
    # Reentrant checkpointing makes the first pass without gradients, so that the second one is the one to observe.
    return not (node is not None and "CheckpointFunction" in node.name())


def _plain(logits: Tensor) -> Tensor:
    """Logits [N, C] without gradients and without the wrappers of `torch.func`; mapped dimensions are rows too."""
    functorch = torch._C._functorch
    mapped: list[int] = []
    while functorch.is_functorch_wrapped_tensor(logits):
        mapped = [functorch.maybe_get_bdim(logits), *mapped]
        logits = functorch.get_unwrapped(logits)
    with temporarily_clear_interpreter_stack():  # within torch.func.grad, any operation would wrap its result again
        for index, dimension in enumerate(each for each in mapped if each >= 0):
            logits = logits.movedim(dimension + index, index)
        return logits.detach().reshape(-1, logits.shape[-1])


def _copied(value: Any) -> Any:
    """A copy of what `torch.utils._pytree` takes for a leaf: tensors, and mappings such as a tokenizer's batch."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, MutableMapping):
        copied = copy.copy(value)
        copied.update({key: tree_map(_copied, each) for key, each in value.items()})
        return copied
    return value


@contextmanager
def _computing() -> Iterator[None]:
    """No gradients, and the number formats that are written, whatever the loop has set."""
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for device in ("cpu", "cuda", "mps", "xpu"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield
