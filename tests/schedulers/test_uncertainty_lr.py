"""`UncertaintyLR` as a scheduler of torch: rates, decisions, other schedulers, several processes."""

import copy
import math

import pytest
import torch
from torch.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR, LambdaLR, LinearLR, SequentialLR

from uncertlr.schedulers import Integral, Threshold, UncertaintyLR, cosine


def optimizer(rates=(0.1, 0.01), tensor=False):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": torch.tensor(r) if tensor else r} for r in rates]
    return torch.optim.SGD(groups)


def advance(scheduler, *values):
    for value in values:
        scheduler.observe(value)
    scheduler.optimizer.step()
    scheduler.step()
    return scheduler.get_last_lr()


def warm_up(step):
    return min(1.0, (step + 1) / 4)


class TestRates:
    @pytest.mark.parametrize("rule", [None, Threshold()])
    def test_with_nothing_observed_they_are_those_of_lambda_lr(self, rule):
        schedule = cosine(10)
        ours = UncertaintyLR(optimizer(), rule, schedule=schedule)
        theirs = LambdaLR(optimizer(), schedule)
        for _ in range(12):
            assert ours.get_last_lr() == theirs.get_last_lr()
            advance(ours)
            advance(theirs)

    def test_every_group_keeps_its_own_initial_rate(self):
        scheduler = UncertaintyLR(optimizer((0.1, 0.01)), Threshold())
        assert advance(scheduler, 0.9) == pytest.approx([0.05, 0.005])
        assert advance(scheduler, 0.1) == pytest.approx([0.055, 0.0055])

    def test_the_schedule_multiplies_the_factor(self):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold(), schedule=lambda step: 1 / (1 + step))
        assert advance(scheduler, 0.9) == pytest.approx([0.25])
        assert advance(scheduler, 0.9) == pytest.approx([0.25 / 3])

    def test_each_group_may_have_a_schedule_of_its_own(self):
        schedules = [lambda step: 1.0, lambda step: 1 / (1 + step)]
        ours = UncertaintyLR(optimizer(), None, schedule=schedules)
        theirs = LambdaLR(optimizer(), schedules)
        for _ in range(5):
            assert ours.get_last_lr() == theirs.get_last_lr()
            advance(ours)
            advance(theirs)

    @pytest.mark.parametrize("schedule", [[warm_up], [warm_up] * 3, [warm_up, 0.5], 0.5, ExponentialLR(optimizer(), 0.9)])
    def test_a_list_of_schedules_that_does_not_fit_the_groups_is_refused(self, schedule):
        with pytest.raises(ValueError, match="2"):
            UncertaintyLR(optimizer(), Threshold(), schedule=schedule)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1])
    def test_a_bad_value_of_a_schedule_is_named_with_its_step(self, bad):
        scheduler = UncertaintyLR(optimizer(), Threshold(), schedule=lambda step: bad if step == 2 else 1.0)
        advance(scheduler)
        scheduler.optimizer.step()
        with pytest.raises(ValueError, match=rf"step 2.*{bad}"):
            scheduler.step()
        with pytest.raises(ValueError, match=rf"schedule\[1\].*{bad}"):
            UncertaintyLR(optimizer(), Threshold(), schedule=[warm_up, lambda step: bad])

    @pytest.mark.parametrize("bad", [None, "0.5 of it", [0.5]])
    def test_what_is_no_number_is_named_with_its_step(self, bad):
        with pytest.raises(TypeError, match=r"step 0"):
            UncertaintyLR(optimizer(), Threshold(), schedule=lambda step: bad)

    def test_a_schedule_may_end_at_zero(self):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold(), schedule=cosine(2))
        advance(scheduler)
        assert advance(scheduler) == [0.0]

    @pytest.mark.parametrize("bad", [math.nan, -1.0])
    def test_a_bad_factor_of_a_rule_is_named(self, bad):
        class Broken(Threshold):
            def factor(self, state):
                return bad if state["factor"] < 1.0 else 1.0

        scheduler = UncertaintyLR(optimizer(), Broken())
        scheduler.observe(0.9)
        scheduler.optimizer.step()
        with pytest.raises(ValueError, match=f"{bad:g}"):
            scheduler.step()

    def test_get_lr_changes_nothing(self):
        scheduler = UncertaintyLR(optimizer(), Threshold(), schedule=cosine(20))
        advance(scheduler, 0.9)
        scheduler.observe(0.2)
        before, rates = copy.deepcopy(scheduler.state_dict()), scheduler.get_last_lr()
        assert scheduler.get_lr() == scheduler.get_lr() == rates
        assert scheduler.state_dict() == before
        assert [group["lr"] for group in scheduler.optimizer.param_groups] == rates

    def test_last_epoch_continues_the_schedule(self):
        opt, reference = optimizer(), optimizer()
        for group in [*opt.param_groups, *reference.param_groups]:
            group["initial_lr"] = group["lr"]
        ours = UncertaintyLR(opt, Threshold(), schedule=cosine(10), last_epoch=4)
        theirs = LambdaLR(reference, cosine(10), last_epoch=4)
        assert ours.last_epoch == theirs.last_epoch == 5
        assert ours.get_last_lr() == theirs.get_last_lr()

    def test_tensor_rates_are_written_in_place(self):
        opt = optimizer((0.5,), tensor=True)
        rate = opt.param_groups[0]["lr"]
        scheduler = UncertaintyLR(opt, Threshold())
        advance(scheduler, 0.9)
        assert opt.param_groups[0]["lr"] is rate
        assert float(rate) == pytest.approx(0.25)

    def test_a_rate_on_an_accelerator_is_never_fetched(self):
        """The device meta stands for one: a value cannot be fetched from it at all."""
        opt = optimizer((0.5,))
        opt.param_groups[0]["lr"] = torch.tensor(0.5, device="meta")
        scheduler = UncertaintyLR(opt, Threshold())
        for _ in range(3):
            scheduler.observe(0.9)
            scheduler.optimizer._opt_called = True  # an optimizer's step would need the value
            scheduler.step()
        assert scheduler.factor == 0.125

    def test_a_compiled_step_follows_a_tensor_rate_without_compiling_again(self):
        parameter = torch.nn.Parameter(torch.ones(3))
        opt = torch.optim.Adam([parameter], lr=torch.tensor(0.1), capturable=False)
        scheduler = UncertaintyLR(opt, Threshold())
        compilations = []

        def backend(graph, example_inputs):
            compilations.append(graph)
            return graph.forward

        compiled = torch.compile(opt.step, backend=backend, fullgraph=False)
        plain = torch.nn.Parameter(torch.ones(3))
        reference = torch.optim.Adam([plain], lr=torch.tensor(0.1), capturable=False)
        counts = []
        for value in (0.9, 0.1, 0.9, 0.9, 0.1):
            parameter.grad, plain.grad = torch.ones(3), torch.ones(3)
            reference.param_groups[0]["lr"].fill_(scheduler.get_last_lr()[0])
            compiled()
            reference.step()
            assert torch.allclose(parameter, plain)
            scheduler.observe(value)
            scheduler.step()
            counts.append(len(compilations))
        assert counts[-1] == counts[1], "a new rate must not be a new program"


