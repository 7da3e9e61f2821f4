"""The organiser's events. Came out of `views/organiser.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..models import Event, Order, OrderStatus
from ..support.money import net_of
from .base import Service
from .errors import CapacityTooSmall, EventNotFound, SlugTaken
from .interfaces import Clock
from .waiting_list import WaitingList


@dataclass(frozen=True, kw_only=True)
class EventDetails:
    """All that an organiser decides about an event. Prices in cents, instants in UTC."""

    title: str
    slug: str
    summary: str
    venue: str
    category: str
    starts_at: datetime
    capacity: int
    price_cents: int
    early_bird_price_cents: int | None
    early_bird_until: datetime | None
    max_per_order: int
    published: bool


@dataclass(frozen=True)
class EventRevenue:
    """The revenue of an event: paid seats, and cents without VAT."""

    event: Event
    seats_sold: int
    net_cents: int


def revenue_by_event(session: Session) -> list[EventRevenue]:
    """Return the revenue of every event, the earliest event first. One statement."""
    sold = func.sum(case((Order.status == OrderStatus.PAID, Order.quantity), else_=0))
    # What a cancelled order did not give back stays with the shop.
    kept = func.sum(Order.total_cents - Order.refund_cents)
    took_money = Order.status.in_([OrderStatus.PAID, OrderStatus.CANCELLED])
    found = session.execute(
        select(Event, func.coalesce(sold, 0), func.coalesce(kept, 0))
        .outerjoin(Order, (Order.event_id == Event.id) & took_money)
        .group_by(Event.id)
        .order_by(Event.starts_at, Event.id)
    )
    return [EventRevenue(event, seats_sold, net_of(gross)) for event, seats_sold, gross in found]


def find_any_event(session: Session, slug: str) -> Event:
    """Return an event, published or not; raise EventNotFound."""
    event = session.scalar(select(Event).where(Event.slug == slug))
    if event is None:
        raise EventNotFound()
    return event


def event_slugs(session: Session) -> Sequence[str]:
    """Return the slugs of all events, published or not, in order."""
    return session.scalars(select(Event.slug).order_by(Event.slug)).all()


class EventManagement(Service):
    """Stores what an organiser decides about events."""

    def __init__(self, session: Session, *, waiting_list: WaitingList, clock: Clock) -> None:
        self._session = session
        self._waiting_list = waiting_list
        self._clock = clock

    def create(self, details: EventDetails) -> Event:
        """Return the new event, committed; raise SlugTaken with nothing stored."""
        event = Event()
        self._session.add(event)
        self._store(event, details)
        return event

    def edit(self, event: Event, details: EventDetails) -> None:
        """Change an event and commit, then serve the waiting list: there may be more seats now.

        Raises CapacityTooSmall or SlugTaken with nothing changed.
        """
        # No seat may be sold between counting them and storing the new capacity.
        event.lock()
        taken = event.seats_taken(self._clock())
        if details.capacity < taken:
            self._session.rollback()
            raise CapacityTooSmall(taken)
        self._store(event, details)
        self._waiting_list.serve(event)

    def _store(self, event: Event, details: EventDetails) -> None:
        event.title = details.title
        event.slug = details.slug
        event.summary = details.summary
        event.venue = details.venue
        event.category = details.category
        event.starts_at = details.starts_at
        event.capacity = details.capacity
        event.price_cents = details.price_cents
        event.early_bird_price_cents = details.early_bird_price_cents
        event.early_bird_until = details.early_bird_until
        event.max_per_order = details.max_per_order
        event.published = details.published
        try:
            self._session.commit()
        except IntegrityError:
            self._session.rollback()
            raise SlugTaken(details.slug) from None
