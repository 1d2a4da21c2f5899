"""The notebooks as papermill and a reader of their source meet them."""

import json
import warnings

import nbformat
import papermill
import pytest

from uncertlr.book import NOTEBOOKS, execute_notebook
from uncertlr.config import RunConfig, parameter_cell, preset, type_name
from uncertlr.errors import ConfigError, RunError
from uncertlr.runs import load_run, paths_of, project_folder

DEFAULTS = {
    "quickstart": preset("digits", "quick", rule="threshold"),
    "uncertainty": preset("toy_reviews", "quick", epochs=10),
    "calibration": preset("digits", "quick"),
    "cifar10": preset("cifar10", "standard", rule="threshold"),
    "imdb": preset("imdb", "standard", rule="threshold"),
    "costs": preset("digits", "quick"),
    "your_own_model": preset("digits", "quick", rule="proportional", exponent=2.0, smoothing=0.9, epochs=8),
}
QUICK = {"dataset": "digits", "augment": False, "channels": [4, 8], "hidden_size": 16, "epochs": 2, "train_examples": 400}


def path(name):
    return project_folder() / "notebooks" / f"{name}.ipynb"


def test_all_notebooks_are_known():
    assert {file.stem for file in path("x").parent.glob("*.ipynb")} == set(DEFAULTS) == set(NOTEBOOKS)


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_parameters_are_run_configs(name):
    """Names, types, defaults and help, as papermill's own inspector reads them."""
    found = papermill.inspect_notebook(str(path(name)))
    assert list(found) == list(RunConfig.model_fields)
    for field, parameter in found.items():
        assert parameter["inferred_type_name"] == type_name(RunConfig.model_fields[field].annotation)
        assert parameter["help"]
        expected = getattr(DEFAULTS[name], field)
        default = {"True": "true", "False": "false"}.get(parameter["default"], parameter["default"])
        assert json.loads(default) == expected


@pytest.mark.parametrize("name", DEFAULTS)
def test_source_is_stripped_and_has_one_generated_parameters_cell(name):
    notebook = nbformat.read(path(name), as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    parameters = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert [cell.source for cell in parameters] == [parameter_cell(DEFAULTS[name])]
    assert "papermill" not in notebook.metadata


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_figure_has_a_caption_and_a_text_for_those_who_do_not_see_it(name):
    for cell in nbformat.read(path(name), as_version=4).cells:
        if cell.cell_type == "code" and "plt.show()" in cell.source:
            assert len(cell.metadata["mystnb"]["figure"]["caption"]) > 30
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 30


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dataset"), [("cifar10", "digits"), ("imdb", "toy_reviews")])
def test_new_parameters_train(name, dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameters = {**QUICK, "dataset": dataset, "root": str(tmp_path / "own"), "rule": "threshold"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Jupyter's, about its own ports and paths
        execute_notebook(path(name), tmp_path / "out.ipynb", parameters)
    config = DEFAULTS[name].replace(**parameters)
    for arm in (config, config.without_rule()):
        assert load_run(paths_of(arm)).record["status"] == "COMPLETED"
    figures = [
        output
        for cell in nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(figures) == 3


def test_an_unknown_parameter_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"quickstart\.ipynb has no parameter 'epoch'"):
        execute_notebook(path("quickstart"), tmp_path / "out.ipynb", {"epoch": 3})
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.slow
def test_a_failing_cell_is_an_error_and_leaves_no_page(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RunError, match=r"quickstart\.ipynb failed in cell \d+: ConfigError: invalid parameter epochs=0"):
            execute_notebook(path("quickstart"), tmp_path / "out.ipynb", {"epochs": 0})
    assert not (tmp_path / "out.ipynb").exists()