class TestObservations:
    def test_several_make_one_decision_on_their_mean(self):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold(threshold=0.5))
        assert advance(scheduler, 0.1, 0.2, 0.9) == pytest.approx([1.1])  # mean 0.4, though the last is above

    def test_the_mean_is_weighted(self):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold(threshold=0.5))
        for value, weight in ((0.2, 64), (0.9, 64), (0.9, 16)):
            scheduler.observe(value, weight)
        assert scheduler.queued_weight == 144
        assert scheduler.queued_mean == pytest.approx((0.2 * 64 + 0.9 * 80) / 144)
        assert advance(scheduler) == [0.5]
        assert (scheduler.queued_mean, scheduler.queued_weight) == (0.0, 0.0)

    @pytest.mark.parametrize("value", [0.1, 1 / 3, 0.7, 1.0])
    @pytest.mark.parametrize("weight", [1, 3, 50, 0.1])
    def test_a_single_value_is_used_bit_for_bit(self, value, weight):
        seen = []

        class Recorder(Threshold):
            def update(self, state, signal):
                seen.append(signal)
                return super().update(state, signal)

        scheduler = UncertaintyLR(optimizer(), Recorder())
        scheduler.reduce = lambda total, weight: (total, weight)
        assert scheduler.observe(torch.tensor(value, dtype=torch.float64), weight) == value
        advance(scheduler)
        assert seen == [value]

    def test_a_mean_stays_in_range(self):
        scheduler = UncertaintyLR(optimizer(), Threshold())
        for weight in (0.1, 3, 7, 49, 1e-9):
            scheduler.observe(1.0, weight)
        assert scheduler.queued_mean == 1.0

    def test_steps_without_one_decide_nothing(self):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
        advance(scheduler, 0.9)
        for _ in range(5):
            assert advance(scheduler) == [0.5]

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1, 1.5])
    def test_a_refused_value_is_named_and_changes_nothing(self, bad):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
        advance(scheduler, 0.9)
        before = copy.deepcopy(scheduler.state_dict())
        with pytest.raises(ValueError, match=f"signal {bad}"):
            scheduler.observe(torch.tensor(bad))
        assert scheduler.state_dict() == before

    @pytest.mark.parametrize("bad", [0.0, -2.0, math.nan, math.inf])
    def test_a_refused_weight_is_named_and_changes_nothing(self, bad):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
        before = copy.deepcopy(scheduler.state_dict())
        with pytest.raises(ValueError, match=f"weight {bad:g}"):
            scheduler.observe(0.5, bad)
        assert scheduler.state_dict() == before

    def test_without_a_rule_any_finite_value_passes_and_counts_for_nothing(self):
        scheduler = UncertaintyLR(optimizer((1.0,)), None)
        assert advance(scheduler, 42.0) == [1.0]
        with pytest.raises(ValueError, match="nan"):
            scheduler.observe(math.nan)

    def test_a_step_that_amp_skips_keeps_its_value_for_the_next_decision(self):
        parameter = torch.nn.Parameter(torch.ones(1))
        opt = torch.optim.SGD([parameter], lr=1.0)
        scheduler = UncertaintyLR(opt, Threshold(threshold=0.5))
        scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
        rates = []
        for gradient, value in ((1.0, 0.9), (float("inf"), 0.1), (1.0, 0.2)):
            parameter.grad = torch.tensor([gradient]) * scaler.get_scale()
            scheduler.observe(value)
            before, scale = parameter.clone(), scaler.get_scale()
            scaler.scale(torch.zeros(1))  # the scaler wants to have scaled a loss
            scaler.step(opt)
            scaler.update()
            skipped = scaler.get_scale() < scale
            assert skipped == bool(torch.equal(parameter, before))
            if not skipped:
                scheduler.step()
            rates.append(scheduler.get_last_lr()[0])
        assert rates == pytest.approx([0.5, 0.5, 0.55]), "two values, 0.1 and 0.2, make one decision"

    @pytest.mark.parametrize("number", [0.7, 1, 0.0, False, torch.tensor(0.3)])
    def test_a_number_given_to_step_is_refused_and_nothing_lost(self, number):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
        scheduler.observe(0.98)
        scheduler.optimizer.step()
        with pytest.raises(TypeError, match=r"observe\(\)"):
            scheduler.step(number)
        assert scheduler.queued_mean == 0.98
        scheduler.step()
        assert scheduler.get_last_lr() == [0.5]

    @pytest.mark.parametrize(
        ("rule", "given"), [("threshold", "'threshold'"), (Threshold, "the class Threshold"), (0.5, "0.5")]
    )
    def test_what_is_no_rule_is_named(self, rule, given):
        with pytest.raises(TypeError, match=given):
            UncertaintyLR(optimizer(), rule)


