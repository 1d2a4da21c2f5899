"""The notebooks executed with papermill, as a batch user executes them."""

import re
import warnings

import nbformat
import pytest

from uncertlr import preset
from uncertlr.book.build import NOTEBOOKS
from uncertlr.errors import ConfigError, RunError
from uncertlr.runs.paths import paths_of, project_folder
from uncertlr.runs.store import read_run
from uncertlr.sweep.notebook import execute_notebook

SMALL = {
    "entropy": {"epochs": 1, "num_samples": 4, "left_out": 3, "seed": 1},
    "quickstart": {"epochs": 1, "batch_size": 32, "threshold": 0.9, "seed": 1},
    "your_own_model": {"epochs": 1, "num_samples": 4, "seed": 1},
    "costs": {"pairs": 2, "num_samples": 4, "batch_size": 8},
}
"""Other values than the page's, and little to do. The two experiments have a test of their own, on other data."""

QUICK = {"augment": False, "channels": [4, 8], "hidden_size": 16, "epochs": 2, "train_examples": 400}
PRINTS = "from uncertlr import preset\nprint(preset('digits').replace(epochs=epochs).replace(**overrides).batch_size)"


def path(name):
    return project_folder() / "notebooks" / f"{name}.ipynb"


def executed(name, target, parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Jupyter's, about its own ports and paths
        execute_notebook(path(name) if isinstance(name, str) else name, target, parameters)
    return [output for cell in nbformat.read(target, 4).cells for output in cell.get("outputs", [])]


def test_all_notebooks_are_known():
    assert sorted(file.stem for file in path("x").parent.glob("*.ipynb")) == sorted(NOTEBOOKS)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(NOTEBOOKS) - {"cifar10", "imdb"}))
def test_other_parameters_run_from_top_to_bottom(name, tmp_path, monkeypatch):
    monkeypatch.delenv("UNCERTLR_RESULTS")  # the pages show what is published
    outputs = executed(name, tmp_path / "out.ipynb", SMALL.get(name, {}))
    assert any("image/svg+xml" in output.get("data", {}) for output in outputs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "dataset", "pictures"), [("cifar10", "digits", 5), ("cifar10", "toy_reviews", 4), ("imdb", "toy_reviews", 4)]
)
def test_the_experiments_train_on_other_data(name, dataset, pictures, tmp_path, monkeypatch):
    monkeypatch.delenv("UNCERTLR_RESULTS")  # the claims are about what is published
    parameters = {"dataset": dataset, "profile": "quick", "threshold": 0.9, "root": str(tmp_path / "own"), **QUICK}
    outputs = executed(name, tmp_path / "out.ipynb", parameters)
    assert sum("image/svg+xml" in output.get("data", {}) for output in outputs) == pictures
    config = preset(dataset, "quick", rule="threshold", threshold=0.9, root=str(tmp_path / "own"), **QUICK)
    for method in (config, config.replace(decide_every=0), config.without_rule()):
        assert read_run(paths_of(method)).record["status"] == "COMPLETED"


@pytest.mark.parametrize("name", ["cifar10", "imdb"])
def test_what_the_experiments_draw_is_true_of_any_data_set(name):
    cells = [cell for cell in nbformat.read(path(name), as_version=4).cells if cell.cell_type == "code"]
    drawing = [re.sub(r"plots\.show\(.*", "", cell.source) for cell in cells if "plots.show(" in cell.source]
    assert drawing
    assert not [source for source in drawing if re.search(r"cifar|imdb|review|\d+ epochs", source, re.IGNORECASE)]


@pytest.fixture
def with_overrides(tmp_path):
    """A notebook with a parameter of its own and ``overrides``, which prints a batch size."""
    parameters = nbformat.v4.new_code_cell("epochs: int = 5  # passes\noverrides: dict = {}  # other fields")
    parameters.metadata["tags"] = ["parameters"]
    source = tmp_path / "one.ipynb"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[parameters, nbformat.v4.new_code_cell(PRINTS)], metadata=kernel), source)
    return source


@pytest.mark.slow
def test_every_field_of_a_run_may_be_given_by_its_name(with_overrides, tmp_path):
    outputs = executed(with_overrides, tmp_path / "out.ipynb", {"epochs": 2, "batch_size": 17, "overrides": {"seed": 3}})
    assert [output["text"] for output in outputs] == ["17\n"]


@pytest.mark.parametrize(("notebook", "name"), [("quickstart", "epoch"), ("entropy", "batch_size")])
def test_an_unknown_parameter_is_refused(notebook, name, tmp_path):
    with pytest.raises(ConfigError, match=rf"{notebook}\.ipynb.*'{name}'"):
        execute_notebook(path(notebook), tmp_path / "out.ipynb", {name: 3})
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.slow
@pytest.mark.parametrize("save_every_cell", [True, False])
def test_a_failing_cell_is_an_error_and_leaves_no_page(tmp_path, save_every_cell):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RunError, match=r"quickstart\.ipynb.* \d+\b.*ConfigError.* epochs=0"):
            execute_notebook(path("quickstart"), tmp_path / "out.ipynb", {"epochs": 0}, save_every_cell=save_every_cell)
    assert not (tmp_path / "out.ipynb").exists()
    assert "epochs=0" in (tmp_path / "out.part.ipynb").read_text(encoding="utf-8")
