"""Working copies of the notebooks in JupyterLab, in a browser: all cells run, and everything is shown.

Three notebooks are run; ``UNCERTLR_NOTEBOOKS=all``, or some names, runs others.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from uncertlr.book.build import NOTEBOOKS
from uncertlr.cli.lab import copy_notebooks, jupyter_options
from uncertlr.runs.naming import listed
from uncertlr.runs.paths import project_folder

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DEFAULT = ["quickstart", "entropy", "feedback"]
ASKED = os.environ.get("UNCERTLR_NOTEBOOKS", " ".join(DEFAULT))
CHOSEN = sorted(NOTEBOOKS) if ASKED == "all" else ASKED.split()
PATIENCE = 900
"""Seconds for all cells of one notebook, on a machine that is busy."""

ADDRESS = r"(http://127\.0\.0\.1:\d+)/lab\S*\?(token=\w+)"

PAGE = "[...jupyterapp.shell.widgets('main')][0]"
NOTEBOOK = f"{PAGE}.content"
IDLE = f"Boolean(window.jupyterapp) && {PAGE}?.sessionContext?.session?.kernel?.status === 'idle'"
RAN = f"""
[...{NOTEBOOK}.widgets].filter(cell => cell.model.type === 'code').map(cell => ({{
  source: cell.model.sharedModel.source,
  count: cell.model.executionCount,
  outputs: cell.model.outputs.toJSON(),
}}))
"""
MARKDOWN = f"[...{NOTEBOOK}.node.querySelectorAll('.jp-MarkdownCell .jp-RenderedMarkdown')].map(each => each.innerText)"
PICTURES = f"""
[...{NOTEBOOK}.node.querySelectorAll('.jp-RenderedSVG img, .jp-RenderedSVG svg')].map(
  picture => [picture.getBoundingClientRect().width, picture.getBoundingClientRect().height])
"""
RAW = re.compile(r"\$\$|\\frac|:::|\{[a-z:]+\}`|\*\*\w|</?details")
"""What a reader sees where Markdown or mathematics is not rendered."""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Address and token of a JupyterLab with working copies in a folder of its own."""
    pytest.importorskip("jupyterlab", reason="install jupyterlab")
    monkeypatch.delenv("UNCERTLR_RESULTS")  # the pages show what is published
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTERLAB_WORKSPACES_DIR", "JUPYTERLAB_SETTINGS_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    list(copy_notebooks(project_folder() / "notebooks", tmp_path / "lab"))
    with serving(tmp_path) as address:
        yield address


class serving:
    """A JupyterLab that is started as ``uncertlr lab`` starts it, in another folder; gives its address and its token."""

    def __init__(self, folder: Path) -> None:
        options = [*jupyter_options(folder), "--no-browser", "--ip=127.0.0.1", "--port=0"]
        self.command = [sys.executable, "-m", "jupyterlab", *options, "--LabApp.expose_app_in_browser=True"]
        self.log = folder / "jupyter.log"

    def __enter__(self) -> tuple[str, str]:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        try:
            return until(lambda: re.search(ADDRESS, self.log.read_text()), 120).groups()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(60)


def until(condition, seconds):
    """Wait for something to become true; its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.25)
    return value


def opened(tab, server, name):
    """Show a working copy, with its kernel started."""
    tab.resize(1400)
    address, token = server
    tab.call("Emulation.setFocusEmulationEnabled", enabled=True)  # commands are for the notebook that has the focus
    tab.load(f"{address}/lab/tree/lab/{name}.ipynb?reset&{token}")
    until(lambda: tab.evaluate(IDLE), 180)
    tab.evaluate(f"jupyterapp.shell.activateById({PAGE}.id)")


def ran(tab):
    """The code cells after *Run All Cells*, once the last one has ended."""
    tab.evaluate("window.allRan = null; void jupyterapp.commands.execute('notebook:run-all-cells').then(_ => allRan = true)")
    until(lambda: tab.evaluate("allRan"), PATIENCE)
    return tab.evaluate(RAN)


def shown(cells):
    """Source of the cells that failed, and how many pictures the others show."""
    outputs = [(cell["source"], output) for cell in cells for output in cell["outputs"]]
    failed = [(source, output["evalue"]) for source, output in outputs if output["output_type"] == "error"]
    return failed, sum("image/svg+xml" in output.get("data", {}) for _, output in outputs)


@pytest.mark.parametrize("name", CHOSEN)
def test_all_cells_run_and_all_is_shown(name, server, tab):
    opened(tab, server, name)
    cells = ran(tab)
    failed, pictures = shown(cells)
    assert failed == []
    assert all(cell["count"] for cell in cells)
    assert pictures == sum(len(re.findall(r"plots\.(show|LivePlot)\(", cell["source"])) for cell in cells)
    printed = "".join("".join(output.get("text", "")) for cell in cells for output in cell["outputs"])
    assert "IProgress" not in printed
    until(lambda: len(tab.evaluate(PICTURES)) == pictures, 120)  # cells out of sight are drawn when the browser is idle
    sizes = tab.evaluate(PICTURES)
    assert all(width > 200 and height > 50 for width, height in sizes)
    texts = tab.evaluate(MARKDOWN)
    assert texts
    assert [found[0] for text in texts if (found := RAW.search(text))] == []


CHANGED = {
    "calibration": {"epochs": 200},
    "cifar10": {"dataset": "digits", "profile": "quick"},
    "controls": {"seed": 11},
    "costs": {"num_samples": 8},
    "entropy": {"left_out": 3},
    "feedback": {"threshold": 0.7},
    "imdb": {"dataset": "toy_reviews", "profile": "quick"},
    "learning_rates": {"batch_size": 32},
    "quickstart": {"threshold": 0.7},
    "reading_the_report": {"confidence": 0.9},
    "two_kinds": {"prior_precision": 1.0},
    "verdict": {"margin": 1.0},
    "your_own_model": {"batch_size": 32},
}
"""What a reader may change. `code_changes` has nothing: no other study varies its fields with two values each."""
TYPE = """
(cell => cell.sharedModel.setSource({source}))(
  [...{notebook}.widgets].map(cell => cell.model).find(model => model.sharedModel.source === {before}))
