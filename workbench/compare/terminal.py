"""What the comparison shows in the terminal: progress while it runs, and a short table."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from workbench.compare import measure
from workbench.compare.wording import number, times

Json = dict[str, Any]
# A line of the table: label, before, after.
Line = tuple[str, float | None, float | None]

# So that the table and what is around it stay within 25 lines.
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
    told = dict.fromkeys(("before", "after"), 0)

    def show(label: str, percent: int) -> None:
        if percent >= told[label] + 25:
            told[label] = percent - percent % 25
            seconds = time.monotonic() - started
            console.print(f"measuring {label}: {told[label]} % after {seconds:.0f} s")

    return show


def summary(console: Console, figures: Json, page: str) -> None:
    """At most 25 lines: totals, the costliest groups, coverage, and how much got worse."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for head in ("before", "after", "after ÷ before"):
        table.add_column(head, justify="right")
    suites = figures["suites"]
    for label, before, after in (*totals(suites), *layers(suites), *groups(figures["groups"])):
        table.add_row(label, number(before), number(after), times(before, after))
    console.print(table)
    found = sum(entry["worse_count"] for entry in figures["worse"])
    looked_at = sum(entry["looked_at"] for entry in figures["worse"])
    console.print(f"\nAfter is worse in {found} of {looked_at} figures; the page lists them all.")
    console.print(f"Every behaviour, and how it was measured: {page}", soft_wrap=True)


def layers(suites: Json) -> Iterator[Line]:
    """How much of the largest layers is reached."""
    before, after = suites["before"]["coverage"], suites["after"]["coverage"]
    largest = {name: reach["lines"] for name, reach in (before | after).items() if name != "total"}
    for name in sorted(largest, key=lambda name: -largest[name])[:MOST_LAYERS]:
        reached = [side.get(name, {}).get("lines_percent") for side in (before, after)]
        yield f"lines of {name} reached (%)", *reached


def groups(found: list[Json]) -> Iterator[Line]:
    """The groups of behaviours that need the most set-up before."""
    ranked = sorted(found, key=lambda group: -group["before"]["setup_calls"])
    for group in ranked[:MOST_GROUPS]:
        before, after = group["before"]["setup_calls"], group["after"]["setup_calls"]
        yield f"set-up of {group['id']} (framework calls)", before, after


def totals(suites: Json) -> Iterator[Line]:
    """The suites as a whole."""
    for label, *path in (
        ("tests", "total", "tests"),
        ("of these, without a counterpart", "alone", "tests"),
        ("set-up (framework calls)", "total", "setup_calls"),
        ("body (framework calls)", "total", "body_calls"),
        ("set-up (SQL statements)", "total", "setup_sql"),
        ("body (SQL statements)", "total", "body_sql"),
        ("requests to the app", "total", "body_app_requests"),
        ("lines reached (%)", "coverage", "total", "lines_percent"),
        ("branches reached (%)", "coverage", "total", "branches_percent"),
        ("code of the package (lines)", "code", "total", "lines"),
        ("code of the tests (lines)", "test_code", "lines"),
    ):
        before, after = suites["before"], suites["after"]
        for key in path:
            before, after = before[key], after[key]
        yield label, before, after
