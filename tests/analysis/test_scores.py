import pytest

from uncertlr.analysis.scores import arm_name, arms_table, final_scores, rates_table, run_facts, seeds_table
from uncertlr.config import preset
from uncertlr.runs.paths import project_folder
from uncertlr.runs.store import read_run
from uncertlr.sweep import read_sweep
from uncertlr.training.run import run


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("arms"))
    base = preset("toy_reviews", "quick", epochs=2, progress="quiet", root=root)
    return {name: read_run(run(base.replace(rule=rule))) for name, rule in (("fixed", "none"), ("rule", "threshold"))}


def test_arms_table_says_what_the_runs_say(arms):
    table = arms_table(arms, target=2.0)
    assert list(table.index) == ["fixed", "rule"]
    for name, run_ in arms.items():
        assert table.loc[name, "accuracy"].startswith(f"{run_.summary['test']['accuracy']:.3f} [")
        assert table.loc[name, "epochs to target"] == "> 2"
        assert table.loc[name, "f1"] == f"{run_.summary['test']['f1']:.3f}"


def test_a_loss_that_was_lowest_in_the_last_epoch_may_still_fall(arms):
    table = arms_table(arms, target=0.0)
    for name, run_ in arms.items():
        losses = run_.validation["loss"].tolist()
        lowest = 1 + losses.index(min(losses))
        shown = table.loc[name, "epoch of the lowest validation loss"]
        assert shown == (f"≥ {lowest}" if lowest == len(losses) else f"{lowest}")
        assert table.loc[name, "epoch of the best validation accuracy"] == run_.summary["best_epoch"]


def test_a_target_that_was_reached(arms):
    assert arms_table(arms, target=0.0).loc["fixed", "epochs to target"] == "1"


def test_seeds_table_averages_and_leaves_out_arms_without_runs(arms):
    both = [arms["fixed"], arms["rule"]]
    table = seeds_table({"both": both, "none": []})
    assert list(table.index) == ["both"]
    expected = sum(final_scores(each)["accuracy"] for each in both) / 2
    assert table.loc["both", "accuracy, mean"] == f"{expected:.3f}"
    assert table.loc["both", "seeds"] == 2


def test_rates_table_has_the_shares_of_the_steps(arms):
    table = rates_table(arms)
    assert table.index.tolist() == ["rule"]
    trace, config = arms["rule"].trace, arms["rule"].config
    at_lower = (trace["factor"] <= config.min_factor * 1.000001).mean()
    above = (trace["signal"] > config.threshold).mean()
    assert table.loc["rule", ["at lower bound", "above threshold"]].tolist() == [f"{at_lower:.1%}", f"{above:.1%}"]


def test_facts_of_a_run_are_those_of_its_record(arms):
    run_ = arms["rule"]
    facts = run_facts(run_)
    assert facts["run"] == run_.config.run_id
    examples = run_.record["examples"]
    assert (
        facts["examples (training, validation, test)"] == f"{examples['train']:,}, {examples['val']:,}, {examples['test']:,}"
    )
    assert facts["epochs"] == run_.config.epochs


@pytest.mark.parametrize("sweep", ["cifar10-standard", "imdb-standard", "cifar10-full", "cifar10-found"])
def test_a_method_has_one_name_in_sweeps_and_legends(sweep):
    """Controls and a second constant rate are named by what they control."""
    jobs = read_sweep(project_folder() / "sweeps" / f"{sweep}.yaml")
    methods = {job.arm: arm_name(job.config) for job in jobs if not job.config.donors and job.arm != "constant_low"}
    assert methods == {arm: arm for arm in methods}
