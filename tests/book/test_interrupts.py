"""A training cell that is interrupted in a live kernel, and run again."""

import time
import warnings

import pytest
from jupyter_client.manager import start_new_kernel

IMPORTS = "from uncertlr import preset, run"
CONFIG = 'config = preset("digits", "quick", epochs=400, rule="threshold", threshold=0.9, channels=[4, 8], hidden_size=16)'
TRAIN = "paths = run(config, wait=True)"
COUNT = "from uncertlr.runs.paths import paths_of\nprint(len(list(paths_of(config).directory.glob('trace-*'))))"
CHECK = "epochs: int = 5\nfrom uncertlr.book.parameters import check_parameters\ncheck_parameters(epochs=epochs)"
LOOP = """
import torch
model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 2))
optimizer = torch.optim.Adam(model.parameters())
while True:
    optimizer.zero_grad()
    model(torch.randn(8, 4)).sum().backward()
    optimizer.step()
    print("step")
"""
SLOW = """
import time
import uncertlr.training.run as training
training.load_config_data = lambda *_: (print("now"), time.sleep(60))
"""


@pytest.fixture
def kernel(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Jupyter's, about its own ports and paths
        manager, client = start_new_kernel(kernel_name="python3")
        yield manager, client
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def answers(client, code, on_line=lambda line: None):
    """All text that a cell prints, and the traceback of its error."""
    printed, traceback = "", []
    request = client.execute(code)
    while True:
        message = client.get_iopub_msg(timeout=240)
        if message["parent_header"].get("msg_id") != request:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            printed += content["text"]
            on_line(printed)
        elif kind == "error":
            traceback = content["traceback"]
        elif kind == "status" and content["execution_state"] == "idle":
            return printed, traceback


@pytest.mark.slow
def test_an_interrupt_is_one_line_and_the_next_run_says_from_where(kernel):
    manager, client = kernel
    assert answers(client, f"{IMPORTS}\n{CONFIG}") == ("", [])
    sent = []

    def interrupt_in_the_third_epoch(printed):
        if printed.count("\nepoch") >= 2 and not sent:
            sent.append(time.monotonic())
            manager.interrupt_kernel()

    printed, traceback = answers(client, TRAIN, interrupt_in_the_third_epoch)
    assert time.monotonic() - sent[0] < 10
    assert "digits-threshold-s0-" in printed
    assert "threshold=0.9" in printed
    (line,) = traceback
    assert "of 400" in line
    count, _ = answers(
        client, "from uncertlr.runs.paths import paths_of\nprint(len(list(paths_of(config).directory.glob('trace-*'))))"
    )
    epochs = int(count)
    assert epochs >= 2

    def interrupt_at_once(printed):
        if printed.count("\nepoch") >= 1 and len(sent) == 1:
            sent.append(time.monotonic())
            manager.interrupt_kernel()

    printed, _ = answers(client, TRAIN, interrupt_at_once)
    assert f" {epochs} of 400" in printed


@pytest.mark.slow
def test_an_interrupt_before_training_is_one_line_too(kernel):
    manager, client = kernel
    assert answers(client, f"{IMPORTS}\n{CONFIG}\n{SLOW}") == ("", [])
    _, traceback = answers(client, TRAIN, lambda printed: manager.interrupt_kernel())
    (line,) = traceback
    assert "loading data" in line


@pytest.mark.slow
def test_an_interrupt_of_a_loop_by_hand_is_one_line(kernel):
    manager, client = kernel
    assert answers(client, CHECK) == ("", [])
    sent = []

    def interrupt(printed):
        if not sent:
            sent.append(printed)
            manager.interrupt_kernel()

    _, traceback = answers(client, LOOP, interrupt)
    assert len(traceback) == 1
    assert answers(client, "print(len(list(model.parameters())))") == ("4\n", [])
