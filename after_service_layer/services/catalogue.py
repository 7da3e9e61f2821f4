"""Finding an event. Came out of `views/catalogue.py`: what is left there is HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from ..models import CATEGORIES, Event, seats_taken
from .errors import EventNotFound, InvalidQuery, SalesClosed

ACCEPTED: dict[str, Sequence[str | int]] = {
    "category": CATEGORIES,
    "when": ("upcoming", "week", "month", "past"),
    "sort": ("date", "price", "title"),
    "per_page": (10, 25, 50),
}
LONGEST_SEARCH = 100
FROM_ONE = "give a whole number from 1 on"


@dataclass(frozen=True)
class EventQuery:
    """A search that can be run. The empty category stands for all of them.

    Raises InvalidQuery for a value that is not accepted.
    """

    q: str = ""
    category: str = ""
    when: str = "upcoming"
    sort: str = "date"
    page: int = 1
    per_page: int = 10

    def __post_init__(self) -> None:
        if len(self.q) > LONGEST_SEARCH:
            raise InvalidQuery("q", f"{self.q[:20]}…", f"use up to {LONGEST_SEARCH} letters")
        if self.category:
            self._require("category", self.category)
        self._require("when", self.when)
        self._require("sort", self.sort)
        self._require("per_page", self.per_page)
        if self.page < 1:
            raise InvalidQuery("page", self.page, FROM_ONE)

    def _require(self, field: str, value: str | int) -> None:
        if value not in ACCEPTED[field]:
            raise InvalidQuery(field, value, ACCEPTED[field])


@dataclass(frozen=True)
class SearchResult:
    """One page of what was found: events with their seats left, and how many there are in all."""

    rows: Sequence[tuple[Event, int]]
    total: int
    pages: int


def search_events(session: Session, query: EventQuery, *, now: datetime) -> SearchResult:
    """Return a page of the published events that a search finds. Two statements, no commit."""
    wanted = _conditions(query, now)
    total = session.scalar(select(func.count()).select_from(Event).where(*wanted)) or 0
    pages = max(1, -(-total // query.per_page))
    rows: list[tuple[Event, int]] = []
    if query.page <= pages:
        found = session.execute(
            select(Event, seats_taken(now))
            .where(*wanted)
            .order_by(*_order(query, now), Event.id)
            .limit(query.per_page)
            .offset((query.page - 1) * query.per_page)
        )
        rows = [(event, max(0, event.capacity - taken)) for event, taken in found]
    return SearchResult(rows=rows, total=total, pages=pages)


def find_event(session: Session, slug: str) -> Event:
    """Return a published event; raise EventNotFound."""
    event = session.scalar(select(Event).where(Event.slug == slug, Event.published))
    if event is None:
        raise EventNotFound()
    return event


def require_open(event: Event, *, now: datetime) -> None:
    """Raise SalesClosed from the start of an event on."""
    if event.has_started(now):
        raise SalesClosed()


def recent_events(session: Session, slugs: Sequence[str]) -> list[Event]:
    """Return the published ones among these events, in the order of the slugs."""
    if not slugs:
        return []
    found = session.scalars(select(Event).where(Event.published, Event.slug.in_(slugs)))
    return sorted(found, key=lambda event: slugs.index(event.slug))


def _conditions(query: EventQuery, now: datetime) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [Event.published.is_(True)]
    if query.q:
        wanted.append(
            or_(
                Event.title.icontains(query.q, autoescape=True),
                Event.venue.icontains(query.q, autoescape=True),
                Event.summary.icontains(query.q, autoescape=True),
            )
        )
    if query.category:
        wanted.append(Event.category == query.category)
    if query.when == "past":
        wanted.append(Event.starts_at <= now)
    else:
        wanted.append(Event.starts_at > now)
    if query.when == "week":
        wanted.append(Event.starts_at <= now + timedelta(days=7))
    if query.when == "month":
        wanted.append(Event.starts_at <= now + timedelta(days=30))
    return wanted


def _order(query: EventQuery, now: datetime) -> list[ColumnElement[Any]]:
    # Of what is over, the latest comes first.
    by_date = Event.starts_at.desc() if query.when == "past" else Event.starts_at.asc()
    price_now = case(
        (Event.early_bird_until >= now, Event.early_bird_price_cents), else_=Event.price_cents
    )
    orders: dict[str, list[ColumnElement[Any]]] = {
        "date": [by_date],
        "price": [price_now.asc(), by_date],
        "title": [func.lower(Event.title), by_date],
    }
    return orders[query.sort]
