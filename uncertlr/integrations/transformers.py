"""A Hugging Face `Trainer` callback that observes a model's uncertainty for the trainer's `UncertaintyLR`."""

import sys
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from uncertlr.integrations.monitor import UncertaintyMonitor
from uncertlr.integrations.search import find_schedulers


class UncertaintyLRCallback(TrainerCallback):
    """Queue an observation for the trainer's `UncertaintyLR` at every training pass, and add the last one to its logs.

    Give the trainer the scheduler: ``Trainer(..., optimizers=(optimizer, scheduler), callbacks=[UncertaintyLRCallback()])``.
    The rate is in the trainer's logs already, as ``learning_rate``. The trainer saves and restores the scheduler, and an
    observation depends on nothing else, so a resumed run goes on as the whole one. A scheduler of several optimizers may
    hold an `UncertaintyLR` for each in a list ``_schedulers``, as torch's own do; each receives every observation.

    Args:
        module: name of the submodule to observe; empty for the model.
        **options: of `uncertlr.integrations.UncertaintyMonitor`.
    """

    def __init__(self, module: str = "", **options: Any) -> None:
        self.module, self.options = module, options
        self.monitor: UncertaintyMonitor | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        lr_scheduler: Any = None,
        **kwargs: Any,
    ) -> None:
        """Find the schedulers and put the hooks on."""
        assert model is not None
        self._close()  # an interrupted training had no end
        _call_first(self)
        self.monitor = UncertaintyMonitor(model.get_submodule(self.module), find_schedulers(lr_scheduler), **self.options)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Refuse to go on where the trainer never called the model that is observed."""
        if self.monitor and not self.monitor.training_passes:
            raise RuntimeError(
                f"the trainer did not call {self.module or 'the model'!r} in training mode, so nothing was observed; "
                'name what it calls: UncertaintyLRCallback(module="name of a submodule")'
            )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add ``uncertainty`` to the rows that hold the rate."""
        if self.monitor and self.monitor.history and logs is not None and "learning_rate" in logs:
            logs["uncertainty"] = state.log_history[-1]["uncertainty"] = self.monitor.value

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take the hooks off."""
        self._close()

    def _close(self) -> None:
        if self.monitor:
            self.monitor.remove()


def _call_first(callback: TrainerCallback) -> None:
    """Move a callback to the front of the list that the trainer is going through.

    The trainer puts its loggers before the user's callbacks and gives all the same row in turn, so what is added to the row
    reaches them only from the front. A callback does not receive its trainer; the handler that calls it has the list.
    """
    handler = sys._getframe(2).f_locals.get("self")
    callbacks = getattr(handler, "callbacks", None)
    if isinstance(callbacks, list) and callback in callbacks:
        callbacks.remove(callback)
        callbacks.insert(0, callback)  # those before it move back by one, so the trainer goes on with the next one
