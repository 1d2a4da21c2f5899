import json
import os
import re
import subprocess
import sys

import pytest

from uncertlr.cli import main
from uncertlr.config import PROFILES, RunConfig, preset, shown_name
from uncertlr.runs.archive import published_ids
from uncertlr.runs.paths import paths_of
from uncertlr.runs.store import read_run

QUICK = ["run", "digits", "--profile", "quick", "--epochs", "1", "--progress", "quiet"]


def test_run_trains_and_says_where(capsys):
    assert main([*QUICK, "--rule", "threshold", "--threshold", "0.8", "--channels", "4", "8", "--no-augment"]) == 0
    config = preset("digits", "quick", epochs=1, rule="threshold", threshold=0.8, channels=[4, 8])
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == str(paths_of(config).directory)
    assert f"{read_run(paths_of(config)).summary['test']['accuracy']:.4f}" in out


@pytest.mark.parametrize(
    ("flags", "changes"),
    [
        (["--rule", "power_law"], {"rule": "proportional"}),
        (["--rule", "threshold", "--inverted"], {"rule": "threshold", "flip": True}),
        (["--rule", "threshold", "--flip"], {"rule": "threshold", "flip": True}),
        (["--rule", "replay", "--source-runs", "a", "b"], {"rule": "replay", "donors": ["a", "b"]}),
    ],
)
def test_either_name_of_a_parameter_is_a_flag(flags, changes, monkeypatch):
    seen = []
    monkeypatch.setattr("uncertlr.training.run.run", lambda config, **options: seen.append(config) or sys.exit(0))
    with pytest.raises(SystemExit):
        main([*QUICK, *flags])
    assert seen == [preset("digits", "quick", epochs=1, progress="quiet", **changes)]


def test_every_field_is_a_flag_with_its_help(capsys):
    assert main(["run", "--help"]) == 0
    text = " ".join(word for word in capsys.readouterr().out.split() if word != "│")
    assert set(PROFILES) <= set(re.findall(r"\w+", text))
    for name, field in RunConfig.model_fields.items():
        if name != "dataset":
            assert f"--{shown_name(name).replace('_', '-')} " in text
            assert field.description in text
            shown = " ".join(map(str, field.default)) if isinstance(field.default, list) else str(field.default)
            assert f"[default: {shown}]" in text or not shown


