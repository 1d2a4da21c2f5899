"""A Lightning callback that observes a model's uncertainty for the trainer's `UncertaintyLR`."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info

from uncertlr.integrations.monitor import UncertaintyMonitor
from uncertlr.integrations.search import find_schedulers


class UncertaintyLRCallback(Callback):
    """Queue an observation for the trainer's `UncertaintyLR` at every training pass; log it and the rate.

    Where several optimizers have an `UncertaintyLR`, all of them receive it.

    The module's `configure_optimizers` gives the scheduler, alone or in a `SequentialLR`, with ``"interval": "step"`` for a
    decision at every step; Lightning's own default steps it once per epoch, which then decides on the epoch's mean.
    Lightning saves and restores the scheduler, and an observation depends on nothing else, so a resumed run goes on as the
    whole one.

    Args:
        module: name of the submodule that `training_step` calls, such as ``"net"``; empty where it calls ``self(inputs)``.
            It must be named where several processes train.
        **options: of `uncertlr.integrations.UncertaintyMonitor`.
    """

    def __init__(self, module: str = "", **options: Any) -> None:
        self.module, self.options = module, options
        self.monitor: UncertaintyMonitor | None = None
        self._rates: dict[str, float] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the schedulers and put the hooks on."""
        if trainer.world_size > 1 and not self.module:
            raise ValueError(
                f"{trainer.world_size} processes train: name the network that training_step calls, "
                'UncertaintyLRCallback(module="net"); Lightning then calls the LightningModule itself for other things'
            )
        schedulers = find_schedulers(*(config.scheduler for config in trainer.lr_scheduler_configs))
        if pl_module.automatic_optimization and any(config.interval == "epoch" for config in trainer.lr_scheduler_configs):
            rank_zero_info(
                "UncertaintyLR is stepped once per epoch, so its rule decides once per epoch, on the mean signal; "
                'for a decision at every step give {"scheduler": scheduler, "interval": "step"} in configure_optimizers'
            )
        self.monitor = UncertaintyMonitor(pl_module.get_submodule(self.module), schedulers, **self.options)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Keep the rates that this batch is trained with."""
        schedulers = self.monitor.schedulers if self.monitor else ()
        for index, scheduler in enumerate(schedulers):
            name = f"learning_rate_{index}" if index else "learning_rate"
            self._rates[name] = float(scheduler.optimizer.param_groups[0]["lr"])

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        """Log the batch's ``uncertainty`` and ``learning_rate``, that of the first parameter group.

        Other optimizers' rates are ``learning_rate_1`` and so on.
        """
        monitor = self.monitor
        if monitor is None or not monitor.training_passes:
            raise RuntimeError(
                f"training_step did not call {self.module or type(pl_module).__name__!r} in training mode, so nothing "
                'was observed; name the network it calls: UncertaintyLRCallback(module="net")'
            )
        pl_module.log_dict(self._rates)
        if monitor.history:
            pl_module.log("uncertainty", monitor.value)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the hooks off."""
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Take the hooks off after an error too."""
        self._close()

    def _close(self) -> None:
        if self.monitor:
            self.monitor.remove()
