"""A plugin of pytest for CI: what needs the real data or a browser may not skip on a machine that has them."""

import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Turn such a skip into a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and (there := _what_is_there(item)):
        report.outcome, report.longrepr = "failed", f"skipped, although {there}: {report.longrepr[-1]}"
    return report


def _what_is_there(item):
    needs_data = "real_data" in item.fixturenames or item.get_closest_marker("data")
    if needs_data and os.environ.get("UNCERTLR_DATA"):
        return "UNCERTLR_DATA is set"
    needs_more = item.get_closest_marker("skipif")  # such as axe-core
    if item.get_closest_marker("browser") and not needs_more and any(map(shutil.which, BROWSERS)):
        return "a browser is installed"
    return ""
