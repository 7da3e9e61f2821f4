"""Runs the suites and sums them up: `test`, `test-equal`, `test-postgres` and the like."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

from workbench import coverage_page
from workbench.coverage_page import NOTHING
from workbench.environment import Problem
from workbench.postgres import running_postgres

BUILD = Path("build/coverage")
LAYERS = ("views", "services", "models")

# Exit codes of pytest.
USAGE_ERROR = 4
NOTHING_SELECTED = 5


class Suite(NamedTuple):
    """A suite, and the package whose code it is there to reach."""

    name: str
    tests: str
    package: str

    @property
    def data(self) -> Path:
        """Where the coverage of its last run is."""
        return BUILD / f"{self.name}.data"


BEFORE = Suite("before", "tests/before", "before_mvt")
AFTER = Suite("after", "tests/after", "after_service_layer")


@dataclass(frozen=True)
class Run:
    """What one run of pytest came to; `setup_ms` is the median set-up of a test."""

    title: str
    exit_code: int
    seconds: float
    passed: int
    failed: int
    setup_ms: float | None
    seed: int | None

    @property
    def good(self) -> bool:
        """Whether pytest had nothing to complain of; a suite may have no test for a `-k`."""
        return self.exit_code in (0, NOTHING_SELECTED)

    @property
    def tests(self) -> str:
        """How many tests ran, and what became of them."""
        if self.good:
            return f"{self.passed} passed"
        return f"{self.failed} failed, {self.passed} passed" if self.failed else "not run"


@dataclass(frozen=True)
class Arguments:
    """What the user wants of pytest: some paths below tests/, or everything, and options."""

    paths: tuple[str, ...]
    options: tuple[str, ...]

    def below(self, tests: str) -> list[str]:
        """Which paths to give to pytest for one suite; none when only others are wanted."""
        return [path for path in self.paths if path.startswith(tests)] if self.paths else [tests]


def test(argv: Sequence[str]) -> int:
    """Run both suites with coverage, and print a table."""
    return _verdict(_run_both_suites(_arguments("test", argv)))


def test_equal(argv: Sequence[str]) -> int:
    """Run the suite of `before` on both apps, then the tests that compare them directly."""
    return _verdict(_run_on_both_apps(_arguments("test-equal", argv)))


def test_postgres(argv: Sequence[str]) -> int:
    """Do what `test` and `test-equal` do, on a PostgreSQL server of their own."""
    with running_postgres() as url:
        wanted = _arguments("test-postgres", [*argv, f"--database={url}"])
        return _verdict([*_run_both_suites(wanted), *_run_on_both_apps(wanted)])


def _run_both_suites(wanted: Arguments) -> list[Run]:
    runs = _run_with_coverage(wanted)
    print(f"\n{table(runs)}", flush=True)
    return list(runs.values())


def _run_on_both_apps(wanted: Arguments) -> list[Run]:
    runs = []
    if paths := wanted.below(BEFORE.tests):
        for package in (BEFORE.package, AFTER.package):
            app = ("--app", package)
            runs.append(_pytest(f"{BEFORE.tests} on {package}", paths, app + wanted.options))
    if paths := wanted.below("tests/equivalence"):
        runs.append(_pytest("tests/equivalence", paths, wanted.options))
    print()
    for run in runs:
        print(f"{run.title:<36}{run.tests:>22}{run.seconds:>8.1f} s")
    return runs


def coverage(argv: Sequence[str]) -> int:
    """Run both suites, and write their coverage line by line and side by side."""
    runs = _run_with_coverage(_arguments("coverage", argv))
    for suite in runs:
        coverage_page.write_details(suite.data, BUILD / suite.name, suite.tests)
    page = BUILD / "index.html"
    page.write_text(
        coverage_page.side_by_side(
            coverage_page.read(BEFORE.data, BEFORE.package),
            coverage_page.read(AFTER.data, AFTER.package),
            (BEFORE.package, AFTER.package),
        ),
        encoding="utf-8",
    )
    print(f"\nSide by side, and from there line by line: {page}")
    return _verdict(runs.values())


def browser(argv: Sequence[str]) -> int:
    """Run the tests that drive a real browser."""
    wanted = _arguments("browser", argv)
    # Without a path pytest would run the other suites.
    paths = wanted.below("tests/browser")
    runs = [_pytest("tests/browser", paths, wanted.options)] if paths else []
    return _verdict(runs)


def table(runs: Mapping[Suite, Run]) -> str:
    """A line for each suite, and what its columns mean."""
    lines = [_row("", "tests", "time", *LAYERS, "set-up")]
    for suite, run in runs.items():
        files = coverage_page.read(suite.data, suite.package)
        lines.append(
            _row(
                suite.name,
                run.tests,
                f"{run.seconds:.1f} s",
                *(coverage_page.layer(files, layer).percent for layer in LAYERS),
                NOTHING if run.setup_ms is None else f"{run.setup_ms:.1f} ms",
            )
        )
    return "\n".join(
        [
            *lines,
            "",
            "views, services, models: how much of their lines and branches the suite reaches",
            "set-up: the median time a test takes to prepare, with coverage on",
            "Read on: `make coverage` shows the lines, `make compare` where the time goes.",
        ]
    )


def _row(name: str, tests: str, *cells: str) -> str:
    return f"{name:<8}{tests:>22}" + "".join(f"{cell:>9}" for cell in cells)


def _arguments(verb: str, argv: Sequence[str]) -> Arguments:
    parser = argparse.ArgumentParser(
        prog=f"python3 -m workbench {verb}",
        usage="%(prog)s [a path below tests/ ...] [any option of pytest ...]",
        allow_abbrev=False,
    )
    _, rest = parser.parse_known_args(argv)
    paths = tuple(argument for argument in rest if argument.startswith("tests/"))
    return Arguments(paths, tuple(argument for argument in rest if argument not in paths))


def _run_with_coverage(wanted: Arguments) -> dict[Suite, Run]:
    """Run both suites side by side, since two cores are nearly everywhere.

    With options they run one after the other: a debugger wants the terminal for itself, and the
    tables of a database that is named are there only once.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    suites = [suite for suite in (BEFORE, AFTER) if wanted.below(suite.tests)]
    for suite in suites:
        suite.data.unlink(missing_ok=True)
    if wanted.options or len(suites) < 2:
        return {suite: _run_suite(suite, wanted) for suite in suites}
    said = BUILD / "after.log"
    with ThreadPoolExecutor() as pool, said.open("w+", encoding="utf-8") as log:
        after = pool.submit(_run_suite, AFTER, wanted, log)
        before = _run_suite(BEFORE, wanted)
        wait([after])
        print(AFTER.tests, said.read_text("utf-8"), sep="\n", end="", flush=True)
    return {BEFORE: before, AFTER: after.result()}


