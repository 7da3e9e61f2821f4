"""What a test of a service costs, compared with the bare call of the service inside it.

The tests are the suite's own, those of a paid checkout; none is written to be timed. pytest runs
them in rounds, with this module as a plugin. The whole of a test is timed, with its fixtures and
what pytest itself does, and within it `Checkout.place`: statements, ticket codes and mail, with
the fakes of the suite for gateway and mail server. The first round pays for imports and tables,
and is not counted.
"""

import functools
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from workbench.bench.results import Result, clock, collector_off, times_as_long
from workbench.environment import ROOT, Problem

SECTION = "Tests of a service: the time of one, divided by that of the call it makes"
TESTS = "tests/after"
BEHAVIOUR = "checkout.paid"
MOST = 1.5
REPORT = Path("build", "bench", "service_tests.json")


def measure_service_tests(rounds: int) -> list[Result]:
    """Return how many times as long a test takes as its call. Raises Problem if one fails."""
    (ROOT / REPORT).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / REPORT).unlink(missing_ok=True)
    plugins = ["-p", "no:randomly", "-p", "workbench.bench.service_tests"]
    options = [f"--rounds={rounds + 1}", f"--rounds-report={REPORT}"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *options, TESTS]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise Problem(f"pytest fails on {TESTS}: `make test` says why.")
    return [compare(json.loads((ROOT / REPORT).read_text("utf-8")))]


def compare(rounds: list[list[tuple[float, float]]]) -> Result:
    """Return the ratio from the seconds of call and test, of each test in each round."""
    _, *counted = ([(call, test) for call, test in tests if call] for tests in rounds)
    if not counted[0]:
        raise Problem(f"{TESTS} has no test of a paid checkout that calls the service.")
    calls, tests = (
        [statistics.median(seconds[part] for seconds in of_round) for of_round in counted]
        for part in (0, 1)
    )
    what = f"a paid checkout, {len(counted[0])} tests"
    return times_as_long(SECTION, what, MOST, calls, tests)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rounds", type=int, default=1, help="how often all tests are run")
    parser.addoption("--rounds-report", metavar="FILE", help="where to write the seconds")


def pytest_configure(config: pytest.Config) -> None:
    rounds, report = config.getoption("--rounds"), Path(config.getoption("--rounds-report"))
    config.pluginmanager.register(Rounds(rounds, report))


class Rounds:
    """Runs the tests of a paid checkout without the app again and again, and times them."""

    def __init__(self, rounds: int, report: Path) -> None:
        self.rounds = rounds
        self.report = report
        self.in_call = 0.0
        self.seconds: list[tuple[float, float]] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # Whenever a test comes by again, pytest sets it up afresh.
        items[:] = [item for item in items if is_of_the_service(item)] * self.rounds

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        from after_service_layer.services.checkout import Checkout

        with patch.object(Checkout, "place", self.timed(Checkout.place)), collector_off():
            return (yield)

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def timed_call(*arguments: Any, **options: Any) -> Any:
            started = clock()
            try:
                return call(*arguments, **options)
            finally:
                self.in_call += clock() - started

        return timed_call

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self.in_call, started = 0.0, clock()
        try:
            return (yield)
        finally:
            self.seconds.append((self.in_call, clock() - started))

    def pytest_sessionfinish(self) -> None:
        size = len(self.seconds) // self.rounds
        rounds = [self.seconds[n * size : (n + 1) * size] for n in range(self.rounds)]
        self.report.write_text(json.dumps(rounds), encoding="utf-8")


def is_of_the_service(item: pytest.Item) -> bool:
    """Whether it is a test of a paid checkout that does not use the app."""
    named = {name for marker in item.iter_markers("behaviour") for name in marker.args}
    return BEHAVIOUR in named and "app" not in getattr(item, "fixturenames", ())
