"""Runs the suites and sums them up: `test`, `test-equal`, `test-postgres` and the like."""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TextIO

from workbench import coverage_page
from workbench.coverage_page import NOTHING
from workbench.environment import Problem
from workbench.postgres import running_postgres

BUILD = Path("build")
COVERAGE = BUILD / "coverage"
LAYERS = ("views", "services", "models")

# Exit codes of pytest.
USAGE_ERROR = 4
NOTHING_SELECTED = 5


# The tests of what is the same in both apps: they are written once, and are part of both suites.
CONTROL = "tests/control"


class Suite(NamedTuple):
    """A suite, and the package whose code it is there to reach; `tests` are its own tests."""

    name: str
    tests: str
    package: str

    @property
    def paths(self) -> tuple[str, str]:
        """Its own tests, and those that it shares with the other suite."""
        return self.tests, CONTROL

    @property
    def data(self) -> Path:
        """Where the coverage of its last run is."""
        return COVERAGE / f"{self.name}.data"


BEFORE = Suite("before", "tests/before", "before_mvt")
AFTER = Suite("after", "tests/after", "after_service_layer")


@dataclass(frozen=True)
class Run:
    """The result of one run of pytest; `setup_ms` is the median set-up of a test.

    `arguments` and `seed` repeat it in the same order; `with_app` tests asked for the app.
    """

    title: str
    arguments: tuple[str, ...]
    exit_code: int
    seconds: float
    passed: int = 0
    failed: int = 0
    with_app: int = 0
    setup_ms: float | None = None
    seed: int | None = None

    @property
    def good(self) -> bool:
        """Whether pytest found no failure; a suite may have no test for a `-k`."""
        return self.exit_code in (0, NOTHING_SELECTED)

    @property
    def tests(self) -> str:
        """How many tests ran, and what became of them."""
        if self.good:
            return f"{self.passed} passed"
        return f"{self.failed} failed, {self.passed} passed" if self.failed else "not run"


@dataclass(frozen=True)
class Arguments:
    """What the user wants from pytest: some paths below tests/, or everything, and options.

    `added` are options of the command itself, which the user need not repeat.
    """

    verb: str
    paths: tuple[str, ...]
    options: tuple[str, ...]
    added: tuple[str, ...] = ()

    def below(self, *tests: str) -> list[str]:
        """Which paths below these to give to pytest; none when only others are wanted."""
        return [path for path in self.paths if path.startswith(tests)] if self.paths else [*tests]

    def of(self, suite: Suite) -> list[str]:
        """Which paths to give to pytest for a suite.

        Those of the control belong to the suite that is named beside them, or else to both.
        """
        own = self.below(suite.tests)
        if own or not self.below(BEFORE.tests, AFTER.tests):
            return own + self.below(CONTROL)
        return []


def test(argv: Sequence[str]) -> int:
    """Run both suites, and print a table. To measure coverage would take as long again."""
    wanted = _arguments("test", argv)
    runs = _run_both_suites(wanted)
    print(f"\n{table(runs)}", flush=True)
    return _verdict(runs.values(), wanted)


def test_equal(argv: Sequence[str]) -> int:
    """Run the suite of `before` on both apps, then the tests that compare the two directly."""
    wanted = _arguments("test-equal", argv)
    return _verdict(_run_on_both_apps(wanted), wanted)


def test_postgres(argv: Sequence[str]) -> int:
    """Do what `test` and `test-equal` do, on a PostgreSQL server of their own."""
    with running_postgres() as url:
        wanted = replace(_arguments("test-postgres", argv), added=(f"--database={url}",))
        suites = _run_both_suites(wanted)
        print(f"\n{table(suites)}", flush=True)
        return _verdict([*suites.values(), *_run_on_both_apps(wanted)], wanted)


def _run_on_both_apps(wanted: Arguments) -> list[Run]:
    runs = []
    if paths := wanted.of(BEFORE):
        for package in (BEFORE.package, AFTER.package):
            title = f"{BEFORE.tests} on {package}"
            runs.append(_pytest(title, paths, wanted, ("--app", package)))
    if paths := wanted.below("tests/equivalence"):
        runs.append(_pytest("tests/equivalence", paths, wanted))
    print()
    for run in runs:
        print(f"{run.title:<36}{run.tests:>22}{run.seconds:>8.1f} s")
    return runs


def coverage(argv: Sequence[str]) -> int:
    """Run both suites, and write their coverage line by line and side by side."""
    COVERAGE.mkdir(parents=True, exist_ok=True)
    wanted = _arguments("coverage", argv)
    runs = _run_both_suites(wanted, with_coverage=True)
    for suite in runs:
        coverage_page.write_details(suite.data, COVERAGE / suite.name, suite.tests)
    page = COVERAGE / "index.html"
    page.write_text(
        coverage_page.side_by_side(
            coverage_page.read(BEFORE.data, BEFORE.package),
            coverage_page.read(AFTER.data, AFTER.package),
            (BEFORE.package, AFTER.package),
        ),
        encoding="utf-8",
    )
    print(f"\n{coverage_table(runs)}\n\nSide by side, and from there line by line: {page}")
    return _verdict(runs.values(), wanted)


