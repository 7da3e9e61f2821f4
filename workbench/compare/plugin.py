"""The pytest plugin that counts what each test costs. Load it with `-p workbench.compare.plugin`.

When collection is done, a few tests run without being counted: of those that share the same
fixtures with others, the first by its name. They load what every test loads. From there,
the tests of a module or class that share the same fixtures get a forked process of their own, and
there they run one after the other, in the order of their names. So the order in which pytest has
them can neither make a test cheaper nor more expensive. A test runs three times:

1. With the fixtures it shares with other tests, those of the session, module or class, set up
   afresh by the first of the process: what that costs is counted, and charged to every test that
   uses them. Nothing else is, so that lazy imports and first-time caches are charged to no test.
2. With those still there, as in a suite that is under way: for the clock.
3. The same for the count: the test's own fixtures, its body, its tear-down.

The first case of each function is counted once more. Where the two counts differ, the report
names the test.

No function of the app or of a library is replaced in order to count: `ledger.py` asks Python's
own profiler. One thing is patched, so that a count is the same each time: SQLAlchemy's flush gets
sets that keep their order (`isolation.order_flushes`).
"""

import gc
import json
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from _pytest.nodes import Node
from _pytest.runner import runtestprotocol

from workbench.compare import isolation, source
from workbench.compare.ledger import Ledger

Json = dict[str, Any]
Reports = list[pytest.TestReport]
# Where fixtures stay set up after a run: a test's class or module, and all around it.
Keep = Node | None

# Seconds. A test may stop the clock: freezegun then replaces each global that is the function
# itself, those of pytest's own clock included, but not a `partial` of it.
CLOCK = partial(time.perf_counter)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("comparison")
    group.addoption("--count-into", metavar="FILE", help="count each test's cost into this file")
    group.addoption("--count-for", metavar="PACKAGE", help="the package that the tests are for")
    group.addoption("--count-path", metavar="PATH", help="its folder, or the file of a module")
    group.addoption(
        "--count-share", metavar="N/M", default="1/1", help="count one of M shares of the tests"
    )


def pytest_configure(config: pytest.Config) -> None:
    if file := config.getoption("--count-into"):
        if config.getoption("numprocesses", None):
            raise pytest.UsageError("Tests cannot be counted under pytest-xdist: leave out -n.")
        package, path = config.getoption("--count-for"), Path(config.getoption("--count-path"))
        counting = Counting(Path(file), package, path, config.getoption("--count-share"))
        config.pluginmanager.register(counting)