class TestSeveralProcesses:
    def test_reduce_is_called_once_per_step_also_with_nothing_queued(self):
        calls = []
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
        scheduler.reduce = lambda total, weight: calls.append((total, weight)) or (total, weight)
        advance(scheduler)
        advance(scheduler, 0.25)
        scheduler.get_lr()
        for value, weight in ((0.5, 3), (1.0, 1)):
            scheduler.observe(value, weight)
        advance(scheduler)
        assert calls == [(0.0, 0.0), (0.25, 1.0), (pytest.approx(2.5), 4.0)]

    def test_all_processes_decide_on_the_mean_over_all(self):
        others = (0.9 * 48, 48.0)
        busy, idle = (UncertaintyLR(optimizer((1.0,)), Threshold(threshold=0.5)) for _ in range(2))
        busy.reduce = lambda total, weight: (total + others[0], weight + others[1])
        busy.observe(0.2, 16)
        idle.reduce = lambda total, weight: (total + 0.2 * 16 + others[0], weight + 16 + others[1])
        assert advance(busy) == advance(idle) == [0.5]  # mean 0.725, also where nothing was observed
        assert busy.state_dict() == idle.state_dict()

    def test_the_mean_over_all_processes_is_that_of_their_examples(self):
        scheduler = UncertaintyLR(optimizer((1.0,)), Integral(set_point=0.0, gain=1.0))
        scheduler.reduce = lambda total, weight: (total + 0.9 * 48, weight + 48)
        scheduler.observe(0.2, 16)
        scheduler.optimizer.step()
        scheduler.step()
        assert scheduler.factor == pytest.approx(math.exp(-(0.2 * 16 + 0.9 * 48) / 64))

    def test_where_no_process_observed_nothing_is_decided(self):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
        scheduler.reduce = lambda total, weight: (0.0, 0.0)
        before = dict(scheduler.rule_state)
        assert advance(scheduler) == [1.0]
        assert scheduler.rule_state == before

    def test_an_answer_without_weight_decides_nothing(self):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
        scheduler.reduce = lambda total, weight: (0.0, 0.0)
        scheduler.observe(0.9)
        assert advance(scheduler) == [1.0]

    @pytest.mark.parametrize("answer", [(math.nan, 2.0), (1.0, math.inf), (1.0, -1.0)])
    def test_an_impossible_answer_is_named(self, answer):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
        scheduler.reduce = lambda total, weight: answer
        scheduler.observe(0.5)
        scheduler.optimizer.step()
        with pytest.raises(ValueError, match=f"{answer[0]:g}.*{answer[1]:g}"):
            scheduler.step()


