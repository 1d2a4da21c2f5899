"""The command that executes a notebook, and the page that opens those of a sweep."""

import re

import nbformat
import pytest

from tests.cli.test_commands import study_notebook
from uncertlr.cli import main
from uncertlr.cli.notebook import write_index
from uncertlr.config import preset
from uncertlr.runs.paths import paths_of
from uncertlr.sweep import Job, executed_notebook
from uncertlr.sweep import notebook as module

KINDS = [
    ("-p", "epochs", "7"),
    ("-p", "own_rule", '{"a": 1}'),
    ("-p", "dropout", "0.25"),
    ("-p", "augment", "True"),
    ("-p", "rule", "threshold"),
]


@pytest.mark.filterwarnings("ignore")  # Jupyter's own
def test_a_notebook_is_executed_with_other_parameters(tmp_path, capsys):
    source, output = study_notebook(tmp_path), tmp_path / "out.ipynb"
    given = [word for kind in KINDS for word in kind]
    assert main(["notebook", source, *given, "-y", "channels: [4, 8]", "--output", str(output)]) == 0
    executed = nbformat.read(output, as_version=4)
    assert executed.cells[-1].outputs[0]["text"] == "7 [4, 8]\n"
    assert executed.metadata["papermill"]["parameters"] == {
        "epochs": 7, "own_rule": '{"a": 1}', "dropout": 0.25, "augment": True, "rule": "threshold", "channels": [4, 8],
    }  # fmt: skip
    assert capsys.readouterr().out.strip() == str(output)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-p", "epoch", "3"], ["'epoch'", "'epochs'"]),
        (["-p", "channels", "[4, 8]"], ["channels", "'[4, 8]'", "-y"]),
        (["-p", "epochs", "[1]"], ["epochs", "'[1]'", "-y"]),
        (["-p", "channels", "4"], ["channels"]),
        (["-p", "channels", "four"], ["channels", "-y"]),
        (["-y", "[1, 2]"], ["-y"]),
        (["-y", "a: ["], ["-y"]),
    ],
)
def test_what_is_wrong_with_a_parameter_is_found_before_the_notebook_runs(tmp_path, capsys, arguments, words):
    output = tmp_path / "out.ipynb"
    assert main(["notebook", study_notebook(tmp_path), *arguments, "--output", str(output)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert all(word in error for word in words)
    assert not output.exists()


def test_an_unknown_notebook_is_answered_with_the_nearest(capsys):
    assert main(["notebook", "quickstat"]) == 2
    assert "'quickstart'" in capsys.readouterr().err


def test_sockets_lie_where_their_path_is_short(tmp_path, monkeypatch):
    assert module._short_folder() is None
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path / ("x" * 100)))
    assert len(module._short_folder()) < module._LONGEST_FOLDER


def test_an_index_opens_the_notebooks_of_a_sweep(tmp_path):
    jobs = [Job(arm, preset("digits", "quick", rule=rule)) for arm, rule in (("constant", "none"), ("<i>", "threshold"))]
    missing = Job("missing", preset("digits", "quick", seed=9))
    for job in jobs:
        paths_of(job.config).directory.mkdir(parents=True)
        nbformat.write(nbformat.v4.new_notebook(), executed_notebook(job.config))
    page = write_index([*jobs, missing], "study")
    text = page.read_text()
    links = re.findall(r'href="([^"]+)"', text)
    assert len(links) == 4
    assert all((page.parent / link).is_file() for link in links)
    assert missing.run_id not in text
    assert "<i>" not in text
