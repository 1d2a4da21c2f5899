"""What each folder of tests costs in CPU seconds: a table at the end of the tests in CI, and a budget that must be kept.

CPU time hardly depends on what else the machine does, and a budget is several times what was measured, so that a slow
or busy machine keeps it. A test that trains where it need not, or starts a process for every case, does not.
"""

import os
from collections import Counter

import pytest

BUDGETS = {
    "tests": 220,
    "tests/analysis": 100,
    "tests/book": 3000,
    "tests/cli": 120,
    "tests/data": 220,
    "tests/estimators": 100,
    "tests/faults": 30,
    "tests/figures": 40,
    "tests/golden": 30,
    "tests/integrations": 400,
    "tests/metrics": 40,
    "tests/models": 5,
    "tests/plots": 15,
    "tests/runs": 60,
    "tests/schedulers": 60,
    "tests/sweep": 200,
    "tests/training": 150,
}
"""CPU seconds, of the tests' own process and of those that it has started and waited for."""


class Budgets:
    """Adds up the CPU seconds of the tests by folder; with pytest-xdist each process measures and the first one adds up."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._last = 0.0

    def pytest_runtest_logstart(self) -> None:
        self._last = _cpu_seconds()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self):
        report = yield
        now = _cpu_seconds()
        report.cpu_seconds, self._last = now - self._last, now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.spent[folder_of(report.nodeid)] += getattr(report, "cpu_seconds", 0.0)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if over_budget(self.spent) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("CPU seconds by folder")
        for folder, seconds in self.spent.most_common():
            budget = BUDGETS.get(folder)
            terminalreporter.line(f"{seconds:8.1f}  {folder}" + (f", budget {budget}" if budget else ""))
        for folder in over_budget(self.spent):
            terminalreporter.line(f"{folder} is over its budget: see --durations=20, and tests/budgets.py", red=True)


def folder_of(nodeid: str) -> str:
    """The folder that a test is counted in, such as ``tests/metrics``; ``tests`` for the files that lie there."""
    folders = nodeid.partition("::")[0].split("/")[:-1]
    return "/".join(folders[:2])


def over_budget(spent: dict[str, float]) -> list[str]:
    return [folder for folder, seconds in spent.items() if seconds > BUDGETS.get(folder, float("inf"))]


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
