"""The pages of *after* against the same pages of *before*: their time.

Both apps run in this process, called as a test client calls them, so that a page pays for its
own work and nothing else: the database is in memory, the payment gateway is a stub at the
transport, and mails are dropped. A sample is some requests for one page. Samples come in pairs,
one of each app, and the apps take turns in going first, so that what disturbs one disturbs the
other. What is reported is the median of the ratios of the pairs, and their quartiles. The test
client and the stub have their part in both times.
"""

import gc
import math
from collections.abc import Callable
from typing import NamedTuple

from werkzeug.test import TestResponse

from workbench.bench.results import Result, clock, collector_off, times_as_long
from workbench.bench.shops import EVENT, Shop, Visitor, no_outside_world
from workbench.environment import Problem

SECTION = "Pages: the time of after, divided by the time of before"
SLOWEST_RATIO = 1.05
# Long enough for the clock, and short enough for the other half of a pair to find it the same.
SAMPLE_SECONDS = 0.015


class Page(NamedTuple):
    """A page, how to ask for it, and the status it must answer with."""

    what: str
    visit: Callable[[Visitor], TestResponse]
    status: int = 200


PAGES = (
    Page("event list", lambda visitor: visitor.get("/")),
    Page("event list, searched", lambda v: v.get("/?q=night&sort=price&per_page=25")),
    Page("event page", lambda visitor: visitor.get(f"/events/{EVENT}")),
    Page("unknown event", lambda visitor: visitor.get("/events/none"), 404),
    Page("checkout, paid", lambda visitor: visitor.buy(), 303),
    Page("checkout, refused", lambda visitor: visitor.buy(voucher="NONE"), 422),
    Page("order page", lambda visitor: visitor.get(visitor.bought)),
    Page("organiser's dashboard", lambda visitor: visitor.get("/organiser")),
    Page("organiser's event form", lambda v: v.get(f"/organiser/events/{EVENT}/edit")),
    Page("organiser's sales report", lambda v: v.get(f"/organiser/events/{EVENT}/sales")),
    # No service in either app: the same code, and so a control of the measurement itself.
    Page("about (the control)", lambda visitor: visitor.get("/about")),
)


def measure_pages(rounds: int) -> list[Result]:
    """Return how many times as long each page takes after as before. Raises Problem."""
    with no_outside_world():
        before, after = (Visitor(Shop(name).app) for name in ("before", "after"))
        before.log_in()
        after.log_in()
        samples: dict[Page, dict[Visitor, list[float]]] = {}
        requests: dict[Page, int] = {}
        for page in PAGES:
            samples[page] = {before: [], after: []}
            # Once without measuring: templates are compiled, and statements cached.
            take_sample(page, before, 1)
            take_sample(page, after, 1)
            requests[page] = math.ceil(SAMPLE_SECONDS / take_sample(page, before, 3))
        with collector_off():
            for number in range(rounds):
                gc.collect()
                for page in PAGES:
                    for visitor in (before, after) if number % 2 else (after, before):
                        sample = take_sample(page, visitor, requests[page])
                        samples[page][visitor].append(sample)
    return [
        times_as_long(SECTION, page.what, SLOWEST_RATIO, taken[before], taken[after])
        for page, taken in samples.items()
    ]


def take_sample(page: Page, visitor: Visitor, requests: int) -> float:
    """Return the seconds that one request for a page takes, on average of so many.

    Raises Problem when the answer has another status: its time would mean nothing.
    """
    started = clock()
    answers = [page.visit(visitor) for _ in range(requests)]
    seconds = clock() - started
    for answer in answers:
        if answer.status_code != page.status:
            raise Problem(
                f"{page.what} of {visitor.app.import_name} answers {answer.status_code}"
                f" instead of {page.status}: `make test` may say why."
            )
    return seconds / requests
