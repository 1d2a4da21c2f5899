"""The parameters of the notebooks are checked at once, and what papermill adds in vain is named."""

import ast
import os
import subprocess
import sys
import warnings

import nbformat
import papermill
import pytest

from uncertlr.book.parameters import check_parameters, check_values
from uncertlr.errors import ConfigError
from uncertlr.runs.paths import project_folder

NOTEBOOKS = sorted(path.stem for path in (project_folder() / "notebooks").glob("*.ipynb"))
FREE = ("seed", "exponent", "root", "dataset")
"""Parameters of which nearly every value of the right type makes sense."""


def start(name):
    """The cell of parameters and the one that follows, which checks them."""
    notebook = nbformat.read(project_folder() / "notebooks" / f"{name}.ipynb", as_version=4)
    parameters, check = notebook.cells[1:3]
    assert check.metadata.tags == ["check", "remove-input"]
    return parameters.source, check.source


def values_of(source):
    names = {}
    exec(source, names)
    return {name: value for name, value in names.items() if not name.startswith("__")}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_all_parameters_are_checked_and_the_defaults_make_sense(name):
    parameters, check = start(name)
    (call,) = [node for node in ast.walk(ast.parse(check)) if isinstance(node, ast.Call)]
    assert {word.arg: ast.unparse(word.value) for word in call.keywords} == {each: each for each in values_of(parameters)}
    check_values(values_of(parameters))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_wrong_value_of_every_parameter_is_refused_by_its_name(name):
    parameters, _ = start(name)
    values = values_of(parameters)
    for each, value in values.items():
        wrong = -1 if isinstance(value, int | float) else {"epoch": 3} if isinstance(value, dict) else "nothing like that"
        for bad in [[1, 2]] if each in FREE else [wrong, [1, 2]]:
            with pytest.raises(ConfigError, match="epoch" if bad == {"epoch": 3} else each):
                check_values(values | {each: bad})


def processor_seconds():
    """Of all processes that were started; other programs on the machine do not count."""
    times = os.times()
    return times.children_user + times.children_system


def test_a_wrong_value_is_refused_within_two_seconds():
    parameters, check = start("cifar10")
    code = f"{parameters}\nthreshold = 1.5\n{check}"
    before = processor_seconds()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert processor_seconds() - before < 2
    assert "threshold=1.5" in done.stderr
    heavy = "import sys; print({'torch', 'pandas', 'matplotlib'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", f"{parameters}\n{check}\n{heavy}"], text=True) == "set()\n"


def test_an_error_of_the_input_is_one_line_in_a_notebook():
    with pytest.raises(ConfigError) as caught:
        check_parameters(threshold=1.5)
    (line,) = caught.value._render_traceback_()
    assert "threshold=1.5" in line


def notebook(path, *cells):
    parameters, *others = [nbformat.v4.new_code_cell(cell) for cell in cells]
    parameters.metadata["tags"] = ["parameters"]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[parameters, *others], metadata=kernel), path)


CHECK = "from uncertlr.book.parameters import check_parameters\ncheck_parameters(epochs=epochs, overrides=overrides)"


@pytest.mark.slow
def test_papermill_alone_warns_of_a_parameter_that_it_adds_in_vain(tmp_path):
    notebook(tmp_path / "in.ipynb", "epochs: int = 5\noverrides: dict = {}", CHECK, "print('last')")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = {"epoch": 3, "batch_size": 32, "epochs": 2}
        papermill.execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", given, progress_bar=False)
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    first, second = cells[2].outputs[0]["text"].splitlines()
    assert "'epoch'" in first
    assert "'epochs'" in first
    assert "overrides: {batch_size: 32}" in second


@pytest.mark.slow
def test_a_changed_parameter_is_said_below_the_next_cell_and_checked(tmp_path):
    changes = ["epochs = 7", "print('same')", "epochs = 0", "epochs = 8"]
    notebook(tmp_path / "in.ipynb", "epochs: int = 5\noverrides: dict = {}", CHECK, *changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        papermill.execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", progress_bar=False)
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    texts = ["".join(output["text"] for output in cell.outputs) for cell in cells]
    assert "epochs=5" in texts[2]
    assert texts[3] == "same\n"
    assert "epochs=0" in texts[4]
    assert "epochs=7" in texts[5]  # no cell has run with the wrong value
