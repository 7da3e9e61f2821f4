"""`compare`: measures two versions of something tested with pytest, and reports on both.

Read `plugin.py` for how the cost of a test is counted, `figures.py` for what is made of it, and
`worse.py` for what is worse in *after*.
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

    suites = [
        measure.suite("before", wanted.before, wanted.before_args),
        measure.suite("after", wanted.after, wanted.after_args),
    ]
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
            "options": {"before": wanted.before_args, "after": wanted.after_args},
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
    for side in ("before", "after"):
        parser.add_argument(
            f"--{side}",
            metavar="PACKAGE:TESTS",
            help="a package and its tests, several separated by commas (those of this repository)",
        )
        parser.add_argument(
            f"--{side}-args",
            metavar="OPTIONS",
            help=f"options of pytest for these tests, as in --{side}-args='--app some_app'",
        )
    parser.add_argument(
        "--out", default=OUT, metavar="DIR", help="where to write the reports (%(default)s)"
    )
    wanted = parser.parse_args(argv)
    for side in ("before", "after"):
        if getattr(wanted, side) is None:
            default, options = suite_of_this_repository(side)
            setattr(wanted, side, default)
        else:
            options = ""
        if getattr(wanted, f"{side}_args") is None:
            setattr(wanted, f"{side}_args", options)
    return wanted


def suite_of_this_repository(side: str) -> tuple[str, str]:
    """PACKAGE:TESTS and options of what is compared when nothing is named.

    Nothing else ties this tool to the box office. Raises Problem where its libraries are missing.
    """
    try:
        from workbench import suites
    except ImportError as error:
        raise Problem(
            f"--{side} is needed: its default is a suite of this repository, whose libraries are"
            f" not installed here ({error.name})."
        ) from error
    suite = {"before": suites.BEFORE, "after": suites.AFTER}[side]
    # Some tests are in both suites, and run on the app that they are given.
    return f"{suite.package}:{','.join(suite.paths)}", f"--app {suite.package}"
