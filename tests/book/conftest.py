"""A headless Chromium, driven through its DevTools protocol."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.needs import BROWSERS

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # no network, whatever a page asks for
    "--remote-debugging-port=0",
]
READY = """
(async () => {
  for (const image of document.images) { image.loading = 'eager'; }
  await Promise.all([...document.images].map(image => image.decode().catch(() => 0)));
  if (window.MathJax && MathJax.startup) { await MathJax.startup.promise; }
  await document.fonts.ready;
})()
"""

SETTLED = """
(async () => {
  const transitions = document.getAnimations().filter(a => a instanceof CSSTransition);
  await Promise.all(transitions.map(t => t.finished.catch(() => 0)));
})()
"""


class Tab:
    """One page of the browser: what it did since it was opened is in `requests` and `errors`."""

    def __init__(self, address: str) -> None:
        import websocket

        self._socket = websocket.create_connection(address, timeout=60, suppress_origin=True)
        self._calls = 0
        self._loaded: set[str] = set()
        self._visited: set[str] = set()
        self.requests: list[str] = []
        self.errors: list[str] = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def close(self) -> None:
        """Let go of the browser."""
        self._socket.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._calls:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self._note(message)

    def open(self, url: str, width: int = 1024) -> None:
        """Load a page and wait until its images, fonts and mathematics are there."""
        self.resize(width)
        self.load(url)
        self.evaluate(READY)

    def load(self, url: str) -> None:
        """Load a page, with scripts or without, and wait for its load event."""
        loader = self.call("Page.navigate", url=url)["loaderId"]
        while loader not in self._loaded:
            self._note(json.loads(self._socket.recv()))

    def follow(self, url: str, target: str) -> None:
        """Go to a page that leads on at once; a timeout of the socket if it never gets to the target."""
        self.call("Page.navigate", url=url)
        while target not in self._visited:
            self._note(json.loads(self._socket.recv()))

    def resize(self, width: int) -> None:
        """Give the page a width in CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)

    def choose_theme(self, mode: str) -> None:
        """Show the page light or dark, and wait until its colours have stopped changing."""
        self.evaluate(f"document.documentElement.dataset.theme = {mode!r}")
        self.evaluate(SETTLED)

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited where it is a promise."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def _note(self, message: dict[str, Any]) -> None:
        method, content = message["method"], message["params"]
        if method == "Page.lifecycleEvent" and content["name"] == "load":
            self._loaded.add(content["loaderId"])
        elif method == "Page.frameNavigated":
            self._visited.add(content["frame"]["url"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(content["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = content["exceptionDetails"]
            self.errors.append(f"{details['text']} {details.get('exception', {}).get('description', '')}")
        elif method == "Runtime.consoleAPICalled" and content["type"] in {"error", "assert"}:
            self.errors.append(" ".join(str(value.get("value", value)) for value in content["args"]))
        elif method == "Log.entryAdded" and content["entry"]["level"] == "error":
            self.errors.append(f"{content['entry']['text']} {content['entry'].get('url', '')}")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address at which a fresh browser without network is controlled."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium on this machine: install the package chromium")
    profile = tmp_path_factory.mktemp("chromium")
    command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{_port(profile / 'DevToolsActivePort', process)}"
        finally:
            process.terminate()


@pytest.fixture
def tab(browser: str) -> Iterator[Tab]:
    """An empty page."""
    pytest.importorskip("websocket", reason="install websocket-client")
    target = _ask(f"{browser}/json/new?about:blank", "PUT")
    tab = Tab(target["webSocketDebuggerUrl"])
    yield tab
    tab.close()
    # asked of the browser: a page that has just been led elsewhere may refuse to close itself
    urllib.request.urlopen(f"{browser}/json/close/{target['id']}", timeout=30).close()


def _ask(address: str, method: str) -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=30) as answer:
        return json.load(answer)


def _port(file: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if file.is_file() and (lines := file.read_text().splitlines()):
            return lines[0]
        time.sleep(0.1)
    raise RuntimeError(f"{process.args[0]!r} did not start; its exit status is {process.poll()}")
