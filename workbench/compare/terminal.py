"""What the comparison shows in the terminal: progress while it runs, and a short table."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from workbench.compare import measure
from workbench.compare.wording import control_verdict, number, per_test, times

Json = dict[str, Any]
# A line of the table: label, before, after.
Line = tuple[str, float | None, float | None]

# So that the table and what is around it stay within 30 lines.
MOST_GROUPS = 5
MOST_LAYERS = 4


@contextmanager
def progress(console: Console) -> Iterator[measure.Progress]:
    """Bars in a terminal; elsewhere, as in a log, a line for each quarter that is done."""
    if not console.is_terminal:
        yield lines(console)
        return
    columns = [TextColumn("measuring {task.description}"), BarColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {label: bars.add_task(label, total=100) for label in ("before", "after")}
        yield lambda label, percent: bars.update(tasks[label], completed=percent)


def lines(console: Console) -> measure.Progress:
    started = time.monotonic()
    reported = dict.fromkeys(("before", "after"), 0)

    def show(label: str, percent: int) -> None:
        if percent >= reported[label] + 25:
            reported[label] = percent - percent % 25
            seconds = time.monotonic() - started
            console.print(f"measuring {label}: {reported[label]} % after {seconds:.0f} s")

    return show


def summary(console: Console, figures: Json, page: str) -> None:
    """Medians, the costliest groups, coverage, how much got worse, and the control's verdict."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for head in ("before", "after", "after ÷ before"):
        table.add_column(head, justify="right")
    suites = figures["suites"]
    for label, before, after in (*of_suites(suites), *layers(suites), *groups(figures["groups"])):
        table.add_row(label, number(before), number(after), times(before, after))
    console.print(table)
    found = sum(entry["worse_count"] for entry in figures["worse"])
    looked_at = sum(entry["looked_at"] for entry in figures["worse"])
    console.print(f"\n{per_test(figures['per_test'])}")
    console.print(control_verdict(figures["control"]))
    console.print(f"After is worse in {found} of {looked_at} figures; the page lists them all.")
    console.print(f"Every behaviour, and how it was measured: {page}", soft_wrap=True)


def layers(suites: Json) -> Iterator[Line]:
    """How much of the largest layers is reached."""
    before, after = suites["before"]["coverage"], suites["after"]["coverage"]
    largest = {name: reach["lines"] for name, reach in (before | after).items() if name != "total"}
    for name in sorted(largest, key=lambda name: -largest[name])[:MOST_LAYERS]:
        reached = [side.get(name, {}).get("lines_percent") for side in (before, after)]
        yield f"lines of {name} reached (%)", *reached


def groups(found: list[Json]) -> Iterator[Line]:
    """The median test of the groups of behaviours in which it costs most before."""
    ranked = sorted(found, key=lambda group: -group["before"]["median"]["calls"])
    for group in ranked[:MOST_GROUPS]:
        before, after = group["before"]["median"]["calls"], group["after"]["median"]["calls"]
        yield f"median test of {group['id']} (framework calls)", before, after


def of_suites(suites: Json) -> Iterator[Line]:
    """The suites as a whole, and the median one of the tests that have a counterpart."""
    for label, *path in (
        ("tests", "total", "tests"),
        ("of these, without a counterpart", "alone", "tests"),
        ("without a framework call in set-up (%)", "no_setup", "percent"),
        ("median test (framework calls)", "median_test", "calls"),
        ("its set-up (framework calls)", "median_test", "setup_calls"),
        ("its body (framework calls)", "median_test", "body_calls"),
        ("its body (SQL statements)", "median_test", "body_sql"),
        ("its body (requests to the app)", "median_test", "body_app_requests"),
        ("lines reached (%)", "coverage", "total", "lines_percent"),
        ("branches reached (%)", "coverage", "total", "branches_percent"),
        ("code of the package (lines)", "code", "total", "lines"),
        ("code of the tests (lines)", "test_code", "lines"),
    ):
        before, after = suites["before"], suites["after"]
        for key in path:
            before, after = before[key], after[key]
        yield label, before, after
