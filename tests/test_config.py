import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from uncertlr import config as module
from uncertlr.config import (
    EXECUTION_FIELDS,
    PRESETS,
    PROFILES,
    SHOWN_NAMES,
    RunConfig,
    parameter_table,
    preset,
    shown_name,
)
from uncertlr.errors import ConfigError
from uncertlr.runs.archive import results_folder
from uncertlr.runs.paths import RunPaths

PUBLISHED = results_folder()  # before a test has a folder of its own


def test_unknown_field_suggests_the_nearest():
    with pytest.raises(ConfigError, match=r"'learningrate'.*'learning_rate'"):
        RunConfig(learningrate=0.1)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"epochs": 2.5}, "epochs=2.5"),
        ({"rule": "magic"}, "rule='magic'"),
        ({"learning_rate": "fast"}, "learning_rate='fast'"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
        ({"min_factor": 2.0}, "min_factor=2.0"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"channels": [32]}, r"channels=\[32\]"),
    ],
)
def test_a_bad_value_is_named(values, word):
    with pytest.raises(ConfigError, match=word):
        RunConfig(**values)


def test_values_are_coerced_as_yaml_and_the_command_line_write_them():
    assert RunConfig(learning_rate="1e-3", epochs="3", augment="true").identity == {"epochs": 3, "augment": True}


def test_frozen():
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().epochs = 3


def test_identity_ignores_where_a_run_is_carried_out():
    base = RunConfig()
    moved = RunConfig(device="cpu", threads=8, root="elsewhere", progress="quiet")
    assert set(EXECUTION_FIELDS) == {"device", "threads", "root", "progress"}
    assert base.run_id == moved.run_id


def test_one_and_one_point_zero_are_the_same_run():
    assert RunConfig(max_factor=1, epochs=3.0).run_id == RunConfig(max_factor=1.0, epochs=3).run_id


@pytest.mark.parametrize("name", sorted(set(RunConfig.model_fields) - EXECUTION_FIELDS))
def test_every_other_field_changes_the_identity(name):
    changes = {"bool": True, "int": 77, "float": 0.25, "str": "digits", "list[int]": [8, 8], "list[str]": ["a"]}
    field = RunConfig.model_fields[name]
    choices = getattr(field.annotation, "__args__", None)
    value = choices[-1] if isinstance(field.default, str) and choices else changes[module.type_name(field.annotation)]
    if field.default is True:
        value = False
    if name in ("increase", "max_factor", "memory"):
        value = 3.0
    if name.removeprefix("own_") in ("rule", "model"):  # one's own is said by two fields
        value = choices[1] if choices else "my_things:Mine"
    partner = {"own_rule": {"rule": "own"}, "own_model": {"model": "own"}}.get(name, {})
    assert (
        RunConfig(**{name: value, **partner}).run_id != RunConfig(**({name: "Other", **partner} if partner else {})).run_id
    )


def test_run_ids_are_stable():
    """Published runs are found by these names: a change of any is a change of RESULT_VERSION."""
    assert module.RESULT_VERSION == 1
    assert preset("cifar10", "standard").run_id == "cifar10-none-s0-41985c58e75d"
    assert preset("cifar10", "standard", rule="threshold").run_id == "cifar10-threshold-s0-9a8d57fdbdc5"


def by_shown_names(fields):
    named = {SHOWN_NAMES.get(name, name): value for name, value in fields.items()}
    return named | {"rule": SHOWN_NAMES.get(named["rule"], named["rule"])}


def test_published_runs_have_their_ids_by_either_name():
    ids = set()
    for path in sorted(PUBLISHED.glob("*.parquet")):
        for row in pq.read_table(path, columns=["run_id", "config"]).to_pylist():
            fields = json.loads(row["config"])
            assert RunConfig(**fields).run_id == RunConfig(**by_shown_names(fields)).run_id == row["run_id"]
            ids.add(row["run_id"].split("-")[1])
    assert {"proportional", "replay", "threshold"} <= ids


def test_either_name_gives_one_run_and_the_stored_names():
    shown = preset("digits", rule="power_law", exponent=2.0)
    assert shown == preset("digits", rule="proportional", exponent=2.0)
    assert shown.identity["rule"] == "proportional"
    inverted = preset("digits", rule="threshold", inverted=True)
    assert inverted == preset("digits", rule="threshold", flip=True)
    assert inverted.model_dump()["flip"] is True
    assert "inverted" not in inverted.model_dump()
    assert preset("digits").replace(rule="replay", source_runs=["x"]).donors == ["x"]
    assert inverted.replace(inverted=False).flip is False


def test_both_names_of_one_field_are_refused():
    with pytest.raises(ConfigError, match=r"inverted.*flip"):
        RunConfig(rule="threshold", inverted=True, flip=False)


def test_what_is_shown_has_the_shown_names():
    table = parameter_table()
    assert all(f"`{name}`" in table for name in ("inverted", "source_runs"))
    assert "power_law" in table
    assert "proportional" not in table
    with pytest.raises(ConfigError, match="power_law"):
        RunConfig(rule="magic")
    with pytest.raises(ConfigError, match="'inverted'"):
        RunConfig(invertd=True)


