"""A notebook while it is executed, and how its kernel ends."""

import nbformat
import pytest

from uncertlr.config import preset
from uncertlr.runs.paths import paths_of
from uncertlr.runs.progress import read_progress
from uncertlr.sweep import worker
from uncertlr.sweep.notebook import execute_notebook

SLOW_AFTER_ITS_REPLY = """
import time
kernel = get_ipython().kernel
reply = kernel.shell_handlers["kernel_info_request"]  # the last message of all

async def reply_and_linger(*message):
    await reply(*message)
    time.sleep(0.3)

kernel.shell_handlers["kernel_info_request"] = reply_and_linger
"""


@pytest.mark.filterwarnings("ignore")  # Jupyter's own
def test_a_kernel_that_has_just_replied_is_not_interrupted(tmp_path, capfd):
    cell = nbformat.v4.new_code_cell(SLOW_AFTER_ITS_REPLY)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "short.ipynb")
    execute_notebook(tmp_path / "short.ipynb", tmp_path / "out.ipynb", {})
    assert "ERROR" not in capfd.readouterr().err


def test_a_notebook_that_is_being_executed_is_progress(tmp_path, monkeypatch):
    config = preset("digits", "quick", epochs=1, train_examples=200, root=str(tmp_path), progress="quiet")
    seen = []
    monkeypatch.setattr(worker, "execute_notebook", lambda *arguments: seen.append(read_progress([paths_of(config)])))
    assert not worker.carry_out(config, tmp_path / "any.ipynb").error
    assert "notebook" in seen[0][config.run_id].phase
    assert read_progress([paths_of(config)]) == {}
