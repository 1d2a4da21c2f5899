"""Every command that the README and the book show is tried: carried out, in a smaller form where it would take long.

What a page shows below a command in one block (``console``) is what the command prints, carried out as it stands there.
"""

import doctest
import importlib.util
import itertools
import json
import re
import shlex

import datasets
import nbformat
import numpy as np
import papermill
import pytest
import yaml
from click.testing import CliRunner
from papermill.cli import _resolve_type
from papermill.cli import papermill as papermill_command
from PIL import Image

from tests.notebook_cells import parameters_cell
from tests.shown_files import importable
from uncertlr.cli import main
from uncertlr.config import preset
from uncertlr.runs.paths import project_folder
from uncertlr.sweep import read_sweep
from uncertlr.training.run import run

datasets.disable_progress_bars()
PROJECT = project_folder()
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "book").glob("*.md"))]
PAGES_TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)
BLOCK = re.compile(r"^ *```(?:sh|bash)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
CONSOLE = re.compile(r"^```console\n\$ \.venv/bin/(.*?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SMALL = ["--epochs", "1", "--train-examples", "200", "--progress", "quiet"]
TINY = preset("digits", "quick", epochs=1, train_examples=200, channels=[4, 8], hidden_size=16, progress="quiet")


def commands():
    """All commands, each once, without the environment before and the comment behind."""
    blocks = [block for page in PAGES for block in BLOCK.findall(page.read_text("utf-8"))]
    lines = [line for block in blocks for line in re.sub(r"\\\n *", "", block).splitlines()]
    return dict.fromkeys(
        re.sub(r"^ *(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?|\s+#.*$", "", line).strip() for line in lines if line.strip()
    )


def shown_outputs():
    """All commands that a page shows with their output, each with the page's name."""
    return [(page.stem, *found) for page in PAGES for found in CONSOLE.findall(page.read_text("utf-8"))]


@pytest.fixture
def here(monkeypatch):
    """The project's folder, as the commands expect; the published results, which they show."""
    monkeypatch.chdir(PROJECT)
    monkeypatch.delenv("UNCERTLR_RESULTS")


def own_set(folder, input_column, label_column):
    """A folder of random pictures in the hub's layout."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)) for _ in range(300)]
    features = datasets.Features({input_column: datasets.Image(), label_column: datasets.ClassLabel(names=["a", "b"])})
    rows = datasets.Dataset.from_dict({input_column: pictures, label_column: [0, 1] * 150}, features=features)
    rows.to_parquet(folder / "train-00000-of-00001.parquet")
    return str(folder)


def finished_sweep(folder):
    """A sweep of two runs, which are done."""
    base = TINY.model_dump(include={"epochs", "train_examples", "channels", "hidden_size"})
    arms = {"constant": {}, "report": {"rule": "threshold"}}
    grid = {"experiment": "digits", "profile": "quick", "base": base, "baselines": ["constant"], "arms": arms}
    (folder / "grid.yaml").write_text(json.dumps(grid), encoding="utf-8")
    for job in read_sweep(folder / "grid.yaml"):
        run(job.config)
    return str(folder / "grid.yaml")


def finished_trials(folder):
    """A sweep of two trials, which are done."""
    base = TINY.model_dump(include={"epochs", "train_examples", "channels", "hidden_size"}) | {"evaluate_test": False}
    arms = {"constant": {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}}
    grid = {"experiment": "digits", "profile": "quick", "base": base, "trials": 2, "arms": arms}
    (folder / "trials.yaml").write_text(json.dumps(grid), encoding="utf-8")
    for job in read_sweep(folder / "trials.yaml"):
        run(job.config)


def study_notebook(folder):
    """A notebook of a parameters cell and one line."""
    cells = [
        parameters_cell(preset("digits")),
        nbformat.v4.new_code_cell("print(epochs, channels)"),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "study.ipynb")
    return str(folder / "study.ipynb")


def small(arguments, elsewhere, monkeypatch):
    """The same command with little to do, and with real names in place of RUN_ID, NAME and files to write."""
    command = arguments[0]
    if "path/to/folder" in arguments:
        columns = [arguments[arguments.index(flag) + 1] for flag in ("--input-column", "--label-column")]
        return [own_set(elsewhere / "set", *columns) if word == "path/to/folder" else word for word in arguments] + SMALL
    if command == "run" and "--help" not in arguments:
        return ["run", "toy_reviews" if arguments[1] == "imdb" else "digits", *arguments[2:], *SMALL]
    if command == "sweep":
        return [*arguments, "--dry-run"]
    if command == "challenge":
        importable(PAGES_TEXT, elsewhere, monkeypatch)
        little = ["--profile", "quick", "--seeds", "2", "--root", str(elsewhere / "runs")]
        return ["challenge", str(elsewhere / arguments[1]), *little]
    if command == "notebook":
        return ["notebook", study_notebook(elsewhere), *arguments[2:-1], str(elsewhere / arguments[-1])]
    if command == "tune":
        finished_trials(elsewhere)
        return [str(elsewhere / word) if word.endswith(".yaml") else word for word in arguments]
    if "--sweep" in arguments or arguments == ["evidence", "sweeps/quick.yaml"]:
        monkeypatch.setenv("UNCERTLR_RESULTS", str(elsewhere / "results"))
        return [finished_sweep(elsewhere) if word.endswith(".yaml") else word for word in arguments]
    if command in ("evaluate", "results", "record", "show", "compare"):
        monkeypatch.setenv("UNCERTLR_RESULTS", str(elsewhere / "results"))
        seeds = itertools.count()
        found = [run(TINY.replace(seed=next(seeds))).run_id if word == "RUN_ID" else word for word in arguments]
        return [*found, "--output", str(elsewhere / "schedule.json")] if command == "record" else found
    return [str(elsewhere / word) if word.endswith(".csv") else word for word in arguments]


def test_there_are_commands_of_every_kind():
    assert len(commands()) > 15
    programs = {command.split()[0] for command in commands()}
    assert programs == {"make", "uncertlr", "papermill", "python", "python3", "dask", "pip"}


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith("make ")])
def test_make_commands_have_a_target(command):
    makefile = (PROJECT / "Makefile").read_text("utf-8").replace("$(READY)", ".venv/.ready")
    assert re.search(rf"^{re.escape(command.split()[1])}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith("uncertlr ")])
def test_our_own_commands_succeed(command, here, tmp_path, monkeypatch, capsys):
    arguments = small(shlex.split(command)[1:], tmp_path, monkeypatch)
    assert main(arguments) == 0, capsys.readouterr().err
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith(("python -m ", "python3 -m "))])
def test_modules_that_are_run_exist(command, here):
    assert importlib.util.find_spec(command.split()[2])


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith("dask ")])
def test_dask_is_given_options_that_it_knows(command):
    name, *arguments = shlex.split(command)[1:]
    importlib.import_module(f"distributed.cli.dask_{name}").main.make_context(name, arguments)


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith("papermill ")])
def test_papermill_is_given_notebooks_and_parameters_that_exist(command, here):
    words = shlex.split(command)[1:]
    if words[0] == "--help-notebook":
        result = CliRunner().invoke(papermill_command, words)
        assert result.exit_code == 0
        assert "learning_rate: float" in result.output
        return
    options = papermill_command.make_context("papermill", words).params
    given = {name: _resolve_type(value) for name, value in options["parameters"]}
    for text in options["parameters_yaml"]:
        given |= yaml.safe_load(text)
    assert options["output_path"].endswith(".ipynb")
    assert given.keys() <= papermill.inspect_notebook(options["notebook_path"]).keys()
    fields = given.pop("overrides", {}) | given
    assert preset("cifar10").replace(**fields).model_dump(include=set(fields)) == fields


def test_every_command_with_an_output_is_found():
    shown = sum(page.read_text("utf-8").count("```console\n$ .venv/bin/") for page in PAGES)
    assert shown == len(shown_outputs()) > 3


@pytest.mark.parametrize(("page", "command", "output"), shown_outputs(), ids=lambda value: value[:40])
def test_a_page_shows_what_its_command_prints(page, command, output, here, capfd):
    name, *arguments = shlex.split(command)
    if name == "uncertlr":
        main(arguments)
        printed = "".join(reversed(capfd.readouterr()))
    elif name == "python":
        (file,) = arguments
        text = (PROJECT / "book" / f"{page}.md").read_text("utf-8")
        (code,) = re.findall(rf"^```python\n(# {re.escape(file)}\n.*?)^```$", text, re.DOTALL | re.MULTILINE)
        exec(compile(code, file, "exec"), {"__name__": "__main__"})
        printed = capfd.readouterr().out
    else:
        printed = CliRunner().invoke(papermill_command, arguments).output
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.OutputChecker().check_output(output, printed, flags), printed


def test_the_guide_to_sweeps_shows_the_file_that_its_commands_use():
    (shown, *_) = re.findall(r"^```yaml\n(.*?)^```$", (PROJECT / "book" / "sweeps.md").read_text("utf-8"), re.DOTALL | re.M)
    assert yaml.safe_load(shown) == yaml.safe_load((PROJECT / "sweeps" / "quick.yaml").read_text("utf-8"))


def test_every_other_sweep_that_a_page_shows_can_be_read(tmp_path, monkeypatch):
    importable(PAGES_TEXT, tmp_path, monkeypatch)
    pages = (page.read_text("utf-8") for page in PAGES)
    files = [text for page in pages for text in re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)]
    sweeps = [text for text in files if "\narms:" in text]
    assert len(sweeps) > 1
    for text in sweeps:
        (tmp_path / "shown.yaml").write_text(text, encoding="utf-8")
        assert read_sweep(tmp_path / "shown.yaml")
