"""`compare`: measures two versions of something tested with pytest, and reports on both.

Read `plugin.py` for how the cost of a test is counted, `figures.py` for what is made of it, and
`worse.py` for what is held against *after*.
"""

import argparse
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.arguments import Parser
from workbench.environment import Problem

# All that ties this tool to the box office.
BEFORE = "before_mvt:tests/before"
AFTER = "after_service_layer:tests/after"
OUT = "build/comparison"

STOPPED = 2
SUITE_IS_RED = 1


def main(argv: Sequence[str]) -> int:
    """Compare two suites and write the reports; 1 when a suite fails, 2 for bad input."""
    # Not at the top of the file: the plugin is in this package, and a process in which tests
    # are counted has no use for any of the rest.
    from workbench.compare.measure import RedSuite

    try:
        compare(arguments(argv))
    except RedSuite as red:
        print(red.output, file=sys.stderr)
        print(red, file=sys.stderr)
        return SUITE_IS_RED
    except Problem as problem:
        print(problem, file=sys.stderr)
        return STOPPED
    except KeyboardInterrupt:
        print("The comparison was stopped; nothing was written.", file=sys.stderr)
        return STOPPED
    return 0


def compare(wanted: argparse.Namespace) -> None:
    """Measure both suites, write the reports, and show the totals."""
    from rich.console import Console

    from workbench.compare import figures, measure, report, terminal

    suites = [measure.suite("before", wanted.before), measure.suite("after", wanted.after)]
    out = Path(wanted.out)
    report.check_writable(out)
    console = Console(markup=False, highlight=False)
    with tempfile.TemporaryDirectory(prefix="comparison-") as folder:
        with terminal.progress(console) as progress:
            before, after = measure.measure(suites, Path(folder), progress)
        result: dict[str, Any] = {
            "schema": 1,
            "python": platform.python_version(),
            "compared": {"before": wanted.before, "after": wanted.after},
            "versions": figures.versions(before, after),
            "isolated": before.isolated and after.isolated,
            "figures": figures.figures(before, after),
        }
        result["timings"] = figures.timings(result["figures"]["behaviours"], before, after)
        report.write(result, out)
    terminal.summary(console, result["figures"], str(out / "index.html"))


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        "compare: {}; `compare --help` lists what is accepted.",
        prog="python3 -m workbench compare",
        description="Compare two versions of something that is tested with pytest.",
        allow_abbrev=False,
    )
    for option, default in (("--before", BEFORE), ("--after", AFTER)):
        parser.add_argument(
            option,
            default=default,
            metavar="PACKAGE:TESTS",
            help="a package and its tests (%(default)s)",
        )
    parser.add_argument(
        "--out", default=OUT, metavar="DIR", help="where to write the reports (%(default)s)"
    )
    return parser.parse_args(argv)