def test_another_result_version_is_another_run(monkeypatch):
    before = RunConfig().run_id
    monkeypatch.setattr(module, "RESULT_VERSION", 2)
    assert RunConfig().run_id != before


def test_round_trip_through_json():
    config = preset("imdb", "standard", rule="threshold", seed=3)
    assert RunConfig(**json.loads(json.dumps(config.model_dump()))) == config


def test_the_reports_hyperparameters_are_the_defaults():
    config = RunConfig()
    assert (config.learning_rate, config.batch_size, config.epochs, config.dropout) == (1e-3, 64, 50, 0.5)
    assert (config.beta1, config.beta2, config.eps) == (0.9, 0.999, 1e-7)
    assert (config.decrease, config.increase) == (0.5, 1.1)


def test_without_rule_is_the_baseline_of_the_same_seed():
    config = preset("digits", rule="threshold", threshold=0.7, decide_every=0, seed=5)
    assert config.without_rule() == preset("digits", seed=5)


def test_presets_and_profiles_are_valid():
    for profile in PROFILES:
        for name in PRESETS:
            assert preset(name, profile).dataset == name
    with pytest.raises(ConfigError, match="'fast'"):
        preset("digits", "fast")


def test_parameter_table_has_every_field():
    rows = parameter_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [shown_name(name) for name in RunConfig.model_fields]


def test_a_folder_has_one_name_wherever_it_is_named_from(tmp_path, monkeypatch):
    (tmp_path / "a" / "sides").mkdir(parents=True)
    (tmp_path / "b" / "sides").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a")
    whole = str(tmp_path / "a" / "sides")
    names = ("sides", "sides/", "./sides", "../a/sides", whole, whole + "/")
    assert {preset(name).dataset for name in names} == {whole}
    assert len({preset(name).run_id for name in names}) == 1
    assert preset("sides").run_id.startswith("sides-none-s0-")
    monkeypatch.chdir(tmp_path / "b")
    assert preset("sides").run_id != preset(whole).run_id
    stored = json.loads(json.dumps(preset(whole).model_dump()))
    assert RunConfig(**stored).run_id == preset(whole).run_id


def test_a_named_set_stays_as_it_is_even_beside_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert preset("digits").dataset == "digits"
    assert preset("./digits").dataset == str(tmp_path / "digits")


@pytest.mark.parametrize("name", ["birds", "./birds", "a/birds", "../data/birds", "a/../birds/", "~/birds", "птицы"])
def test_a_folder_has_one_name_when_it_is_gone_too(tmp_path, monkeypatch, name):
    here = tmp_path / "data"
    here.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(here)
    before = preset(name)
    folder = Path(os.path.abspath(os.path.expanduser(name)))
    assert before.dataset == str(folder)
    folder.mkdir(parents=True)
    assert before.run_id == preset(name).run_id == preset(str(folder)).run_id


@pytest.mark.parametrize(
    ("folder", "begins"),
    [
        ("птицы", "птицы-none-s0-"),
        ("鳥の写真", "鳥の写真-none-s0-"),
        ("ΠΟΥΛΙΆ 2", "πουλιά_2-none-s0-"),
        ("данные-2", "данные_2-none-s0-"),
        ("طيور", "طيور-none-s0-"),
        ("🐦", "data-none-s0-"),
        ("cafe\u0301", "cafe-none-s0-"),
        ("é", "é-none-s0-"),
        ("e\u0301", "e-none-s0-"),
        ("\udce9", "data-none-s0-"),
        ("鳥" * 80, "鳥" * 40 + "-none-s0-"),
        ("Birds [1]", "birds_1-none-s0-"),
        ("птицы birds", "birds-none-s0-"),
        ("---", "data-none-s0-"),
        ("__", "data-none-s0-"),
        ("-x", "x-none-s0-"),
        ("b" * 250, "b" * 40 + "-none-s0-"),
        ("2026", "2026-none-s0-"),
    ],
)
def test_a_run_is_named_after_its_folder_in_any_script(tmp_path, folder, begins):
    run_id = preset(str(tmp_path / folder)).run_id
    assert run_id.startswith(begins)
    assert RunPaths(tmp_path, run_id).run_id == run_id  # a name that a run may have
    assert len(os.fsencode(run_id)) < 250


def test_a_field_that_was_added_changes_an_id_only_where_it_is_set():
    assert RunConfig(test_examples=0).run_id == RunConfig().run_id
    assert RunConfig(test_examples=100).run_id != RunConfig().run_id


@pytest.mark.parametrize("given", ["1e3", "1000", "1.0e3", 1e3, 1000])
def test_a_whole_number_may_be_written_with_an_exponent(given):
    assert RunConfig(train_examples=given) == RunConfig(train_examples=1000)
    assert RunConfig(channels=[given, "2e1"]).channels == [1000, 20]


@pytest.mark.parametrize("given", ["1.5", "1e-3", "inf", "nan", "many"])
def test_other_texts_are_no_whole_number(given):
    with pytest.raises(ConfigError, match="train_examples"):
        RunConfig(train_examples=given)
