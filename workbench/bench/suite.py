"""What a test of *after* costs, compared with an empty one.

The tests are the suite's own, with the suite's own fixtures; none is written to be timed. One
run of pytest, with no plugin but its own and the timer, takes in turns empty tests and all
tests of the use cases: those that ask for a database session are tests of a service, the others
are tests of a rule. The whole of a test is timed. Parameters are a cost of pytest's own: a test
that has some is compared with an empty test that has as many, and counts in a line of its own.

Each round compares the median of a group with that of the empty tests of the same round; what
is reported is the median over the rounds, and their quartiles. The first round is not counted:
it pays for the imports, and for what a session sets up once.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from workbench.bench.results import Result, paired_ratios, ratio_result
from workbench.bench.rounds import Record
from workbench.environment import ROOT, Problem

REPORT = Path("build", "bench", "rounds.json")
# As deep in folders as the suite, because pytest sets every folder up.
EMPTY = "build/bench/test_empty.py"
EMPTY_TESTS = 10
MOST_PARAMETERS = 8


# The tests of the use cases. Those of views, gateways and commands are not meant to be as quick.
USE_CASES = tuple(
    f"tests/after/test_{name}.py"
    for name in ("pricing", "catalogue", "event_page", "checkout", "vouchers", "orders", "cancel")
)


class Group(NamedTuple):
    """Tests with a database session, or without, and how many empty tests one may cost."""

    what: str
    session: bool
    target: float


GROUPS = (Group("a pure rule", False, 1.3), Group("a service, with SQLite", True, 6))


def measure_tests(rounds: int) -> list[Result]:
    """Return how many empty tests the others cost. Raises Problem when a test fails."""
    (ROOT / EMPTY).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / EMPTY).write_text(empty_tests(), encoding="utf-8")
    records = _run(rounds + 1, [EMPTY, *USE_CASES])
    return [result for group in GROUPS for result in compare_group(group, records)]


def empty_tests() -> str:
    """Return a module of empty tests, without parameters and with up to MOST_PARAMETERS."""
    lines = ["import pytest", ""]
    for count in range(MOST_PARAMETERS + 1):
        names = ", ".join("abcdefgh"[:count])
        for number in range(EMPTY_TESTS):
            if count:
                lines.append(f"@pytest.mark.parametrize({names!r}, [({'0, ' * count})])")
            lines += [f"def test_{count}_{number}({names}):", "    pass", ""]
    return "\n".join(lines)


def compare_group(group: Group, records: Sequence[Record]) -> list[Result]:
    """Return a line for the tests without parameters, and one for those that have some.

    Raises Problem where there is neither.
    """
    members = [
        record
        for record in records
        if record["file"] != EMPTY and record["session"] is group.session
    ]
    if not members:
        raise Problem(f"There is no test of {group.what} in {', '.join(USE_CASES)}.")
    plain = [record for record in members if not record["parameters"]]
    parametrised = [record for record in members if record["parameters"]]
    empty = _empty_seconds(records)
    return [
        _compare(what, group.target, tests, empty)
        for what, tests in ((group.what, plain), (f"{group.what}, parametrised", parametrised))
        if tests
    ]


def _compare(
    what: str, target: float, tests: Sequence[Record], empty: Sequence[Sequence[float]]
) -> Result:
    """Return how many empty tests one of these costs; `empty` is by parameters and round."""
    theirs = [empty[test["parameters"]] for test in tests]
    ours = [test["seconds"] for test in tests]
    ratios = [paired_ratios(one, other) for one, other in zip(theirs, ours, strict=True)]
    # Without the first round, which pays for the imports.
    return ratio_result(
        "Tests of after: the time of one, divided by the time of an empty one",
        what,
        target,
        _by_round(ratios)[1:],
        (_by_round(theirs)[1:], _by_round(ours)[1:]),
    )


def _empty_seconds(records: Sequence[Record]) -> list[list[float]]:
    """Return the median of the empty tests, by the number of their parameters and by round."""
    return [
        _by_round(
            [
                record["seconds"]
                for record in records
                if record["file"] == EMPTY and record["parameters"] == count
            ]
        )
        for count in range(MOST_PARAMETERS + 1)
    ]


def _by_round(samples: Iterable[Sequence[float]]) -> list[float]:
    """Return the median of many tests for each round."""
    return [statistics.median(of_one_round) for of_one_round in zip(*samples, strict=True)]


def _run(rounds: int, files: Sequence[str]) -> list[Record]:
    """Run these files so many times, and return what each test took. Raises Problem."""
    (ROOT / REPORT).unlink(missing_ok=True)
    plugins = "--import-mode=importlib --disable-plugin-autoload -p workbench.bench.rounds"
    command = [sys.executable, "-m", "pytest", "-q", f"--override-ini=addopts={plugins}"]
    command += [f"--rounds={rounds}", f"--rounds-report={REPORT}", *files]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise Problem("pytest fails on the tests of the use cases: `make test` says why.")
    records: list[Record] = json.loads((ROOT / REPORT).read_text("utf-8"))
    return records
