"""Makes rows and purchases for a test, and reads what is committed."""

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from after_service_layer.models import (
    Base,
    Event,
    Order,
    OrderStatus,
    Voucher,
    VoucherKind,
    WaitlistEntry,
    WaitlistStatus,
)
from tests.kit.helpers import DAY, MINUTE, NOW

if TYPE_CHECKING:
    from after_service_layer.services.checkout import Purchase

Row = TypeVar("Row", bound=Base)


def an_event(title: str = "The Glass Orchestra", **differences: Any) -> Event:
    """Return a published event in thirty days, not stored."""
    facts = {
        "slug": title.lower().replace(" ", "-"),
        "title": title,
        "summary": "Brahms on wine glasses.",
        "venue": "Harbour Hall",
        "category": "music",
        "starts_at": NOW + 30 * DAY,
        "capacity": 100,
        "price_cents": 2500,
        "max_per_order": 10,
        "published": True,
    }
    return Event(**{**facts, **differences})


def a_voucher(code: str = "SPRING", **differences: Any) -> Voucher:
    """Return a voucher of twenty percent, not stored."""
    facts = {"kind": VoucherKind.PERCENT, "value": 20, "max_uses": 100}
    return Voucher(code=code, **{**facts, **differences})


def an_order(event: Event, status: str = "paid", *, number: int = 1, **differences: Any) -> Order:
    """Return an order for one seat, not stored; to store a second one, number it."""
    charged = status in ("paid", "cancelled")
    facts = {
        "reference": f"A{number:04}",
        "secret": f"secret-{number}",
        "checkout_id": f"earlier-form-{number}",
        "event": event,
        "name": "Bruno Keller",
        "email": "bruno@example.org",
        "quantity": 1,
        "total_cents": 2500,
        "created_at": NOW,
        "hold_until": NOW + 30 * MINUTE,
        "charge_id": "ch_earlier" if charged else None,
        "confirmation_sent_at": NOW if charged else None,
    }
    return Order(status=OrderStatus(status), **{**facts, **differences})


def an_entry(
    event: Event, status: str = "waiting", *, number: int = 1, **differences: Any
) -> WaitlistEntry:
    """Return an entry of the waiting list, not stored; an offer was mailed, for two days."""
    facts = {
        "event": event,
        "email": f"in-line-{number}@example.org",
        "quantity": 1,
        "created_at": NOW,
        "token": f"token-{number}",
    }
    if status != "waiting":
        facts |= {"offered_until": NOW + 2 * DAY, "offer_sent_at": NOW}
    return WaitlistEntry(status=WaitlistStatus(status), **{**facts, **differences})


def a_purchase(**differences: Any) -> "Purchase":
    """Return what Ada wants to buy: one seat, with a card that pays."""
    # Here and not above: the other factories are of use without the checkout.
    from after_service_layer.services.checkout import Purchase

    facts = {
        "checkout_id": "form-1",
        "name": "Ada Okafor",
        "email": "ada@example.org",
        "quantity": 1,
        "card_token": "tok_visa",
    }
    return Purchase(**{**facts, **differences})


def add(session: Session, row: Row) -> Row:
    """Store a row and return it."""
    session.add(row)
    session.commit()
    return row


def saved(session: Session, model: type[Row]) -> list[Row]:
    """Return all rows of a model that are committed; what is not committed is rolled back."""
    session.rollback()
    return list(session.scalars(select(model).order_by(model.__table__.c.id)))
