"""Finding an event. Came out of `views/catalogue.py`: what is left there is HTTP."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from ..models import CATEGORIES, Event, seats_taken
from .errors import EventNotFound, InvalidQuery, SalesClosed

ACCEPTED = {
    "category": CATEGORIES,
    "when": ("upcoming", "week", "month", "past"),
    "sort": ("date", "price", "title"),
    "per_page": ("10", "25", "50"),
}
LONGEST_SEARCH = 100


@dataclass(frozen=True)
class EventQuery:
    """A search that can be run."""

    q: str = ""
    category: str = ""
    when: str = "upcoming"
    sort: str = "date"
    page: int = 1
    per_page: int = 10

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Self:
        """Return the search that somebody typed; raise InvalidQuery for what is not accepted.

        The empty category stands for all of them. What is missing has its default.
        """
        q = " ".join(texts.get("q", "").split())
        if len(q) > LONGEST_SEARCH:
            raise InvalidQuery(f"q is too long: a search has up to {LONGEST_SEARCH} letters.")
        for key, accepted in ACCEPTED.items():
            value = texts.get(key)
            if value is None or (key, value) == ("category", ""):
                continue
            if value not in accepted:
                raise InvalidQuery.not_one_of(key, value, accepted)
        page = texts.get("page", "1")
        if not re.fullmatch(r"0*[1-9][0-9]{0,8}", page):
            raise InvalidQuery(f"page cannot be {page!r}: give a whole number from 1 on.")
        return cls(
            q=q,
            category=texts.get("category", cls.category),
            when=texts.get("when", cls.when),
            sort=texts.get("sort", cls.sort),
            page=int(page),
            per_page=int(texts.get("per_page", cls.per_page)),
        )

    def to_texts(self) -> dict[str, str]:
        """Return the search as it is typed, without its page."""
        return {
            "q": self.q,
            "category": self.category,
            "when": self.when,
            "sort": self.sort,
            "per_page": str(self.per_page),
        }


@dataclass(frozen=True)
class Listing:
    """One page of what was found: events with their seats left, and how many there are in all."""

    rows: Sequence[tuple[Event, int]]
    total: int
    pages: int


def search_events(session: Session, query: EventQuery, *, now: datetime) -> Listing:
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
    return Listing(rows=rows, total=total, pages=pages)


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
