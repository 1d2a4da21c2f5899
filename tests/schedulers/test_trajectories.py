"""Rules give the factors that they have always given, to the last bit: a change of one is a change of RESULT_VERSION.

``trajectories.json`` has settings of every rule that no published run has; its factors are those of the first release's
rules, on a drifting signal, and its states those that checkpoints of unfinished runs hold.
"""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from uncertlr.config import RunConfig
from uncertlr.runs.archive import results_folder
from uncertlr.schedulers import simulate
from uncertlr.training.rules import build_rule

PUBLISHED = results_folder()
GOLDEN = json.loads((Path(__file__).parent / "trajectories.json").read_text())
STEPS_PER_EPOCH = 9  # of the trajectories with a decision per epoch
FILES = sorted(path.stem for path in PUBLISHED.glob("*.parquet"))


@pytest.fixture(autouse=True)
def published(monkeypatch):
    monkeypatch.setenv("UNCERTLR_RESULTS", str(PUBLISHED))


def published_runs(name):
    """Configuration, factor and signal at every step, of a file's runs whose factors are published; signals may be None.

    Factors and signals are Arrow's: only those that are looked at become numbers.
    """
    table = pq.read_table(PUBLISHED / f"{name}.parquet", columns=["config", "factor", "signal"])
    for config, factors, signal in zip(*table.columns, strict=True):
        config = RunConfig(**json.loads(config.as_py()))
        if config.rule != "none" and factors.is_valid:
            yield config, factors, signal


def test_every_rule_has_a_published_trajectory():
    names = set(RunConfig.model_fields["rule"].annotation.__args__)
    assert {config.rule for name in FILES for config, _, _ in published_runs(name)} == names - {"none", "integral", "own"}


@pytest.mark.parametrize("name", FILES)
def test_published_factors_are_reproduced_bit_for_bit(name, tmp_path):
    for config, factors, signal in published_runs(name):
        if len(config.donors) > 1:
            continue  # a geometric mean: NumPy's logarithm differs in the last bit from processor to processor
        rule = build_rule(config.replace(root=str(tmp_path)), len(factors) // config.epochs)
        values = np.array(signal.as_py(), dtype=float) if signal.is_valid else np.zeros(len(factors))
        assert factors_in_force(rule, values) == factors.as_py(), config.run_id


def factors_in_force(rule, values):
    """At every step; a step without an observation, NaN, decides nothing."""
    observed = np.isfinite(values)
    given = np.array([rule.factor(rule.init()), *simulate(rule, values[observed].tolist())])
    return given[np.cumsum(observed) - observed].tolist()


def test_mean_curves_are_reproduced_to_rounding(tmp_path):
    means = [run for name in FILES for run in published_runs(name) if len(run[0].donors) > 1]
    assert len(means) >= 10
    for config, factors, _ in means[::5]:
        rule = build_rule(config.replace(root=str(tmp_path)), len(factors) // config.epochs)
        np.testing.assert_allclose(rule.factors, factors.as_py(), rtol=1e-15)


@pytest.mark.parametrize("case", GOLDEN["trajectories"], ids=lambda case: "-".join(map(str, case["settings"].values())))
def test_factors_and_state_of_every_setting_are_those_of_the_first_release(case):
    rule = build_rule(RunConfig(**case["settings"]), STEPS_PER_EPOCH)
    state, factors = rule.init(), []
    for signal in GOLDEN["signals"]:
        state = rule.update(state, signal)
        factors.append(rule.factor(state))
    assert factors == case["factors"]
    assert state == case["state"]
    assert {name: type(value) for name, value in state.items()} == {name: type(v) for name, v in case["state"].items()}
