"""What a test of *after* costs, compared with an empty one.

The tests are the suite's own, with the suite's own fixtures; none is written to be timed. One
run of pytest, with no plugin but its own and the timer, takes in turns empty tests and all
tests of the use cases: those that ask for a database session are tests of a service, the others
are tests of a rule. The whole of a test is timed. Parameters are a cost of pytest's own, so a
test that has some is left out.

Each round compares the median of a group with that of the empty tests of the same round; what
is reported is the median over the rounds, and their quartiles. The first round is not counted:
it pays for the imports, and for what a session sets up once.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from workbench.bench.results import Result, times_as_long
from workbench.bench.rounds import Record
from workbench.environment import ROOT, Problem

SECTION = "Tests of after: the time of one, divided by the time of an empty one"
REPORT = Path("build", "bench", "rounds.json")
# As deep in folders as the suite, because pytest sets every folder up.
EMPTY = "build/bench/test_empty.py"
EMPTY_TESTS = "".join(f"def test_{number}():\n    pass\n\n\n" for number in range(20))

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
    (ROOT / EMPTY).write_text(EMPTY_TESTS, encoding="utf-8")
    records = _run(rounds + 1, [EMPTY, *USE_CASES])
    return [compare_group(group, records) for group in GROUPS]


def compare_group(group: Group, records: Sequence[Record]) -> Result:
    """Return how many empty tests one of the group costs. Raises Problem where it has none."""
    empty = [record for record in records if record["file"] == EMPTY]
    members = [
        record
        for record in records
        if record["file"] != EMPTY and record["session"] is group.session
    ]
    if not members:
        raise Problem(f"There is no test of {group.what} in {', '.join(USE_CASES)}.")
    return times_as_long(
        SECTION, group.what, group.target, _by_round(empty)[1:], _by_round(members)[1:]
    )


def _by_round(tests: Sequence[Record]) -> list[float]:
    """Return the median of many tests for each round."""
    seconds = [test["seconds"] for test in tests]
    return [statistics.median(of_one_round) for of_one_round in zip(*seconds, strict=True)]


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
