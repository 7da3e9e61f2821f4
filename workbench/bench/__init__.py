"""`make bench`: what tests and pages cost in time, measured here and held against a target.

A target for a time can be missed on a slow or busy machine: the table says so, and the command
succeeds.
"""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from workbench.arguments import Parser
from workbench.bench.pages import measure_pages
from workbench.bench.results import Result
from workbench.bench.service_tests import measure_service_tests
from workbench.environment import ROOT, Problem

ROUNDS, QUICK_ROUNDS = 40, 12
MAKE_TEST_SECONDS = 20


def main(argv: Sequence[str]) -> int:
    """Measure, and print a table.

    Returns 0 when all could be measured, else 2. Raises Problem for wrong arguments.
    """
    rounds = read_rounds(argv)
    steps: dict[str, Callable[[], list[Result]]] = {
        "tests of a service": lambda: measure_service_tests(rounds),
        "pages": lambda: measure_pages(rounds),
        "make test": measure_make_test,
    }
    results, failures = measure(steps)
    if results:
        print(f"\n{table(results)}\n\nMeasured on {machine()}.")
    for what, sentence in failures.items():
        print(f"Not measured, {what}: {sentence}", file=sys.stderr)
    return 2 if failures else 0


def read_rounds(argv: Sequence[str]) -> int:
    """Return how often to measure. Raises Problem for other arguments than --quick."""
    sentence = "make bench: {}; accepted is --quick."
    parser = Parser(sentence, prog="python3 -m workbench bench", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, a wider spread")
    return QUICK_ROUNDS if parser.parse_args(argv).quick else ROUNDS


def measure(
    steps: Mapping[str, Callable[[], list[Result]]],
) -> tuple[list[Result], dict[str, str]]:
    """Return all results, and for each step that cannot be measured the reason."""
    results: list[Result] = []
    failures: dict[str, str] = {}
    for number, (what, step) in enumerate(steps.items(), start=1):
        print(f"[{number}/{len(steps)}] Measuring {what} ...", file=sys.stderr, flush=True)
        try:
            results += step()
        except Problem as problem:
            failures[what] = str(problem)
    return results, failures


def measure_make_test() -> list[Result]:
    """Return how long `make test` takes, once, by the clock on the wall. Raises Problem."""
    command = [sys.executable, "-m", "workbench", "test"]
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True)
    seconds = time.monotonic() - started
    if done.returncode != 0:
        raise Problem("it fails: call it to see why.")
    return [Result("Waiting", "make test", "s", seconds, at_most=MAKE_TEST_SECONDS)]


def table(results: Sequence[Result]) -> str:
    """Return the results, a line each, under their sections."""
    lines = [f"{'':<40}{'measured':>9}  {'target':<9}{'':<8}{'quartiles':<12}".rstrip()]
    for section, members in groupby(results, key=lambda result: result.section):
        lines += [section, *(_line(result) for result in members)]
    return "\n".join(lines)


def _line(result: Result) -> str:
    # As many digits as it takes to see a target missed by little.
    digits = 3 if result.unit == "×" else 1
    measured = f"{result.measured:.{digits}f} {result.unit}"
    target = f"≤ {result.at_most:g} {result.unit}"
    quartiles = "{:.2f}–{:.2f}".format(*result.quartiles) if result.quartiles else ""
    return (
        f"  {result.what:<38}{measured:>9}"
        f"  {target:<9}{result.verdict:<8}{quartiles:<12}{result.note}"
    ).rstrip()


def machine() -> str:
    """Return what the times depend on: processors, system, Python."""
    return (
        f"{os.cpu_count()} processors, {platform.system()} {platform.machine()},"
        f" {platform.python_implementation()} {platform.python_version()}"
    )