def _run_suite(suite: Suite, wanted: Arguments, log: TextIO | None = None) -> Run:
    options = (f"--cov={suite.package}", "--cov-report=", *wanted.options)
    return _pytest(suite.tests, wanted.below(suite.tests), options, suite.data, log)


def _pytest(
    title: str,
    paths: Sequence[str],
    options: Sequence[str],
    coverage_data: Path | None = None,
    log: TextIO | None = None,
) -> Run:
    """Run pytest in a process of its own; its output is shown as it comes, or kept in a log."""
    tally = Path(f"build/tally-{coverage_data.stem if coverage_data else 'plain'}.json")
    tally.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "workbench.tally", f"--tally={tally}"]
    environ = dict(os.environ)
    if coverage_data:
        environ["COVERAGE_FILE"] = str(coverage_data)

    if log is None:
        print(title, flush=True)
    started = time.monotonic()
    exit_code = subprocess.run(
        [*command, *paths, *options], env=environ, stdout=log, stderr=log
    ).returncode
    seconds = time.monotonic() - started
    if exit_code == USAGE_ERROR:
        raise Problem(f"{title} was not run, for the reason above.")

    # A run that could not even collect its tests counts none.
    counted = json.loads(tally.read_text("utf-8")) if tally.exists() else {}
    setups = counted.get("setup_seconds")
    return Run(
        title=title,
        exit_code=exit_code,
        seconds=seconds,
        passed=counted.get("passed", 0),
        failed=counted.get("failed", 0),
        setup_ms=1000 * statistics.median(setups) if setups else None,
        seed=counted.get("seed"),
    )


def _verdict(runs: Iterable[Run]) -> int:
    """The exit code, and for what failed, how to see it again."""
    runs = list(runs)
    for run in runs:
        if run.failed and run.seed is not None:
            print(f"\n{run.title}, the same order again: ARGS=--randomly-seed={run.seed}")
    if not all(run.good for run in runs):
        return 1
    if not any(run.passed for run in runs):
        raise Problem("No test was selected.")
    return 0
