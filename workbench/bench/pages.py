"""The pages of *after* against the same pages of *before*: their time, and their SQL.

Both apps run in this process, called as a test client calls them, so that a page pays for its
own work and nothing else: the database is in memory, the payment gateway is a stub at the
transport, and mails go nowhere. A sample is some requests for one page. Samples come in pairs,
one of each app, and the apps take turns in going first, so that what disturbs one disturbs the
other. What is reported is the median of the ratios of the pairs, and their quartiles. The test
client and the stub have their part in both times.
"""

import gc
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Engine, event
from werkzeug.test import TestResponse

from workbench.bench.clock import clock, collector_off
from workbench.bench.results import Result, paired_ratios, ratio_result
from workbench.bench.shops import EVENT, Shop, no_outside_world
from workbench.environment import Problem

SLOWEST_RATIO = 1.05
MOST_STATEMENTS = 3
FEW_EVENTS, MANY_EVENTS = 10, 10_000
# Long enough for the clock, and short enough for the other half of a pair to find it the same.
SAMPLE_SECONDS = 0.015


class Page(NamedTuple):
    """A page, how to ask for it, and the status it must answer with."""

    what: str
    visit: Callable[[Shop], TestResponse]
    status: int = 200


PAGES = (
    Page("event list", lambda shop: shop.get("/")),
    Page("event list, searched", lambda shop: shop.get("/?q=night&sort=price&per_page=25")),
    Page("event page", lambda shop: shop.get(f"/events/{EVENT}")),
    Page("unknown event", lambda shop: shop.get("/events/none"), 404),
    Page("checkout, paid", lambda shop: shop.buy(), 303),
    Page("checkout, refused", lambda shop: shop.buy(voucher="NONE"), 422),
    Page("order page", lambda shop: shop.get(shop.order_address)),
    Page("organiser's dashboard", lambda shop: shop.get("/organiser")),
    Page("organiser's event form", lambda shop: shop.get(f"/organiser/events/{EVENT}/edit")),
    # No service in either app: the same code, and so a control of the measurement itself.
    Page("about (the control)", lambda shop: shop.get("/about")),
)

LISTS = ("/", "/?sort=price&per_page=50", "/?q=event&category=music&when=month&sort=title")


def measure_pages(rounds: int) -> list[Result]:
    """Return a result for each page, and for the SQL of the event list. Raises Problem."""
    with no_outside_world():
        before, after = Shop("before"), Shop("after")
        return time_pages(before, after, rounds) + [
            result for shop in (before, after) for result in count_statements(shop)
        ]


def time_pages(before: Shop, after: Shop, rounds: int) -> list[Result]:
    """Return how many times as long each page takes after as before."""
    samples: dict[Page, dict[Shop, list[float]]] = {}
    requests: dict[Page, int] = {}
    for page in PAGES:
        samples[page] = {before: [], after: []}
        # Once unmeasured: templates are compiled, and statements cached.
        take_sample(page, before, 1)
        take_sample(page, after, 1)
        requests[page] = math.ceil(SAMPLE_SECONDS / take_sample(page, before, 3))
    with collector_off():
        for number in range(rounds):
            gc.collect()
            for page in PAGES:
                for shop in (before, after) if number % 2 else (after, before):
                    samples[page][shop].append(take_sample(page, shop, requests[page]))
    return [
        _page_result(page.what, taken[before], taken[after]) for page, taken in samples.items()
    ]


def take_sample(page: Page, shop: Shop, requests: int) -> float:
    """Return the seconds that one request for a page takes, on average of so many.

    Raises Problem when an answer is not what the page stands for: its time would mean nothing.
    """
    started = clock()
    answers = [page.visit(shop) for _ in range(requests)]
    seconds = clock() - started
    for answer in answers:
        if answer.status_code != page.status:
            raise Problem(
                f"{page.what} of {shop.app.import_name} answers {answer.status_code}"
                f" instead of {page.status}: `make test` may say why."
            )
    return seconds / requests


def _page_result(what: str, before: Sequence[float], after: Sequence[float]) -> Result:
    return ratio_result(
        "Pages: the time of after, divided by the time of before",
        what,
        SLOWEST_RATIO,
        paired_ratios(before, after),
        (before, after),
    )


def count_statements(shop: Shop) -> list[Result]:
    """Return how much SQL the event list runs, for many events and compared with few.

    All other events of the shop are gone afterwards.
    """
    few = _statements_of_lists(shop, FEW_EVENTS)
    many = _statements_of_lists(shop, MANY_EVENTS)
    grown = max(abs(m - f) for f, m in zip(few, many, strict=True))
    section = "Event list: SQL statements"
    return [
        Result(
            section=section,
            what=f"{shop.name}, with {MANY_EVENTS:,} events",
            unit="",
            target=MOST_STATEMENTS,
            measured=max(many),
            exact=True,
        ),
        Result(
            section=section,
            what=f"{shop.name}, more than with {FEW_EVENTS} events",
            unit="",
            target=0,
            measured=grown,
            exact=True,
        ),
    ]


def _statements_of_lists(shop: Shop, events: int) -> list[int]:
    """Return the number of statements for each of LISTS, in a shop with so many events."""
    slugs = [f"event-{number}" for number in range(events)]
    shop.clear_events()
    shop.add_events(slugs)
    shop.client.set_cookie("recent", ",".join(slugs[:5]))
    counts = []
    for address in LISTS:
        with counted_statements(shop.engine) as statements:
            answer = shop.get(address)
        if answer.status_code != 200:
            raise Problem(f"{address} of {shop.app.import_name} answers {answer.status_code}.")
        counts.append(len(statements))
    return counts


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
