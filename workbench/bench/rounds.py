"""A small pytest plugin: runs the tests it is given again and again, and times each of them.

Those with parameters are left out.
"""

import gc
import json
from collections.abc import Generator
from pathlib import Path
from typing import TypedDict

import pytest

from workbench.bench.clock import clock, collector_off


class Record(TypedDict):
    """One test: its file, whether it asks for a database, and its seconds in each round."""

    file: str
    session: bool
    seconds: list[float]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rounds", type=int, default=1, help="how often all tests are run")
    parser.addoption("--rounds-report", metavar="FILE", help="where to write the seconds")


def pytest_configure(config: pytest.Config) -> None:
    report = Path(config.getoption("--rounds-report"))
    config.pluginmanager.register(Rounds(config.getoption("--rounds"), report))


class Rounds:
    """Times each test as a whole: set-up, body, teardown and report."""

    def __init__(self, rounds: int, report: Path) -> None:
        self.rounds = rounds
        self.report = report
        self.records: dict[str, Record] = {}
        self.first: pytest.Item | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if not hasattr(item, "callspec")]
        for item in items:
            self.records[item.nodeid] = {
                "file": item.nodeid.split("::")[0],
                "session": "session" in getattr(item, "fixturenames", ()),
                "seconds": [],
            }
        self.first = items[0] if items else None
        # Whenever a test comes by again, pytest sets it up afresh.
        items[:] = items * self.rounds

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        with collector_off():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if item is self.first:
            gc.collect()
        started = clock()
        try:
            return (yield)
        finally:
            self.records[item.nodeid]["seconds"].append(clock() - started)

    def pytest_sessionfinish(self) -> None:
        self.report.write_text(json.dumps(list(self.records.values())), encoding="utf-8")
