import json
import os
import subprocess
import sys

import pytest

from uncertlr.cli import main
from uncertlr.cli.main import build_parser
from uncertlr.config import RunConfig, preset
from uncertlr.runs.paths import paths_of
from uncertlr.runs.store import read_run

QUICK = ["run", "digits", "--profile", "quick", "--epochs", "1", "--progress", "quiet"]


def test_run_trains_and_says_where(capsys):
    assert main([*QUICK, "--rule", "threshold", "--threshold", "0.8", "--channels", "4", "8", "--no-augment"]) == 0
    config = preset("digits", "quick", epochs=1, rule="threshold", threshold=0.8, channels=[4, 8])
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == str(paths_of(config).directory)
    assert f"test accuracy {read_run(paths_of(config)).summary['test']['accuracy']:.4f}" in out


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
    with pytest.raises(SystemExit):
        build_parser().parse_args(["run", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "(quick, standard, exact, full; else exact)" in text
    for name, field in RunConfig.model_fields.items():
        if name != "dataset":
            assert "--" + name.replace("_", "-") in text
            assert " ".join(field.description.split()[:3]) in text.replace("- ", "-")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*QUICK, "--epoch", "3"], "unknown flag '--epoch'; did you mean --epochs?"),
        ([*QUICK, "--thresold=0.3"], "unknown flag '--thresold'; did you mean --threshold?"),
        ([*QUICK, "--num_samples", "4"], "unknown flag '--num_samples'; write --num-samples"),
        ([*QUICK, "--num_samples=4"], "unknown flag '--num_samples'; write --num-samples"),
        ([*QUICK, "--lr", "0.1"], "unknown flag '--lr'; did you mean --learning-rate?"),
        ([*QUICK, "--profil", "quick"], "unknown flag '--profil'; did you mean --profile?"),
        ([*QUICK, "--xyzzy"], "unknown flag '--xyzzy'; see uncertlr run --help"),
        (["sweep", "grid.yaml", "--seed", "3"], "sweep has no flag '--seed'; put it into the file, as base: {seed: ...}"),
        (["sweep", "grid.yaml", "--worker", "2"], "unknown flag '--worker'; did you mean --workers?"),
        (["runs", "--epochs", "3"], "runs has no flag '--epochs'; uncertlr run has it"),
        (["results", "add", "study", "--sweeps", "f"], "unknown flag '--sweeps'; did you mean --sweep?"),
        ([*QUICK, "--rule", "magic"], "invalid parameter rule='magic'"),
        (["run", "digitz"], "unknown data set 'digitz'; did you mean 'digits'?"),
        ([*QUICK, "epochs=3"], "'epochs=3' is one word too many; a parameter is set by a flag, as in --epochs 3"),
        (["run", "digits", "--profile", "fast"], "unknown profile 'fast'"),
        (["results", "add", "study", "no-such-run"], "run no-such-run is not complete"),
        (["results", "add", "study"], "there is no run to publish"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exit_2(arguments, words, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
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
    assert capsys.readouterr().out.startswith("1 run, ")
    assert main(["results", "add", "three", "--sweep", grid]) == 2
    assert "there is no run to publish" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "codes"), [(["run", "--help"], {0, 1}), (["runs"], {1})])  # argparse may swallow it
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
    assert result.stdout.startswith("usage: uncertlr ")


def test_help_needs_no_torch():
    """The help must come at once: nothing that it imports may import torch, pandas or matplotlib."""
    code = (
        "import sys, json, uncertlr.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'datasets', 'papermill'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(result.stdout.splitlines()[-1]) == []
    assert "usage: uncertlr" in result.stdout
