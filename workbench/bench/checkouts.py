"""Checkouts a second when several people buy at once, *after* against *before*.

The buyers are threads, and the database is a real one: a SQLite file, or a PostgreSQL server.
All want the same event, so all wait for the same lock. Gateway and mail answer at once: the time
a real one takes would be the same for both apps, and hide what differs. Both apps share one
process, and Python runs one thread of it at a time. So the rates are those of one worker, and
the ratio is the figure to look at.

The limit is what the database can do at best: the same buyers, and for each seat nothing but
`UPDATE … SET seats = seats - 1 WHERE seats > 0` in a transaction of its own.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from flask import Flask
from sqlalchemy import Engine, text

from workbench.bench.results import Result, ratio
from workbench.bench.shops import EVENT, Shop, Visitor, no_outside_world
from workbench.environment import Problem
from workbench.postgres import create_databases, running_postgres
from workbench.run import PACKAGES, close_database

SECTION = "Checkouts a second, by 8 buyers at once: after, divided by before"
LEAST_RATIO = 0.95
BUYERS = 8
CHECKOUTS, BARE_UPDATES = 48, 100

TAKE_A_SEAT = text("UPDATE events SET capacity = capacity - 1 WHERE slug = :slug AND capacity > 0")


def measure_on_sqlite(rounds: int) -> list[Result]:
    """Return how both apps do with a SQLite file each. Raises Problem."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        databases = {name: f"sqlite:///{Path(folder, name)}.sqlite" for name in PACKAGES}
        return compare_checkouts("SQLite", databases, rounds)


def measure_on_postgres(rounds: int) -> list[Result]:
    """Return how both apps do with a database each on one server.

    Raises Problem, also where PostgreSQL is not installed.
    """
    with running_postgres() as server:
        databases = create_databases(server, PACKAGES)
        return compare_checkouts("PostgreSQL", databases, rounds)


def compare_checkouts(what: str, databases: Mapping[str, str], rounds: int) -> list[Result]:
    """Return the ratio of both apps' rates, and the limit. Raises Problem."""
    rates: dict[str, list[float]] = {"before": [], "after": [], "limit": []}
    with no_outside_world(), ExitStack() as shops, ThreadPoolExecutor(BUYERS) as pool:
        work: dict[str, Callable[[], None]] = {}
        for name, database in databases.items():
            shop = Shop(name, database)
            shops.callback(close_database, shop.app)
            work[name] = Buyers(shop.app).buy
        work["limit"] = partial(take_a_seat, shop.engine)
        for number in range(rounds + 1):
            for name in ("before", "after") if number % 2 else ("after", "before"):
                rates[name].append(rate(pool, work[name], CHECKOUTS))
            rates["limit"].append(rate(pool, work["limit"], BARE_UPDATES))
    # Without the first round, which pays for templates, statements and connections.
    before, after, limit = (rates[name][1:] for name in ("before", "after", "limit"))
    median, quartiles = ratio(before, after)
    rate_before, rate_after, rate_limit = map(statistics.median, (before, after, limit))
    return [
        Result(
            section=SECTION,
            what=what,
            unit="×",
            measured=median,
            at_least=LEAST_RATIO,
            quartiles=quartiles,
            note=f"{rate_before:.0f}/s → {rate_after:.0f}/s",
        ),
        Result(
            section=SECTION,
            what=f"{what}, the limit: bare UPDATEs",
            unit="/s",
            measured=rate_limit,
            note=f"after comes to {100 * rate_after / rate_limit:.0f} % of it",
        ),
    ]


def rate(pool: Executor, work: Callable[[], None], times: int) -> float:
    """Do the work so many times, as many at once as the pool allows; return times a second."""
    started = time.perf_counter()
    for done in [pool.submit(work) for _ in range(times)]:
        done.result()
    return times / (time.perf_counter() - started)


class Buyers:
    """The visitors of one shop; whoever is free buys next."""

    def __init__(self, app: Flask) -> None:
        self._free: SimpleQueue[Visitor] = SimpleQueue()
        for _ in range(BUYERS):
            self._free.put(Visitor(app))

    def buy(self) -> None:
        """Buy a seat. Raises Problem where that fails: a refusal is quicker than a purchase."""
        visitor = self._free.get()
        answer = visitor.buy()
        self._free.put(visitor)
        if answer.status_code != 303:
            raise Problem(f"{visitor.app.import_name}: a checkout answers {answer.status}.")


def take_a_seat(engine: Engine) -> None:
    """Take a seat as the bare UPDATE does."""
    with engine.begin() as connection:
        connection.execute(TAKE_A_SEAT, {"slug": EVENT})
