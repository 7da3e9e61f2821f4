"""How many SQL statements the pages and jobs run that look at many rows: always the same few."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from workbench.bench.results import Result
from workbench.bench.shops import EVENT, Shop, Visitor, no_outside_world
from workbench.environment import Problem
from workbench.run import PACKAGES, run_command

MOST_STATEMENTS = 3
FEW_EVENTS, MANY_EVENTS = 10, 10_000
FEW_ORDERS, MANY_ORDERS = 10, 1_000
# The same for few orders and for many: each has a mail of its own.
WAITING = 3

LISTS = ("/", "/?sort=price&per_page=50", "/?q=event&category=music&when=month&sort=title")


def measure_statements() -> list[Result]:
    """Return, for each app, how the statements grow with events and orders. Raises Problem."""
    with no_outside_world():
        shops = [Shop(name) for name in PACKAGES]
        return [
            *(result for shop in shops for result in count_event_list(shop)),
            *(result for shop in shops for result in count_orders(shop)),
        ]


def count_event_list(shop: Shop) -> list[Result]:
    """Return what the event list runs, for many events and compared with few."""
    few, many = (_statements_of_lists(shop, events) for events in (FEW_EVENTS, MANY_EVENTS))
    section = "SQL statements of the event list"
    return [
        Result(
            section=section,
            what=f"{shop.name}, with {MANY_EVENTS:,} events",
            unit="",
            at_most=MOST_STATEMENTS,
            measured=max(many),
            exact=True,
        ),
        _growth(section, f"{shop.name}, more than with {FEW_EVENTS} events", few, many),
    ]


def count_orders(shop: Shop) -> list[Result]:
    """Return what the sales report and the waiting list run more for many orders than for few."""
    organiser = Visitor(shop.app)
    organiser.log_in()
    reports, services = [], []
    for orders in (FEW_ORDERS, MANY_ORDERS):
        shop.crowd(orders=orders, waiting=WAITING)
        reports.append([_count_page(shop, organiser, f"/organiser/events/{EVENT}/sales")])
        services.append([_count(shop.engine, lambda: run_command(shop.app, "jobs", "expire"))])
    section = f"SQL statements: more with {MANY_ORDERS:,} orders than with {FEW_ORDERS}"
    return [
        _growth(section, f"{shop.name}, sales report", *reports),
        _growth(section, f"{shop.name}, serving the waiting list", *services),
    ]


def _growth(section: str, what: str, few: list[int], many: list[int]) -> Result:
    return Result(
        section=section,
        what=what,
        unit="",
        at_most=0,
        measured=max(abs(m - f) for f, m in zip(few, many, strict=True)),
        note=f"{max(few)} → {max(many)}",
        exact=True,
    )


def _statements_of_lists(shop: Shop, events: int) -> list[int]:
    """Return the number of statements for each of LISTS, in a shop with so many events."""
    slugs = [f"event-{number}" for number in range(events)]
    shop.clear_events()
    shop.add_events(slugs)
    visitor = Visitor(shop.app)
    visitor.client.set_cookie("recent", ",".join(slugs[:5]))
    return [_count_page(shop, visitor, address) for address in LISTS]


def _count_page(shop: Shop, visitor: Visitor, address: str) -> int:
    def visit() -> None:
        answer = visitor.get(address)
        if answer.status_code != 200:
            raise Problem(f"{address} of {shop.app.import_name} answers {answer.status_code}.")

    return _count(shop.engine, visit)


def _count(engine: Engine, work: Callable[[], None]) -> int:
    with counted_statements(engine) as statements:
        work()
    return len(statements)


@contextmanager
def counted_statements(engine: Engine) -> Iterator[list[str]]:
    """Fill a list with every SQL statement that an engine runs within the block."""
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