def browser(argv: Sequence[str]) -> int:
    """Run the tests that drive a real browser."""
    wanted = _arguments("browser", argv)
    # Without a path pytest would run the other suites.
    paths = wanted.below("tests/browser")
    runs = [_pytest("tests/browser", paths, wanted)] if paths else []
    return _verdict(runs, wanted)


def table(runs: Mapping[Suite, Run]) -> str:
    """A line for each suite, and what its columns mean."""
    lines = [_row("", "tests", "use the app", "set-up", "time")]
    for suite, run in runs.items():
        ran = run.passed + run.failed
        lines.append(
            _row(
                suite.name,
                run.tests,
                f"{100 * run.with_app / ran:.0f} %" if ran else NOTHING,
                NOTHING if run.setup_ms is None else f"{run.setup_ms:.1f} ms",
                f"{run.seconds:.1f} s",
            )
        )
    return "\n".join(
        [
            *lines,
            "",
            "use the app: the share of tests that need the app, and not only a part of it",
            "set-up: the median time that a test takes to prepare",
            "Read on: `make coverage` shows the lines reached, `make compare` what a test needs.",
        ]
    )


def coverage_table(runs: Mapping[Suite, Run]) -> str:
    """A line for each suite: how much of the lines and branches of each layer it reaches."""
    lines = [_row("", "tests", *LAYERS)]
    for suite, run in runs.items():
        files = coverage_page.read(suite.data, suite.package)
        percents = (coverage_page.layer(files, layer).percent for layer in LAYERS)
        lines.append(_row(suite.name, run.tests, *percents))
    return "\n".join(lines)


def _row(name: str, tests: str, *cells: str) -> str:
    return f"{name:<8}{tests:>22}" + "".join(f"{cell:>13}" for cell in cells)


def _arguments(verb: str, argv: Sequence[str]) -> Arguments:
    parser = argparse.ArgumentParser(
        prog=f"python3 -m workbench {verb}",
        usage="%(prog)s [a path below tests/ ...] [any option of pytest ...]",
        allow_abbrev=False,
    )
    _, rest = parser.parse_known_args(argv)
    paths = tuple(argument for argument in rest if argument.startswith("tests/"))
    options = tuple(argument for argument in rest if argument not in paths)
    return Arguments(verb, paths, options)


def _run_both_suites(wanted: Arguments, *, with_coverage: bool = False) -> dict[Suite, Run]:
    """Run both suites side by side, since nearly every machine has two cores.

    With options they run one after the other: a debugger wants the terminal for itself, and the
    tables of a database that is named are there only once.
    """

    def run(suite: Suite, log: TextIO | None = None) -> Run:
        paths, app = wanted.of(suite), ("--app", suite.package)
        if not with_coverage:
            return _pytest(suite.tests, paths, wanted, app, log=log)
        suite.data.unlink(missing_ok=True)
        options = (*app, f"--cov={suite.package}", "--cov-report=")
        return _pytest(
            suite.tests, paths, wanted, options, {"COVERAGE_FILE": str(suite.data)}, log
        )

    suites = [suite for suite in (BEFORE, AFTER) if wanted.of(suite)]
    if wanted.options or wanted.added or len(suites) < 2:
        return {suite: run(suite) for suite in suites}
    BUILD.mkdir(exist_ok=True)
    with (
        ThreadPoolExecutor() as pool,
        (BUILD / "after.log").open("w+", encoding="utf-8") as log,
    ):
        after = pool.submit(run, AFTER, log)
        before = run(BEFORE)
        wait([after])
        print(AFTER.tests, Path(log.name).read_text("utf-8"), sep="\n", end="", flush=True)
    return {BEFORE: before, AFTER: after.result()}


def _pytest(
    title: str,
    paths: Sequence[str],
    wanted: Arguments,
    options: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    log: TextIO | None = None,
) -> Run:
    """Run pytest in a process of its own; its output is shown as it comes, or kept in a log."""
    tally = BUILD / f"tally-{title.replace('/', '-').replace(' ', '-')}.json"
    tally.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "workbench.tally", f"--tally={tally}"]
    command += [*paths, *options, *wanted.added, *wanted.options]

    if log is None:
        print(title, flush=True)
    started = time.monotonic()
    environ = {**os.environ, **(variables or {})}
    exit_code = subprocess.run(command, env=environ, stdout=log, stderr=log).returncode
    seconds = time.monotonic() - started
    if exit_code == USAGE_ERROR:
        raise Problem(f"{title} was not run, for the reason above.")

    arguments = (*paths, *wanted.options)
    if not tally.exists():
        # It could not even collect its tests.
        return Run(title, arguments, exit_code, seconds)
    counted = json.loads(tally.read_text("utf-8"))
    setups = counted.pop("setup_seconds")
    setup_ms = 1000 * statistics.median(setups) if setups else None
    return Run(title, arguments, exit_code, seconds, setup_ms=setup_ms, **counted)


def _verdict(runs: Iterable[Run], wanted: Arguments) -> int:
    """The exit code, and for what failed, how to see it again."""
    runs = list(runs)
    for run in runs:
        if run.failed and run.seed is not None:
            arguments = shlex.join([*run.arguments, f"--randomly-seed={run.seed}"])
            print(f"\n{run.title} again, in the same order:")
            print(f"make {wanted.verb} ARGS={shlex.quote(arguments)}")
    if not all(run.good for run in runs):
        return 1
    if not any(run.passed for run in runs):
        raise Problem("No test was selected.")
    return 0