class Counting:
    """Runs every test as described above, and writes down what it cost."""

    def __init__(self, file: Path, package: str, path: Path, share: str) -> None:
        self.file = file
        self.package = package
        self.path = path
        self.share, self.shares = map(int, share.split("/"))
        self.openers: list[pytest.Item] = []  # until they have run
        self.groups: dict[tuple[str, ...], list[pytest.Item]] = {}
        self.outcomes: dict[str, Json] = {}
        self.tests: dict[str, Json] = {}
        self.shared: Json | None = None  # what the shared fixtures of this process cost
        self.ledger: Ledger | None = None  # there only while a run is being counted
        self.seconds: dict[str, float] = {}  # of each phase of the run before
        self.test_files: list[str] = []

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave the shares of other processes to them."""
        in_order = sorted(items, key=lambda item: item.nodeid, reverse=True)
        self.openers = list({shared_fixtures_of(item): item for item in in_order}.values())
        functions = sorted({function_of(item) for item in items})
        ours = set(functions[self.share - 1 :: self.shares])
        config.hook.pytest_deselected(items=[i for i in items if function_of(i) not in ours])
        items[:] = [item for item in items if function_of(item) in ours]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.test_files = source.test_files(session, self.path)
        for item in sorted(session.items, key=lambda item: item.nodeid):
            self.groups.setdefault(group_of(item), []).append(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool:
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        if self.openers:
            for opener in self.openers:
                quiet_run(opener, None)
            self.openers = []
            isolation.order_flushes()
            isolation.settle_memory()
        if item.nodeid not in self.outcomes:
            cases = self.groups[group_of(item)]
            measured = isolation.in_own_process(lambda: self.measure_group(cases))
            isolation.import_libraries(measured["imported"])
            self.outcomes |= measured["outcomes"]
        outcome = self.outcomes[item.nodeid]
        for data in outcome.pop("reports"):
            report = hook.pytest_report_from_serializable(config=item.config, data=data)
            hook.pytest_runtest_logreport(report=report)
        self.tests[item.nodeid] = source.describe(item) | outcome
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def measure_group(self, cases: Sequence[pytest.Item]) -> Json:
        """Measure tests that share the same fixtures; what comes back are plain values."""
        known = set(sys.modules)
        self.shared = None
        outcomes = {}
        known_functions = set[str]()
        for case in cases:
            is_first = function_of(case) not in known_functions
            known_functions.add(function_of(case))
            reports, figures = self.measure(case, case.parent, check=is_first)
            if any(report.failed for report in reports):
                # It may leave something in its session that must not be there in its next run.
                self.close(case)
                reports, figures = self.measure(case, None, check=is_first)
            serialize = case.config.hook.pytest_report_to_serializable
            outcomes[case.nodeid] = {
                **figures,
                "skipped": why_skipped(reports),
                "reports": [serialize(config=case.config, report=report) for report in reports],
            }
        self.close(cases[-1])
        return {"outcomes": outcomes, "imported": sorted(sys.modules.keys() - known)}

    def measure(self, case: pytest.Item, keep: Keep, *, check: bool) -> tuple[Reports, Json]:
        """Run one test as described above, and count it again for a `check`.

        One that does not pass has no figures.
        """
        gc.collect()
        reports, shared = self.counted_run(case, keep, shared=True)
        if not all_passed(reports):
            return reports, {}
        names = {fixture["name"] for fixture in shared["fixtures"]}
        # What it asks for only now and then, the tests after it must not be charged.
        is_alone = not names.issubset(shared_fixtures_of(case))
        if self.shared is not None:
            shared["fixtures"] = self.shared["fixtures"] + shared["fixtures"]
        self.shared = shared
        timed, seconds = quiet_run(case, keep), self.seconds
        counted, own = self.counted_run(case, keep, shared=False)
        counted_again, own_again = (
            self.counted_run(case, keep, shared=False) if check else (counted, own)
        )
        for each in (timed, counted, counted_again):
            if not all_passed(each):
                return each, {}
        if is_alone:
            self.close(case)
        return counted, {
            "seconds": seconds,
            "phases": own["phases"],
            "fixtures": shared["fixtures"] + own["fixtures"],
            "fixture_depth": max(own["depths"].values(), default=0),
            "steady": own == own_again,
            "repeatable": keep is not None,
        }

    def close(self, case: pytest.Item) -> None:
        """Tear down every fixture that is still set up."""
        case.session._setupstate.teardown_exact(None)
        self.shared = None

    def counted_run(self, case: pytest.Item, keep: Keep, *, shared: bool) -> tuple[Reports, Json]:
        known = self.shared["depths"] if self.shared else {}
        self.ledger = ledger = Ledger(self.package, self.path, shared=shared, depths=known)
        try:
            return quiet_run(case, keep), ledger.summary()
        finally:
            self.ledger = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, object, object]:
        with self.booked_to_phase("setup"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        with self.booked_to_phase("body"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        with self.booked_to_phase("teardown"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        if self.ledger is None or is_parameter(fixturedef):
            return (yield)
        with self.ledger.fixture(fixturedef):
            return (yield)

    @contextmanager
    def booked_to_phase(self, phase: str) -> Iterator[None]:
        if self.ledger is not None:
            with self.ledger.phase(phase):
                yield
            return
        started = CLOCK()
        try:
            yield
        finally:
            self.seconds = {**self.seconds, phase: CLOCK() - started}

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK  # the other shares have them
        result = {
            "tests": self.tests,
            "isolated": isolation.CAN_FORK,
            "test_files": self.test_files,
        }
        self.file.write_text(json.dumps(result), encoding="utf-8")


def function_of(item: pytest.Item) -> str:
    """What the cases of a parametrized test have in common."""
    return item.nodeid.partition("[")[0]


def group_of(item: pytest.Item) -> tuple[str, ...]:
    """What the tests of a process have in common: their module or class, and what they share."""
    return (item.parent.nodeid if item.parent else "", *shared_fixtures_of(item))


def shared_fixtures_of(item: pytest.Item) -> tuple[str, ...]:
    """The names of the fixtures of a test that others may share with it."""
    if not isinstance(item, pytest.Function):
        return ()
    found = item._fixtureinfo.name2fixturedefs
    shared = [
        name for name in item.fixturenames if name in found and found[name][-1].scope != "function"
    ]
    return tuple(sorted(shared))


def quiet_run(item: pytest.Item, keep: Keep) -> Reports:
    """Run a test once, with no garbage collection to break into it."""
    if isinstance(item, pytest.Function) and item.cls is not None:
        # A test in a class gets a new instance in every run, as it would from pytest.
        vars(item).pop("_instance", None)
        vars(item).pop("_obj", None)
    gc.disable()
    try:
        # pytest tears down what the next test does not need, and asks it only for its place.
        return runtestprotocol(item, log=False, nextitem=cast(Any, keep))
    finally:
        gc.enable()


def is_parameter(fixturedef: pytest.FixtureDef[Any]) -> bool:
    """pytest hands a test the values of `parametrize` as fixtures, which are in no file."""
    return getattr(fixturedef.func, "__name__", "") == "get_direct_param_fixture_func"


def all_passed(reports: Reports) -> bool:
    return all(report.passed and not hasattr(report, "wasxfail") for report in reports)


def why_skipped(reports: Reports) -> str | None:
    """The reason of a test that was skipped or expected to fail, None for any other."""
    for report in reports:
        if hasattr(report, "wasxfail"):
            return f"expected to fail: {report.wasxfail}".removesuffix(": ")
        if report.skipped and isinstance(report.longrepr, tuple):
            return report.longrepr[2].removeprefix("Skipped: ")
    return None
