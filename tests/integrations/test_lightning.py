import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR, SequentialLR, StepLR
from torch.utils.data import DataLoader, TensorDataset

from uncertlr.schedulers import PowerLaw, Threshold, UncertaintyLR

pl = pytest.importorskip("lightning.pytorch", reason="the lightning extra is not installed")

from uncertlr.integrations.lightning import UncertaintyLRCallback  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*exists and is not empty"),
    pytest.mark.filterwarnings("ignore:.*number of training batches"),
    pytest.mark.filterwarnings("ignore:The dirpath has changed"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec"),
]


class Classifier(pl.LightningModule):
    def __init__(self, interval="step", warm_up=0, calls_itself=True):
        super().__init__()
        self.interval, self.warm_up, self.calls_itself = interval, warm_up, calls_itself
        self.net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
        self.rates, self.logged = [], []

    def forward(self, inputs):
        return self.net(inputs)

    def on_train_batch_start(self, batch, index):
        torch.manual_seed(self.global_step)  # Lightning does not save the global random stream

    def training_step(self, batch, index):
        inputs, targets = batch
        logits = self(inputs) if self.calls_itself else self.net(inputs)
        return nn.functional.cross_entropy(logits, targets)

    def test_step(self, batch, index):
        self(batch[0])

    def on_train_batch_end(self, *rest):
        self.rates.append(self.optimizers().param_groups[0]["lr"])

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
        scheduler = UncertaintyLR(optimizer, Threshold(threshold=0.9))
        if self.warm_up:
            warm = LinearLR(optimizer, start_factor=0.1, total_iters=self.warm_up)
            scheduler = SequentialLR(optimizer, [warm, scheduler], milestones=[self.warm_up])
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": self.interval}}


def loader():
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 6, generator=draw)
    return DataLoader(TensorDataset(inputs, inputs[:, :3].argmax(1)), batch_size=8)


class Recorder(pl.Callback):
    """What the trainer's loggers are given at every step."""

    def __init__(self):
        self.rows = []

    def on_train_batch_end(self, trainer, module, *rest):
        self.rows.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def trainer(tmp_path, callback, *others, **options):
    settings = {"max_epochs": 3, "enable_progress_bar": False, "enable_model_summary": False, "logger": False, **options}
    return pl.Trainer(default_root_dir=tmp_path, accelerator="cpu", callbacks=[callback, *others], **settings)


def test_every_step_is_observed_and_logged(tmp_path, monkeypatch):
    monkeypatch.setattr("uncertlr.integrations.lightning.rank_zero_info", lambda message: pytest.fail(message))
    model, recorder = Classifier(), Recorder()
    callback = UncertaintyLRCallback(num_samples=16)
    training = trainer(tmp_path, callback, recorder)
    training.fit(model, loader())
    training.test(model, loader())
    assert len(callback.monitor.history) == callback.monitor.training_passes == 24, "passes of other stages do not count"
    factor, rates = 1.0, []
    for row in recorder.rows:
        rates.append(0.01 * factor)
        assert row["learning_rate"] == pytest.approx(rates[-1])
        factor = min(10.0, max(0.01, factor * (0.5 if row["uncertainty"] > 0.9 else 1.1)))
    assert len({row["uncertainty"] for row in recorder.rows}) == 24
    assert model.rates == pytest.approx([*rates[1:], 0.01 * factor]), "the step after an observation has its rate"
    assert not model._forward_hooks
    assert not model._forward_pre_hooks


def test_resume_is_bit_for_bit(tmp_path):
    whole, rows = Classifier(), Recorder()

    def keep():
        return pl.callbacks.ModelCheckpoint(tmp_path, "{epoch}", every_n_epochs=1, save_top_k=-1)

    trainer(tmp_path, UncertaintyLRCallback(), rows, keep()).fit(whole, loader())
    rest, rest_rows = Classifier(), Recorder()
    again = trainer(tmp_path, UncertaintyLRCallback(), rest_rows, keep())
    again.fit(rest, loader(), ckpt_path=tmp_path / "epoch=0.ckpt")
    assert rest_rows.rows == rows.rows[8:]
    assert rest.rates == whole.rates[8:]
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), rest.parameters(), strict=True))


def test_once_an_epoch_decides_on_the_epochs_mean(tmp_path, monkeypatch):
    recorder, notes = Recorder(), []
    monkeypatch.setattr("uncertlr.integrations.lightning.rank_zero_info", notes.append)
    trainer(tmp_path, UncertaintyLRCallback(), recorder).fit(Classifier(interval="epoch"), loader())
    assert len(notes) == 1
    assert '"interval": "step"' in notes[0]
    rates = [row["learning_rate"] for row in recorder.rows]
    factors, factor = [1.0], 1.0
    for start in (0, 8):
        mean = sum(row["uncertainty"] for row in recorder.rows[start : start + 8]) / 8
        factor *= 0.5 if mean > 0.9 else 1.1
        factors.append(factor)
    assert rates == pytest.approx([0.01 * each for each in factors for _ in range(8)])


def test_accumulation_and_warm_up(tmp_path):
    model = Classifier(warm_up=2)
    trainer(tmp_path, UncertaintyLRCallback(), accumulate_grad_batches=4, max_epochs=2).fit(model, loader())
    assert model.rates[:8] == pytest.approx([0.001] * 3 + [0.0055] * 4 + [0.01])
    assert model.rates[-1] in (pytest.approx(0.01 * first * second) for first in (0.5, 1.1) for second in (0.5, 1.1))