@pytest.mark.parametrize("name", ["proportional", "--flip", "--no-flip", "--donors"])
def test_help_has_no_name_that_is_only_stored(name, capsys):
    assert main(["run", "--help"]) == 0
    assert name not in re.findall(r"[a-z_-]+", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("flags", "changes"),
    [
        (["--num_samples", "4"], {"num_samples": 4}),
        (["--num-samples=4"], {"num_samples": 4}),
        (["--train-examples", "1e3"], {"train_examples": 1000}),
        (["--exponent", "-1e-1"], {"exponent": -0.1}),
        (["--seed", "1", "--seed", "2"], {"seed": 2}),
        (["--rule", "own", "--own-rule", 'my_rules:Patient {"patience": 3}'],
         {"rule": "own", "own_rule": 'my_rules:Patient {"patience": 3}'}),
    ],
)  # fmt: skip
def test_how_a_value_may_be_written(flags, changes, monkeypatch):
    seen = []
    monkeypatch.setattr("uncertlr.training.run.run", lambda config, **options: seen.append(config) or sys.exit(0))
    with pytest.raises(SystemExit):
        main([*QUICK, *flags])
    assert seen == [preset("digits", "quick", epochs=1, progress="quiet").replace(**changes)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*QUICK, "--epoch", "3"], ["--epoch'", "--epochs'"]),
        ([*QUICK, "--thresold=0.3"], ["--thresold'", "--threshold'"]),
        ([*QUICK, "--lr", "0.1"], ["--lr'", "--learning-rate'"]),
        ([*QUICK, "--donor", "a"], ["--donor'", "uncertlr run --help"]),
        ([*QUICK, "--profil", "quick"], ["--profil'", "--profile'"]),
        ([*QUICK, "--xyzzy"], ["--xyzzy'", "uncertlr run --help"]),
        ([*QUICK, "--seed"], ["--seed", "uncertlr run --help"]),
        (["sweep", "grid.yaml", "--seed", "3"], ["--seed'", "base: {seed: ...}"]),
        (["sweep", "grid.yaml", "--threads", "3"], ["--threads'", "--workers"]),
        (["sweep", "grid.yaml", "--worker", "2"], ["--worker'", "--workers'"]),
        (["sweep", "grid.yaml", "--workers", "1.5"], ["--workers", "1.5"]),
        (["tune", "grid.yaml", "--seeds", "1", "2.5"], ["--seeds", "2.5"]),
        (["sweep"], ["GRID", "uncertlr sweep --help"]),
        (["sweep", "--hlep"], ["--hlep'", "--help'"]),
        (["sweeps", "grid.yaml"], ["'sweeps'", "'sweep'"]),
        (["results", "ad"], ["'ad'", "'add'"]),
        (["nonsense"], ["'nonsense'", "run", "sweep"]),
        (["runs", "--epochs", "3"], ["--epochs'", "uncertlr run"]),
        (["results"], ["uncertlr results --help"]),
        (["book"], ["uncertlr book --help"]),
        (["results", "add", "study", "--sweeps", "f"], ["--sweeps'", "--sweep'"]),
        ([*QUICK, "--rule", "magic"], ["rule='magic'"]),
        ([*QUICK, "--epochs", "1.5"], ["epochs='1.5'"]),
        ([*QUICK, "--flip", "--inverted"], ["'flip'", "'inverted'"]),
        (["run", "digitz"], ["'digitz'", "'digits'"]),
        ([*QUICK, "epochs=3"], ["'epochs=3'", "--epochs 3"]),
        (["run", "digits", "--profile", "fast"], ["'fast'", "quick"]),
        (["results", "add", "study", "no-such-run"], ["no-such-run", "run(config)"]),
        (["results", "add", "study"], ["no run"]),
        (["record", "no-such-run"], ["'no-such-run'"]),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exit_2(arguments, words, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert all(word in captured.err for word in words), captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_results_add(capsys):
    main(QUICK)
    run_id = preset("digits", "quick", epochs=1).run_id
    assert main(["results", "add", "study", run_id, "--predictions", run_id]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("study.parquet")


def test_results_add_takes_what_is_finished_and_unpublished_of_a_sweep(tmp_path, capsys):
    main(QUICK)
    arms = "arms: {constant: {}, low: {learning_rate: 3.0e-4}, never: {learning_rate: 2.0}}"
    (tmp_path / "grid.yaml").write_text(f"experiment: digits\nprofile: quick\nbase: {{epochs: 1}}\n{arms}\n")
    grid = str(tmp_path / "grid.yaml")
    assert main(["results", "add", "one", "--sweep", grid]) == 0
    assert main([*QUICK, "--learning-rate", "3e-4"]) == 0
    capsys.readouterr()
    assert main(["results", "add", "two", "--sweep", grid]) == 0
    assert re.match(r"1\b", capsys.readouterr().out)
    assert main(["results", "add", "three", "--sweep", grid]) == 2
    assert {path.stem for path in published_ids().values()} == {"one", "two"}


@pytest.mark.parametrize(("arguments", "codes"), [(["run", "--help"], {0, 1}), (["runs"], {1})])
def test_a_reader_that_goes_away_ends_the_command_quietly(arguments, codes):
    reader, writer = os.pipe()
    os.close(reader)  # as `head -1` does once it has its line
    command = [sys.executable, "-m", "uncertlr", *arguments]
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writer)
    assert result.stderr == ""
    assert result.returncode in codes


def test_the_package_is_the_command():
    command = [sys.executable, "-m", "uncertlr", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert {"uncertlr", "run", "sweep", "results"} <= set(re.findall(r"\w+", result.stdout))


@pytest.mark.parametrize("command", [["evaluate"], ["results", "add"], ["results", "examples"]])
def test_help_shows_that_several_runs_may_be_named(command, capsys):
    assert main([*command, "--help"]) == 0
    assert "RUN_ID..." in capsys.readouterr().out


def test_an_unknown_run_is_refused_before_torch_is_imported(tmp_path):
    code = (
        "import sys, uncertlr.cli as cli\n"
        "print(cli.main(['evaluate', 'no-such-run', '--root', sys.argv[1]]), 'torch' in sys.modules)"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    result = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == "2 False\n"
    assert "'no-such-run'" in result.stderr


def test_help_needs_no_torch():
    """The help must come at once: nothing that it imports may import what takes long to load."""
    code = (
        "import sys, json, uncertlr.cli as cli\n"
        "for command in ([], ['run'], ['sweep']): cli.main([*command, '--help'])\n"
        "heavy = {'torch', 'numpy', 'pandas', 'matplotlib', 'datasets', 'papermill'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(result.stdout.splitlines()[-1]) == []
    assert "uncertlr run " in result.stdout
