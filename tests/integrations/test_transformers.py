import pytest
import torch
from torch.optim.lr_scheduler import StepLR

from uncertlr.schedulers import PowerLaw, Threshold, UncertaintyLR

transformers = pytest.importorskip("transformers", reason="the transformers extra is not installed")
pytest.importorskip("accelerate", reason="the transformers extra is not installed")

from uncertlr.integrations.transformers import UncertaintyLRCallback  # noqa: E402


def classifier(trunk_dropout=0.0):
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
        hidden_dropout_prob=trunk_dropout,
        attention_probs_dropout_prob=trunk_dropout,
        classifier_dropout=0.5,
        num_labels=3,
    )
    return transformers.BertForSequenceClassification(config)


def reviews():
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(3, 40, (64, 9), generator=draw)
    return [{"input_ids": row, "labels": int(row[0]) % 3} for row in tokens]


def trainer(tmp_path, *callbacks, model=None, scheduler=UncertaintyLR, **options):
    model = model or classifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    given = scheduler(optimizer, Threshold(threshold=0.9) if scheduler is UncertaintyLR else 5)
    settings = {"num_train_epochs": 2, "save_strategy": "no", "logging_steps": 1, **options}
    args = transformers.TrainingArguments(
        output_dir=tmp_path,
        per_device_train_batch_size=8,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        seed=1,
        **settings,
    )
    return transformers.Trainer(
        model=model, args=args, train_dataset=reviews(), optimizers=(optimizer, given), callbacks=list(callbacks)
    )


def rows(history):
    names = ("step", "loss", "learning_rate", "uncertainty")
    return [{name: row[name] for name in names} for row in history if "loss" in row]


def test_every_step_is_observed_and_logged(tmp_path):
    callback = UncertaintyLRCallback()
    training = trainer(tmp_path, callback)
    training.train()
    logged = rows(training.state.log_history)
    assert [row["step"] for row in logged] == list(range(1, 17))
    assert len(callback.monitor.history) == 16
    factor = 1.0
    for row in logged:
        assert row["learning_rate"] == pytest.approx(1e-3 * factor)
        factor = min(10.0, max(0.01, factor * (0.5 if row["uncertainty"] > 0.9 else 1.1)))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in training.model.modules())


def test_resume_is_bit_for_bit(tmp_path):
    whole = trainer(tmp_path / "whole", UncertaintyLRCallback())
    whole.train()

    class Stop(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_training_stop = state.global_step == 5
            return control

    options = {"save_strategy": "steps", "save_steps": 5}
    trainer(tmp_path / "part", UncertaintyLRCallback(), Stop(), **options).train()
    rest = trainer(tmp_path / "part", UncertaintyLRCallback(), **options)
    rest.train(resume_from_checkpoint=True)
    assert rows(rest.state.log_history) == rows(whole.state.log_history)
    pairs = zip(whole.model.parameters(), rest.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_accumulation_makes_one_decision_a_step(tmp_path):
    callback = UncertaintyLRCallback()
    training = trainer(tmp_path, callback, gradient_accumulation_steps=4)
    training.train()
    assert len(callback.monitor.history) == 16
    assert callback.monitor.scheduler.last_epoch == 4
    assert rows(training.state.log_history)[1]["learning_rate"] in (5e-4, pytest.approx(1.1e-3))


def test_dropout_in_every_layer_is_left_as_it_is(tmp_path):
    callback = UncertaintyLRCallback(observe_every=8)
    trainer(tmp_path, callback, model=classifier(trunk_dropout=0.1)).train()
    assert len(callback.monitor.history) == 2
    assert all(0 < observation.value <= 1 for observation in callback.monitor.history)


def test_a_trainer_without_our_scheduler_is_refused(tmp_path):
    with pytest.raises(ValueError, match="0 .*StepLR"):
        trainer(tmp_path, UncertaintyLRCallback(), scheduler=StepLR).train()


def test_a_submodule_that_is_never_called_is_named(tmp_path):
    class Unused(transformers.BertForSequenceClassification):
        pass

    model = classifier()
    model.spare = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(16, 3))
    with pytest.raises(RuntimeError, match="'spare'"):
        trainer(tmp_path, UncertaintyLRCallback(module="spare"), model=model).train()


@pytest.mark.parametrize("ours_first", [True, False])
def test_the_value_reaches_tensorboard_whatever_the_order_of_callbacks(tmp_path, ours_first):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="needs TensorBoard")
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    board, callback = TensorBoardCallback(SummaryWriter(str(tmp_path / "board"))), UncertaintyLRCallback()
    training = trainer(tmp_path, *((callback, board) if ours_first else (board, callback)))
    training.train()
    board.tb_writer.close() if board.tb_writer else None
    written = events.EventAccumulator(str(tmp_path / "board"))
    written.Reload()
    (tag,) = (tag for tag in written.Tags()["scalars"] if "uncertainty" in tag)
    logged = [row["uncertainty"] for row in training.state.log_history if "loss" in row]
    assert [event.value for event in written.Scalars(tag)] == pytest.approx(logged, rel=1e-6)