"""


@pytest.mark.parametrize("name", ["entropy"] if CHOSEN == DEFAULT else [name for name in CHOSEN if name in CHANGED])
def test_changed_parameters_are_in_what_is_shown(name, server, tab):
    opened(tab, server, name)
    before = after = parameters_of(name)
    for parameter, value in CHANGED[name].items():
        after = re.sub(rf"(?m)^({parameter}: \w+ = )[^#\n]*", rf"\g<1>{value!r}  ", after)
    tab.evaluate(TYPE.format(notebook=NOTEBOOK, source=json.dumps(after), before=json.dumps(before)))
    cells = ran(tab)
    assert shown(cells)[0] == []
    assert after in [cell["source"] for cell in cells]
    texts = json.dumps([cell["outputs"] for cell in cells])
    assert [parameter for parameter, value in CHANGED[name].items() if listed({parameter: value}) not in texts] == []


def parameters_of(name):
    """The source of the parameters of a notebook."""
    notebook = nbformat.read(project_folder() / "notebooks" / f"{name}.ipynb", as_version=4)
    return next(cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))


KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9, " ": 32}
FIGURES = """
import torch
from uncertlr.book.interactive import dropout_masks, loop, points_on_a_line, reliability_over_epochs
from uncertlr.metrics import reliability_curve
labels = torch.randint(0, 3, (200,))
---
loop([1.0, 0.5, 0.2, 0.1], spacing=50, steps=200)
---
points_on_a_line(torch.randn(30), torch.arange(30) % 2)
---
reliability_over_epochs({e: reliability_curve((e * torch.randn(200, 3)).softmax(-1), labels) for e in range(1, 8)})
---
dropout_masks(torch.randn(4).abs(), torch.randn(3, 4), torch.randn(3), ["a", "b", "c"])
"""
FIGURE = "document.querySelectorAll('.interactive')[{}]"
FOCUS = "document.activeElement"


def press(tab, key):
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key])


def click(tab, element):
    """Press and release the mouse in the middle of an element."""
    tab.evaluate(f"{element}.scrollIntoView({{block: 'center'}})")
    middle = f"(box => [box.x + box.width / 2, box.y + box.height / 2])({element}.getBoundingClientRect())"
    place, before = tab.evaluate(middle), None
    while place != before:  # JupyterLab lays out what is scrolled into view, which may move the element
        time.sleep(0.1)
        place, before = tab.evaluate(middle), place
    x, y = place
    for kind in ("mousePressed", "mouseReleased"):
        tab.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def figures(tab, server, folder):
    """Open a notebook below whose title each cell shows an interactive figure."""
    cells = [nbformat.v4.new_markdown_cell("# Title"), *map(nbformat.v4.new_code_cell, FIGURES.split("---"))]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}  # or JupyterLab asks which
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "lab" / "figures.ipynb")
    opened(tab, server, "figures")
    assert shown(ran(tab)) == ([], 0)
    return [FIGURE.format(number) for number in range(4)]


def state(tab):
    """The number of the slider that has the focus, and everything that its figure says."""
    return float(tab.evaluate(f"{FOCUS}.value")), tab.evaluate(f"{FOCUS}.closest('.interactive').textContent")


def test_keys_are_for_the_figure_and_lists_are_not_squeezed(server, tmp_path, tab):
    """JupyterLab has shortcuts for arrow keys and the space bar, and gives the terms of a list a fifth of its width."""
    *with_sliders, masks = figures(tab, server, tmp_path)
    for cell, figure in enumerate(with_sliders, start=2):
        slider = f"{figure}.querySelector('input[type=range]')"
        click(tab, slider)
        before, text = state(tab)
        step = float(tab.evaluate(f"{slider}.step"))
        for key, moved in {"ArrowRight": 1, "ArrowUp": 2, "ArrowLeft": 1, "ArrowDown": 0}.items():
            press(tab, key)
            value, now = state(tab)
            assert value == pytest.approx(before + moved * step), (figure, key)
            assert (now == text) == (moved == 0), (figure, key)
        assert tab.evaluate(f"{slider} === {FOCUS}")
        assert tab.evaluate(f"{NOTEBOOK}.activeCellIndex") == cell

    loop, *_ = with_sliders
    click(tab, f"{loop}.querySelector('[name=threshold]')")
    press(tab, "Tab")
    assert tab.evaluate(f"{FOCUS}.name") == "low"
    before, text = state(tab)
    press(tab, "ArrowRight")
    value, now = state(tab)
    assert value == before + 1
    assert now != text

    click(tab, f"{masks}.querySelector('.unit')")
    press(tab, "ArrowRight")
    assert tab.evaluate(f"{FOCUS} === {masks}.querySelectorAll('.unit')[1]")
    pressed = tab.evaluate(f"{FOCUS}.ariaPressed")
    press(tab, " ")
    assert tab.evaluate(f"{FOCUS}.ariaPressed") != pressed

    assert tab.evaluate(f"{NOTEBOOK}.mode") == "command"
    assert not tab.evaluate(f"{NOTEBOOK}.widgets[0].headingCollapsed")
    heights = tab.evaluate(f"[...{loop}.querySelectorAll('dt, dd')].map(row => row.getBoundingClientRect().height)")
    assert len(heights) == 8
    assert max(heights) == pytest.approx(min(heights), abs=1)
