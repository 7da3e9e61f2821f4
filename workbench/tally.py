"""A small pytest plugin: writes the result of a run, as JSON, for the tables of `suites`."""

import json
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tally", metavar="FILE", help="where to write the result of this run")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--tally")
    if path:
        config.pluginmanager.register(Tally(Path(path)))


class Tally:
    """Counts the tests that ran, and keeps how many seconds the set-up of each one took."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.passed: set[str] = set()
        self.failed: set[str] = set()
        self.setup_seconds: dict[str, float] = {}
        self.with_app = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        names = [getattr(item, "fixturenames", ()) for item in session.items]
        # The second one is made once for all tests.
        self.with_app = sum(not {"app", "shared_app"}.isdisjoint(each) for each in names)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.passed and report.when == "setup":
            self.setup_seconds[report.nodeid] = report.duration
        elif report.passed and report.when == "call":
            self.passed.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        counted = {
            # A test can pass and then fail in its teardown.
            "passed": len(self.passed - self.failed),
            "failed": len(self.failed),
            # What asks for an app, directly or through other fixtures.
            "with_app": self.with_app,
            "setup_seconds": sorted(self.setup_seconds.values()),
            # What pytest-randomly shuffled the tests with: the same seed gives the same order.
            "seed": session.config.getoption("randomly_seed", None),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(counted), encoding="utf-8")
