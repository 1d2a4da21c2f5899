"""Notice that a model is called and never read: in evaluation mode, or with gradients off."""

import warnings

from torch import nn

from uncertlr.schedulers import UncertaintyLR
from uncertlr.schedulers.uncertainty_lr import STEPS_UNTIL_WARNING


class Silence:
    """The scheduler's steps in which a model was called, but in no training pass."""

    def __init__(self) -> None:
        self._steps: set[int] = set()
        self._told = False

    def note(self, model: nn.Module, scheduler: UncertaintyLR, training: bool) -> None:
        """Count a pass.

        Args:
            model: that is listened to.
            scheduler: that wants to hear it.
            training: whether the pass is one that is read.

        Warns:
            UserWarning: once, when 100 steps have gone by without a training pass.
        """
        if training:
            self._steps.clear()
        elif not self._told:
            self._steps.add(scheduler.last_epoch)
            if len(self._steps) == STEPS_UNTIL_WARNING:
                self._told = True
                scheduler._unobserved_steps = None  # it would say the same, and could not say why
                _warn(model)


def _warn(model: nn.Module) -> None:
    how = "with gradients off" if model.training else "in evaluation mode"
    warnings.warn(
        f"{type(model).__name__} was called {how} in {STEPS_UNTIL_WARNING} steps of the scheduler and in no training pass, "
        "so nothing was read or decided: call model.train() before the training passes, also after each validation, and "
        "make them outside of torch.no_grad()",
        UserWarning,
        stacklevel=2,
    )
