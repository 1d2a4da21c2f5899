import pytest

from uncertlr.analysis.scores import arms_table, final_scores, seeds_table
from uncertlr.config import preset
from uncertlr.runs.store import load_run
from uncertlr.training.run import run


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("arms"))
    base = preset("toy_reviews", "quick", epochs=2, progress="quiet", root=root)
    return {name: load_run(run(base.replace(rule=rule))) for name, rule in (("fixed", "none"), ("rule", "threshold"))}


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
        assert shown == (f"{lowest}, still falling" if lowest == len(losses) else f"{lowest}")
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