class TestWarnings:
    def test_a_rule_that_receives_nothing_says_so_once(self):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
        for _ in range(99):
            advance(scheduler)
        with pytest.warns(UserWarning, match=r"\b100\b.*UncertaintyMonitor.*observe\(\)") as caught:
            advance(scheduler)
        assert caught[0].filename == __file__, "it points to the line that calls step()"
        for _ in range(250):
            advance(scheduler)

    @pytest.mark.parametrize("rule", [Threshold(), None])
    def test_a_scheduler_that_needs_no_observation_or_has_had_one_gives_no_warning(self, rule):
        scheduler = UncertaintyLR(optimizer((1.0,)), rule)
        if rule:
            advance(scheduler, 0.9)
        for _ in range(250):
            advance(scheduler)
        resumed = UncertaintyLR(optimizer((1.0,)), rule)
        resumed.optimizer.load_state_dict(scheduler.optimizer.state_dict())
        resumed.load_state_dict(scheduler.state_dict())
        for _ in range(250):
            advance(resumed)

    def test_observations_without_steps_are_named_once(self):
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
        for _ in range(999):
            scheduler.observe(0.5, 64)
        with pytest.warns(UserWarning, match="1,000") as caught:
            scheduler.observe(0.5, 64)
        assert caught[0].filename == __file__, "it points to the line that calls observe()"
        for _ in range(2_000):
            scheduler.observe(0.5, 64)


