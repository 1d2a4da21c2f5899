"""The notebooks as papermill and a reader of their source meet them."""

import json
import re
import warnings

import nbformat
import papermill
import pytest

from uncertlr.book.build import NOTEBOOKS
from uncertlr.book.parameters import StudyParameters
from uncertlr.config import parameter_cell, preset, type_name
from uncertlr.errors import ConfigError, RunError
from uncertlr.runs.paths import paths_of, project_folder
from uncertlr.runs.store import read_run
from uncertlr.sweep.notebook import execute_notebook

DEFAULTS = {
    "quickstart": preset("digits", "quick", rule="threshold"),
    "uncertainty": preset("toy_reviews", "quick", epochs=10),
    "calibration": preset("digits", "quick"),
    "feedback": preset("digits", "standard", rule="threshold", min_factor=0.1, epochs=60),
    "cifar10": preset("cifar10", "standard", rule="threshold"),
    "imdb": preset("imdb", "standard", rule="threshold"),
    "controls": StudyParameters(),
    "verdict": StudyParameters(),
}
QUICK = {"dataset": "digits", "augment": False, "channels": [4, 8], "hidden_size": 16, "epochs": 2, "train_examples": 400}
SMALL = {
    "quickstart": {"epochs": 1, "train_examples": 200, "channels": [4, 8], "hidden_size": 16, "seed": 1},
    "uncertainty": {"epochs": 1, "hidden_size": 8, "embedding_size": 8, "num_samples": 4, "seed": 1},
    "calibration": {"epochs": 1, "channels": [4, 8], "hidden_size": 16, "seed": 1},
    "your_own_model": {"epochs": 1, "num_samples": 4, "seed": 1},
    "costs": {"pairs": 2, "num_samples": 4, "batch_size": 8},
}
"""Other values than the page's, and little to do. The two experiments have a test of their own, on other data."""

DRAWS = re.compile(r"plt\.show\(\)|Frames\(|_frames\(|step_through\(|_figure\(study")
WITHOUT_NUMBERS = {"feedback-loop", "costs-idea"}
"""Figures that are pictures and have no numbers to save."""


def path(name):
    return project_folder() / "notebooks" / f"{name}.ipynb"


def test_all_notebooks_are_known():
    assert {file.stem for file in path("x").parent.glob("*.ipynb")} == set(DEFAULTS) == set(NOTEBOOKS)


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_parameters_are_those_of_a_run_or_of_the_evidence(name):
    """Names, types, defaults and help, as papermill's own inspector reads them."""
    found, fields = papermill.inspect_notebook(str(path(name))), type(DEFAULTS[name]).model_fields
    assert list(found) == [field for field in fields if field in found]  # all of them, in their order
    for field, parameter in found.items():
        assert parameter["inferred_type_name"] == type_name(fields[field].annotation)
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
    fields = list(papermill.inspect_notebook(str(path(name))))
    assert [cell.source for cell in parameters] == [parameter_cell(DEFAULTS[name], fields)]
    assert "papermill" not in notebook.metadata


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_figure_has_a_caption_and_a_text_for_those_who_do_not_see_it(name):
    for cell in nbformat.read(path(name), as_version=4).cells:
        if cell.cell_type == "code" and re.search(
            r"plt\.show\(\)|Frames\(|_frames\(|step_through\(|_figure\(study", cell.source
        ):
            assert len(cell.metadata["mystnb"]["figure"]["caption"]) > 30
        if cell.cell_type == "code" and "plt.show()" in cell.source:
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 30


@pytest.mark.parametrize("name", DEFAULTS)
def test_beside_every_figure_stand_its_runs_and_its_numbers(name):
    cells = nbformat.read(path(name), as_version=4).cells
    figures = [cell.metadata["mystnb"]["figure"]["name"] for cell in cells if "figure" in cell.metadata.get("mystnb", {})]
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    told = set(re.findall(r'figure_data\(\s*"([^"]+)"', code))
    assert {figure.removeprefix("fig-") for figure in figures} - WITHOUT_NUMBERS == told


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(NOTEBOOKS) - {"cifar10", "imdb"}))
def test_other_parameters_run_from_top_to_bottom(name, tmp_path, monkeypatch):
    monkeypatch.delenv("UNCERTLR_RESULTS")  # the pages show what is published
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        execute_notebook(path(name), tmp_path / "out.ipynb", SMALL.get(name, {}))
    outputs = [output for cell in nbformat.read(tmp_path / "out.ipynb", 4).cells for output in cell.get("outputs", [])]
    assert any("image/svg+xml" in output.get("data", {}) for output in outputs)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dataset", "pictures"), [("cifar10", "digits", 5), ("imdb", "toy_reviews", 3)])
def test_new_parameters_train(name, dataset, pictures, tmp_path, monkeypatch):
    monkeypatch.delenv("UNCERTLR_RESULTS")  # the claims are about what is published
    monkeypatch.chdir(tmp_path)
    parameters = {**QUICK, "dataset": dataset, "root": str(tmp_path / "own"), "rule": "threshold"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Jupyter's, about its own ports and paths
        execute_notebook(path(name), tmp_path / "out.ipynb", parameters)
    config = DEFAULTS[name].replace(**parameters)
    for arm in (config, config.without_rule()):
        assert read_run(paths_of(arm)).record["status"] == "COMPLETED"
    assert shown(tmp_path / "out.ipynb") == (pictures, 1)


@pytest.mark.slow
def test_the_chapter_on_the_loop_is_rendered_from_published_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("UNCERTLR_RESULTS", str(project_folder() / "results"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        execute_notebook(path("feedback"), tmp_path / "out.ipynb", {})
    assert shown(tmp_path / "out.ipynb") == (7, 2)
    outputs = [output for cell in nbformat.read(tmp_path / "out.ipynb", 4).cells for output in cell.get("outputs", [])]
    text = "\n".join(str(output.get("data", {})) for output in outputs)
    assert re.search(r"lowest threshold</th>\\n +<td>0.65<", text)  # the solutions of the exercises
    for name, ends in (("rises", "0.010 to 0.010"), ("falls", "0.010 to 0.056")):
        assert re.search(rf"{name} with the rate, speed 0.1</th>\\n +<td>[\d.]+</td>\\n +<td>{ends}", text)
    assert re.search(r"rises with the rate, speed 0.05</th>\\n +<td>[\d.]+</td>\\n +<td>10.000 to 10.000", text)
    records = [json.loads(file.read_text()) for file in (tmp_path / "runs").glob("*/run.json")]
    assert records
    assert all("published" in record for record in records), "a run was trained"


def shown(file):
    """How many pictures, and how many figures in frames, an executed notebook shows."""
    cells = nbformat.read(file, as_version=4).cells
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    frames = [data for data in outputs if '<div class="frames"' in data.get("text/html", "")]
    return sum("image/svg+xml" in data for data in outputs), len(frames)


def test_an_unknown_parameter_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"'epoch'"):
        execute_notebook(path("quickstart"), tmp_path / "out.ipynb", {"epoch": 3})
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.slow
@pytest.mark.parametrize("save_every_cell", [True, False])
def test_a_failing_cell_is_an_error_and_leaves_no_page(tmp_path, save_every_cell):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RunError, match=r"quickstart\.ipynb .*epochs=0"):
            execute_notebook(path("quickstart"), tmp_path / "out.ipynb", {"epochs": 0}, save_every_cell=save_every_cell)
    assert not (tmp_path / "out.ipynb").exists()
    assert "invalid parameter epochs=0" in (tmp_path / "out.part.ipynb").read_text(encoding="utf-8")
