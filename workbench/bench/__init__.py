"""`make bench`: what tests, pages and checkouts cost, measured here and held against a target.

A target for a time can be missed on a slow or busy machine: that is told, and is no failure. A
target for a count of SQL statements is the same everywhere, and missing it fails the command.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from workbench.arguments import Parser
from workbench.bench.checkouts import measure_on_postgres, measure_on_sqlite
from workbench.bench.commands import measure_fresh_clones, measure_make_test
from workbench.bench.pages import measure_pages
from workbench.bench.results import Result
from workbench.bench.statements import measure_statements
from workbench.bench.suite import measure_tests
from workbench.environment import Problem

ROUNDS, QUICK_ROUNDS = 40, 12
# PostgreSQL need not be installed here.
OPTIONAL = "checkouts on PostgreSQL"


def main(argv: Sequence[str]) -> int:
    """Measure, and print a table.

    Returns 0 when all could be measured, 1 when a count is missed, 2 when something could not
    be measured. Raises Problem for wrong arguments.
    """
    wanted = read_arguments(argv)
    rounds = QUICK_ROUNDS if wanted.quick else ROUNDS
    steps: dict[str, Callable[[], list[Result]]] = {
        # A few rounds will do: each has more than a hundred tests.
        "tests": lambda: measure_tests(rounds // 6),
        "pages": lambda: measure_pages(rounds),
        "checkouts on SQLite": lambda: measure_on_sqlite(rounds // 2),
        OPTIONAL: lambda: measure_on_postgres(rounds // 2),
        "statements": measure_statements,
        "make test": measure_make_test,
    }
    if wanted.fresh_clone:
        steps["fresh clones"] = measure_fresh_clones
    results, failures = measure(steps)

    if results:
        print(f"\n{table(results)}\n\nMeasured on {machine()}.")
        print("Before against after for each behaviour: `make compare`.")
    for what, sentence in failures.items():
        print(f"Not measured, {what}: {sentence}", file=sys.stderr)
    return exit_code(results, failures)


def read_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Return `quick` and `fresh_clone`. Raises Problem for anything else."""
    parser = Parser(
        "make bench: {}; accepted are --quick and --fresh-clone.",
        prog="python3 -m workbench bench",
        allow_abbrev=False,
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, a wider spread")
    parser.add_argument(
        "--fresh-clone",
        action="store_true",
        help="also time a clone of the last commit until its tests are green: this downloads",
    )
    return parser.parse_args(argv)


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


def table(results: Sequence[Result]) -> str:
    """Return the results, a line each, under their sections."""
    lines = [f"{'':<40}{'measured':>9}  {'target':<9}{'':<8}{'quartiles':<12}".rstrip()]
    for section, members in groupby(results, key=lambda result: result.section):
        lines += [section, *(_line(result) for result in members)]
    return "\n".join(lines)


def _line(result: Result) -> str:
    # As many digits as it takes to see a target missed by little.
    ratio_digits = 3 if result.measured < 10 else 1
    digits = {"×": ratio_digits, "s": 1}.get(result.unit, 0)
    measured = f"{result.measured:.{digits}f} {result.unit}".rstrip()
    quartiles = "{:.2f}–{:.2f}".format(*result.quartiles) if result.quartiles else ""
    return (
        f"  {result.what:<38}{measured:>9}"
        f"  {result.target:<9}{result.verdict:<8}{quartiles:<12}{result.note}"
    ).rstrip()


def machine() -> str:
    """Return what the times depend on: processors, system, Python."""
    return (
        f"{os.cpu_count()} processors, {platform.system()} {platform.machine()},"
        f" {platform.python_implementation()} {platform.python_version()}"
    )


def exit_code(results: Sequence[Result], failures: Mapping[str, str]) -> int:
    """Return 2 where something is not measured, 1 where a count is missed, else 0."""
    if failures.keys() - {OPTIONAL}:
        return 2
    return int(any(result.exact and result.verdict == "missed" for result in results))