class TestOtherSchedulers:
    def test_in_sequential_lr_what_the_warm_up_observed_is_discarded(self):
        opt = optimizer((1.0,))
        scheduler = UncertaintyLR(opt, Threshold())
        both = SequentialLR(opt, [LinearLR(opt, start_factor=0.1, total_iters=3), scheduler], milestones=[3])
        for _ in range(3):
            scheduler.observe(0.9)
            opt.step()
            both.step()
        assert both.get_last_lr() == [1.0]
        scheduler.observe(0.9)
        opt.step()
        both.step()
        assert both.get_last_lr() == [0.5]

    @pytest.mark.filterwarnings("ignore:The epoch parameter")
    def test_the_hand_over_of_torch_before_2_8_discards_it_too(self):
        """There `SequentialLR` calls ``step(0)``."""
        scheduler = UncertaintyLR(optimizer((1.0,)), Threshold())
        scheduler.observe(0.9)
        scheduler.optimizer.step()
        scheduler.step(0)
        assert (scheduler.queued_mean, scheduler.queued_weight) == (0.0, 0.0)
        assert advance(scheduler) == [1.0]

    def test_a_long_warm_up_in_sequential_lr_is_no_forgotten_step(self):
        opt = optimizer((1.0,))
        scheduler = UncertaintyLR(opt, Threshold())
        both = SequentialLR(opt, [LinearLR(opt, total_iters=1_500), scheduler], milestones=[1_500])
        for _ in range(1_500):
            scheduler.observe(0.9)
            opt.step()
            both.step()
        assert advance(scheduler, 0.9) == [0.5]

    @pytest.mark.parametrize("later_first", [True, False])
    def test_first_in_sequential_lr_with_a_schedule(self, later_first):
        """The schedules of torch begin anew when their turn comes; LambdaLR in our place is the reference."""

        def rates(make):
            opt = optimizer((1.0, 0.1))
            made = {}
            for name in ("later", "first") if later_first else ("first", "later"):
                made[name] = ExponentialLR(opt, 0.5) if name == "later" else make(opt)
            both = SequentialLR(opt, [made["first"], made["later"]], milestones=[6])
            seen = [both.get_last_lr()]
            for _ in range(9):
                opt.step()
                both.step()
                seen.append([group["lr"] for group in opt.param_groups])
            return seen

        ours = rates(lambda opt: UncertaintyLR(opt, Threshold(), schedule=warm_up))
        assert ours == rates(lambda opt: LambdaLR(opt, warm_up))
        assert ours[0] == pytest.approx([0.25, 0.025])

    def test_a_decision_is_made_when_first_in_sequential_lr(self):
        opt = optimizer((1.0,))
        scheduler = UncertaintyLR(opt, Threshold(), schedule=warm_up)
        both = SequentialLR(opt, [scheduler, ConstantLR(opt, 0.1)], milestones=[5])
        scheduler.observe(0.9)
        opt.step()
        both.step()
        assert both.get_last_lr() == [0.25]  # half of 2/4

    def test_sequential_lr_goes_on_from_its_state(self):
        def made():
            opt = optimizer((1.0,))
            scheduler = UncertaintyLR(opt, Threshold(), schedule=warm_up)
            return scheduler, SequentialLR(opt, [LinearLR(opt, total_iters=2), scheduler], milestones=[2])

        def advance_both(scheduler, both, values):
            seen = []
            for value in values:
                scheduler.observe(value)
                scheduler.optimizer.step()
                both.step()
                seen.append(scheduler.optimizer.param_groups[0]["lr"])
            return seen

        values = [0.9, 0.2, 0.9, 0.9, 0.3, 0.8]
        whole = advance_both(*made(), values)
        for stop in range(1, len(values)):
            scheduler, both = made()
            first = advance_both(scheduler, both, values[:stop])
            resumed, again = made()
            resumed.optimizer.load_state_dict(scheduler.optimizer.state_dict())
            again.load_state_dict(copy.deepcopy(both.state_dict()))
            assert first + advance_both(resumed, again, values[stop:]) == whole

    @pytest.mark.parametrize("ours_first", [True, False])
    def test_chained_scheduler_is_refused_with_both_rates_and_what_to_do(self, ours_first):
        opt = optimizer((1.0,))
        members = [UncertaintyLR(opt, Threshold()), ExponentialLR(opt, 0.9)]
        chained = ChainedScheduler(members if ours_first else members[::-1])
        opt.step()
        if ours_first:
            chained.step()
        with pytest.raises(RuntimeError, match=r"0\.9\b.* 1\b.*ChainedScheduler.*schedule="):
            chained.step()

    def test_a_rate_set_by_hand_is_named(self):
        scheduler = UncertaintyLR(optimizer(), Threshold())
        scheduler.optimizer.param_groups[1]["lr"] = 0.3
        scheduler.observe(0.9)
        scheduler.optimizer.step()
        with pytest.raises(RuntimeError, match=r"group 1 is 0\.3, .* 0\.01"):
            scheduler.step()
        assert scheduler.queued_mean == 0.9, "nothing is lost"
        assert scheduler.factor == 1.0, "nothing is decided"

    def test_a_group_added_later_is_refused_with_both_counts(self):
        scheduler = UncertaintyLR(optimizer(), Threshold())
        scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.5})
        scheduler.observe(0.9)
        scheduler.optimizer.step()
        for use in (scheduler.step, scheduler.get_lr):
            with pytest.raises(RuntimeError, match=r"3 parameter groups.* 2\b"):
                use()
        assert scheduler.queued_mean == 0.9, "nothing is lost"
