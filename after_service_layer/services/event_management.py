"""The organiser's events and vouchers. Came out of `views/organiser.py`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from ..models import Event, Order, OrderStatus, Voucher, VoucherKind, voucher_uses
from ..support.money import net_of
from .errors import CapacityTooSmall, CodeTaken, EventNotFound, SlugTaken, VoucherEventUnknown
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


@dataclass(frozen=True, kw_only=True)
class VoucherDetails:
    """All that an organiser decides about a voucher. `value` is percent, or cents."""

    code: str
    kind: VoucherKind
    value: int
    event_slug: str
    valid_from: datetime | None
    valid_until: datetime | None
    max_uses: int


@dataclass(frozen=True)
class EventRevenue:
    """What an event has brought in: paid seats, and cents without VAT."""

    event: Event
    seats_sold: int
    net_cents: int


def revenue_by_event(session: Session) -> list[EventRevenue]:
    """Return every event with what it has brought in, the earliest first. One statement."""
    sold = func.sum(case((Order.status == OrderStatus.PAID, Order.quantity), else_=0))
    # What a cancelled order did not give back stays in the till.
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


def create_event(session: Session, details: EventDetails) -> Event:
    """Store a new event and commit; raise SlugTaken with nothing stored."""
    event = Event(**asdict(details))
    session.add(event)
    _commit_event(session, details.slug)
    return event


def edit_event(
    session: Session,
    event: Event,
    details: EventDetails,
    *,
    waiting_list: WaitingList,
    clock: Clock,
) -> None:
    """Change an event and commit, then serve the waiting list: there may be more seats now.

    Raises CapacityTooSmall or SlugTaken with nothing changed.
    """
    # No seat may be sold between counting them and storing the new capacity.
    event.lock()
    taken = event.seats_taken(clock())
    if details.capacity < taken:
        session.rollback()
        raise CapacityTooSmall(taken)
    for name, value in asdict(details).items():
        setattr(event, name, value)
    _commit_event(session, details.slug)
    waiting_list.serve(event)


def _commit_event(session: Session, slug: str) -> None:
    try:
        session.commit()
    except IntegrityError:
        session.rollback()
        raise SlugTaken(slug) from None


def event_slugs(session: Session) -> Sequence[str]:
    """Return the slugs of all events, published or not, in order."""
    return session.scalars(select(Event.slug).order_by(Event.slug)).all()


def list_vouchers(session: Session) -> list[tuple[Voucher, int]]:
    """Return every voucher with its uses, by code."""
    found = session.execute(
        select(Voucher, voucher_uses()).options(joinedload(Voucher.event)).order_by(Voucher.code)
    )
    return [(voucher, uses) for voucher, uses in found]


def create_voucher(session: Session, details: VoucherDetails) -> Voucher:
    """Store a new voucher and commit.

    Raises VoucherEventUnknown or CodeTaken with nothing stored.
    """
    event = None
    if details.event_slug:
        event = session.scalar(select(Event).where(Event.slug == details.event_slug))
        if event is None:
            raise VoucherEventUnknown(details.event_slug)
    voucher = Voucher(
        code=details.code,
        kind=details.kind,
        value=details.value,
        event=event,
        valid_from=details.valid_from,
        valid_until=details.valid_until,
        max_uses=details.max_uses,
    )
    session.add(voucher)
    try:
        session.commit()
    except IntegrityError:
        session.rollback()
        raise CodeTaken(details.code) from None
    return voucher