def test_a_new_trainer_on_the_same_model_after_an_interruption(tmp_path):
    class Interrupt(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 5:
                raise RuntimeError("interrupted")

    model, first, second = classifier(), UncertaintyLRCallback(), UncertaintyLRCallback()
    with pytest.raises(RuntimeError, match="interrupted"):
        trainer(tmp_path, first, Interrupt(), model=model, save_strategy="steps", save_steps=4).train()
    again = trainer(tmp_path, second, model=model)
    again.train(resume_from_checkpoint=True)
    assert (len(first.monitor.history), len(second.monitor.history)) == (5, 12)
    assert second.monitor.history[0].step == 4
    assert second.monitor.scheduler.last_epoch == 16
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_under_accelerate_a_step_decides_on_all_its_micro_batches():
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    from uncertlr.integrations import UncertaintyMonitor, find_scheduler

    AcceleratorState._reset_state(reset_partial_state=True)
    model = classifier()
    model.classifier.weight.data *= 50  # so that the values of the micro-batches differ
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = UncertaintyLR(optimizer, PowerLaw(exponent=1.0, smoothing=0.0))
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=3)
    model, optimizer, stepped = accelerator.prepare(model, optimizer, scheduler)
    monitor = UncertaintyMonitor(None, find_scheduler(stepped))
    inputs = torch.stack([row["input_ids"] for row in reviews()])
    try:
        for sizes in ((8, 5, 2), (1, 8, 4)):
            seen = []
            for size in sizes:
                with accelerator.accumulate(model):
                    output = model(input_ids=inputs[:size], labels=inputs[:size, 0] % 3)
                    seen.append((monitor.observe(output), size))
                    accelerator.backward(output.loss)
                    optimizer.step()
                    stepped.step()
                    optimizer.zero_grad()
            assert max(seen)[0] - min(seen)[0] > 0.01
            mean = sum(value * size for value, size in seen) / sum(sizes)
            assert scheduler.get_last_lr() == pytest.approx([1e-3 * mean])
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
    assert scheduler.last_epoch == 2
    assert [observation.step for observation in monitor.history] == [0, 0, 0, 1, 1, 1]


class Both(torch.optim.Optimizer):
    """Two optimizers as the one that a trainer takes."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers
        super().__init__([group for each in optimizers for group in each.param_groups], {})

    def step(self, closure=None):
        for each in self.optimizers:
            each.step()


class BothSchedulers(torch.optim.lr_scheduler.LRScheduler):
    def __init__(self, *schedulers):
        self._schedulers = schedulers

    def step(self):
        for each in self._schedulers:
            each.step()

    def get_last_lr(self):
        return [rate for each in self._schedulers for rate in each.get_last_lr()]


def test_two_optimizers_share_one_monitor(tmp_path):
    model, callback = classifier(), UncertaintyLRCallback()
    body = torch.optim.AdamW(model.bert.parameters(), lr=1e-3)
    head = torch.optim.SGD(model.classifier.parameters(), lr=0.1)
    schedulers = UncertaintyLR(body, Threshold(threshold=0.9)), UncertaintyLR(head, PowerLaw(exponent=1.0, smoothing=0.0))
    training = trainer(tmp_path, callback, model=model)
    training.optimizer, training.lr_scheduler = Both(body, head), BothSchedulers(*schedulers)
    training.train()
    values = [observation.value for observation in callback.monitor.history]
    assert len(values) == 16
    factor = 1.0
    for value in values:
        factor = min(10.0, max(0.01, factor * (0.5 if value > 0.9 else 1.1)))
    assert body.param_groups[0]["lr"] == pytest.approx(1e-3 * factor)
    assert head.param_groups[0]["lr"] == pytest.approx(0.1 * values[-1])