def test_a_named_submodule(tmp_path):
    model = Classifier(calls_itself=False)
    with pytest.raises(RuntimeError, match=r"'Classifier'.*module=\"net\""):
        trainer(tmp_path, UncertaintyLRCallback()).fit(model, loader())
    assert not model._forward_hooks
    callback = UncertaintyLRCallback(module="net")
    trainer(tmp_path, callback).fit(Classifier(calls_itself=False), loader())
    assert len(callback.monitor.history) == 24


def test_a_trainer_without_our_scheduler_is_refused(tmp_path):
    class Other(Classifier):
        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
            return [optimizer], [StepLR(optimizer, 5)]

    with pytest.raises(ValueError, match="0 .*StepLR"):
        trainer(tmp_path, UncertaintyLRCallback()).fit(Other(), loader())


def test_mixed_precision(tmp_path):
    callback = UncertaintyLRCallback()
    trainer(tmp_path, callback, precision="bf16-mixed", max_epochs=1).fit(Classifier(), loader())
    assert len(callback.monitor.history) == 8


@pytest.mark.parametrize("ours_first", [True, False])
def test_the_value_reaches_tensorboard_whatever_the_order_of_callbacks(tmp_path, ours_first):
    callback, other = UncertaintyLRCallback(), Recorder()
    callbacks = (callback, other) if ours_first else (other, callback)
    logger = pl.loggers.TensorBoardLogger(tmp_path)
    options = {"logger": logger, "log_every_n_steps": 1, "max_epochs": 1}
    trainer(tmp_path, *callbacks, **options).fit(Classifier(), loader())
    logger.finalize("success")
    written = scalars(logger.log_dir, "uncertainty")
    assert written == pytest.approx([observation.value for observation in callback.monitor.history], rel=1e-6)


def scalars(folder, name):
    """What a run's TensorBoard files hold under a name."""
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="needs TensorBoard")
    found = events.EventAccumulator(str(folder))
    found.Reload()
    return [event.value for event in found.Scalars(name)]


def test_a_new_trainer_on_the_same_model_after_an_interruption(tmp_path):
    class Interrupt(pl.Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, index):
            if trainer.global_step == 5:
                raise RuntimeError("interrupted")

    model, first, second = Classifier(), UncertaintyLRCallback(), UncertaintyLRCallback()
    with pytest.raises(RuntimeError, match="interrupted"):
        trainer(tmp_path, first, Interrupt()).fit(model, loader())
    trainer(tmp_path, second, max_epochs=1).fit(model, loader())
    assert (len(first.monitor.history), len(second.monitor.history)) == (5, 8)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


class TwoOptimizers(Classifier):
    """A second network with an optimizer and a scheduler of its own, which the monitor must leave alone."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.other = nn.Linear(6, 3)

    def training_step(self, batch, index):
        inputs, targets = batch
        for network, optimizer, scheduler in zip((self.other, self), self.optimizers(), self.lr_schedulers(), strict=True):
            loss = nn.functional.cross_entropy(network(inputs), targets)
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            scheduler.step()

    def on_train_batch_end(self, *rest):
        self.rates.append([optimizer.param_groups[0]["lr"] for optimizer in self.optimizers()])

    def configure_optimizers(self):
        other = torch.optim.SGD(self.other.parameters(), lr=0.5)
        ours = torch.optim.Adam(self.net.parameters(), lr=0.01)
        return [other, ours], [StepLR(other, 4), UncertaintyLR(ours, Threshold(threshold=0.9))]


def test_one_monitor_among_several_optimizers_and_schedulers(tmp_path):
    model, callback, recorder = TwoOptimizers(), UncertaintyLRCallback(module="net"), Recorder()
    trainer(tmp_path, callback, recorder, max_epochs=1).fit(model, loader())
    assert [other for other, _ in model.rates] == pytest.approx([0.5] * 3 + [0.05] * 4 + [0.005])
    assert len(callback.monitor.history) == 8
    factor = 1.0
    for row, (_, ours) in zip(recorder.rows, model.rates, strict=True):
        assert row["learning_rate"] == pytest.approx(0.01 * factor), "the rate of the optimizer that the monitor serves"
        factor = min(10.0, max(0.01, factor * (0.5 if row["uncertainty"] > 0.9 else 1.1)))
        assert ours == pytest.approx(0.01 * factor)


class TwoOfOurs(TwoOptimizers):
    def configure_optimizers(self):
        optimizers, (_, ours) = super().configure_optimizers()
        return optimizers, [UncertaintyLR(optimizers[0], PowerLaw(exponent=1.0, smoothing=0.0)), ours]


def test_two_schedulers_of_ours_share_one_monitor_and_resume(tmp_path):
    def run(**options):
        model, callback, recorder = TwoOfOurs(), UncertaintyLRCallback(module="net"), Recorder()
        keep = pl.callbacks.ModelCheckpoint(tmp_path, "{epoch}", every_n_epochs=1, save_top_k=-1)
        trainer(tmp_path, callback, recorder, keep, max_epochs=2).fit(model, loader(), **options)
        return model, callback, recorder.rows

    model, callback, rows = run()
    assert len(callback.monitor.history) == 16
    factor = previous = 1.0
    for row, (other, ours) in zip(rows, model.rates, strict=True):
        assert row["learning_rate_1"] == pytest.approx(0.01 * factor)
        factor = min(10.0, max(0.01, factor * (0.5 if row["uncertainty"] > 0.9 else 1.1)))
        assert ours == pytest.approx(0.01 * factor)
        assert other == pytest.approx(0.5 * previous), "its step comes before the pass that is observed"
        previous = row["uncertainty"]
    again, callback, rest = run(ckpt_path=next(tmp_path.glob("epoch=0*.ckpt")))
    assert len(callback.monitor.history) == 8
    assert (rest, again.rates) == (rows[8:], model.rates[8:])
