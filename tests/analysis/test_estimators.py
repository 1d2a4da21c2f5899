"""Every estimator on networks that were really trained."""

import json
import math

import pytest
import torch
from torch import nn

from uncertlr.analysis import estimators
from uncertlr.analysis.estimators import (
    compare_estimators,
    describe,
    estimators_table,
    paired_scores,
    predict,
)
from uncertlr.cli import main
from uncertlr.config import preset
from uncertlr.errors import ConfigError, RunError
from uncertlr.estimators import Ensemble, Prediction
from uncertlr.runs.archive import publish
from uncertlr.runs.store import read_run
from uncertlr.training.build import build, load_config_data
from uncertlr.training.loop import load_weights
from uncertlr.training.run import run

QUICK = {"epochs": 2, "train_examples": 400, "progress": "quiet", "device": "cpu"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("runs"))
    configs = [preset("digits", seed=seed, root=root, **QUICK) for seed in range(2)]
    configs.append(configs[0].replace(estimator="variational", dropout=0.0, num_samples=4))
    return [read_run(run(config)) for config in configs]


@pytest.fixture(scope="module")
def found(runs):
    return compare_estimators(runs)


def test_every_estimator_is_there_once_a_run(found, runs):
    table = estimators_table(found)
    point = ["deterministic", "temperature", "mc_dropout", "analytic_dropout", "laplace"]
    assert table["runs"].to_dict() == dict.fromkeys(point, 2) | {"mean weights": 1, "variational": 1, "ensemble": 1}
    assert found["runs"] == [each.config.run_id for each in runs]
    assert table["accuracy"].between(0.3, 1).all()
    assert table.loc["deterministic", "AUROC, entropy"] > 0.5
    assert math.isnan(table.loc["deterministic", "AUROC, information"])
    json.dumps(found, allow_nan=False)


def test_two_estimators_are_compared_on_the_runs_that_have_both():
    values = {"one": [0.5, 0.7, 0.9], "other": [0.4, 0.5, 0.6]}
    rows = [{"estimator": name, "run": f"r{i}", "ece": v} for name, all_ in values.items() for i, v in enumerate(all_)]
    rows.append({"estimator": "one", "run": "r9", "ece": 9.0})
    difference = paired_scores({"estimators": rows}, "ece", "one", "other")
    assert difference.estimate == pytest.approx(0.2)
    assert difference.high - difference.estimate == pytest.approx(4.303 * 0.1 / 3**0.5, rel=1e-3)
    assert difference.count == 3
    assert paired_scores({"estimators": rows[1:]}, "ece", "one", "other") is None


def test_the_deterministic_row_is_what_the_run_stored(found, runs):
    row = next(row for row in found["estimators"] if row["estimator"] == "deterministic")
    assert row["accuracy"] == pytest.approx(runs[0].summary["test"]["accuracy"])
    assert row["loss"] == pytest.approx(runs[0].summary["test"]["loss"], rel=1e-5)


def test_temperature_changes_confidence_but_no_class(found):
    rows = {row["estimator"]: row for row in reversed(found["estimators"])}
    assert rows["temperature"]["accuracy"] == rows["deterministic"]["accuracy"]
    assert rows["temperature"]["loss"] != rows["deterministic"]["loss"]


def test_the_ensemble_is_that_of_the_networks_themselves(found, runs):
    networks = []
    for each in runs[:2]:
        experiment = build(each.config, load_config_data(each.config))
        load_weights(experiment, each.paths, "last")
        networks.append(experiment.model)
    experiment.model = nn.ModuleList(networks)
    together = describe(predict(experiment, Ensemble(), experiment.data.test), experiment.data.test.targets)
    row = next(row for row in found["estimators"] if row["estimator"] == "ensemble")
    # not to the last digit: each seed's split gives pixels a slightly other mean, and a run keeps its own
    assert row["loss"] == pytest.approx(together["loss"], rel=1e-3)
    assert row["auroc_mutual_information"] == pytest.approx(together["auroc_mutual_information"], abs=1e-2)


def test_a_model_that_is_always_right_has_no_auroc():
    prediction = Prediction.from_probs(torch.tensor([[[0.9, 0.1], [0.2, 0.8]]]))
    assert describe(prediction, torch.tensor([0, 1]))["auroc_predictive_entropy"] is None


def test_other_data_and_missing_weights_are_refused(runs, tmp_path):
    other = read_run(run(preset("toy_reviews", "quick", root=str(tmp_path), **{**QUICK, "epochs": 1})))
    with pytest.raises(ConfigError, match="digits.*toy_reviews"):
        compare_estimators([runs[0], other])
    other.paths.weights("last").unlink()
    with pytest.raises(RunError, match=other.config.run_id):
        compare_estimators([other])


def test_missing_weights_are_found_before_any_run_is_evaluated(runs, tmp_path, monkeypatch):
    bare = read_run(run(preset("digits", root=str(tmp_path), **{**QUICK, "epochs": 1})))
    bare.paths.weights("last").unlink()
    evaluated = []
    monkeypatch.setattr(estimators, "predictions", evaluated.append)
    with pytest.raises(RunError, match=bare.config.run_id):
        compare_estimators([runs[0], bare])
    assert evaluated == []


def test_the_command_says_what_a_published_run_lacks(runs, capsys):
    publish([runs[0]], "study")
    assert main(["evaluate", runs[0].config.run_id]) == 2
    assert runs[0].config.run_id in capsys.readouterr().err


def test_the_command_prints_the_table_and_writes_the_rows(runs, tmp_path, capsys):
    file = tmp_path / "found.json"
    assert main(["evaluate", runs[0].config.run_id, "--root", str(runs[0].paths.root), "--json", str(file)]) == 0
    assert "mc_dropout" in capsys.readouterr().out
    assert len(json.loads(file.read_text())["estimators"]) == 5
    assert main(["evaluate", "nothing", "--root", str(tmp_path)]) == 2
    assert "'nothing'" in capsys.readouterr().err


def test_the_table_fits_a_terminal_of_80_columns(found, runs, monkeypatch, capsys):
    rows = [row | {"estimator": row["estimator"].replace("ensemble", "variational ensemble")} for row in found["estimators"]]
    monkeypatch.setattr(estimators, "compare_estimators", lambda runs: found | {"estimators": rows})
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["evaluate", runs[0].config.run_id, "--root", str(runs[0].paths.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) < 80
    assert all(sum(line.startswith(name) for line in lines) == 1 for name in ("laplace", "variational ensemble"))
