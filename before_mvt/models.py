"""What the box office keeps, and the rules that need nothing but a row or two.

Money is integer cents, EUR; instants are aware and in UTC.
"""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Engine,
    Enum,
    ForeignKey,
    ScalarSelect,
    String,
    TypeDecorator,
    and_,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.event import listens_for
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column, relationship

from .database import db
from .support.money import percent_of

# Letters that no digit is taken for, and digits that no letter is taken for.
REFERENCE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ379"
REFERENCE_LENGTH = 5

CATEGORIES = ("music", "theatre", "comedy", "talks", "family")

# How long a mail may take to be sent. A process that claims it and takes longer counts as dead.
MAIL_CLAIM = timedelta(minutes=1)

# A column that says when a mail was sent; None until then.
MailColumn = InstrumentedAttribute[datetime | None]


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC instant. SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class OrderStatus(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class RefundState(StrEnum):
    NONE = "none"
    DUE = "due"
    DONE = "done"


class VoucherKind(StrEnum):
    PERCENT = "percent"
    AMOUNT = "amount"


class WaitlistStatus(StrEnum):
    WAITING = "waiting"
    OFFERED = "offered"
    TAKEN = "taken"
    LAPSED = "lapsed"


class VoucherRefusal(StrEnum):
    """Why a voucher cannot be used. The values are stable: programs may rely on them."""

    NOT_YET_VALID = "voucher_not_yet_valid"
    LAPSED = "voucher_lapsed"
    OTHER_EVENT = "voucher_for_another_event"
    USED_UP = "voucher_used_up"


class OfferRefusal(StrEnum):
    """Why an offer of seats cannot be used. The values are stable: programs may rely on them."""

    USED = "offer_used"
    LAPSED = "offer_lapsed"
    OTHER_EMAIL = "offer_for_another_email"


def _stored_as_text(kind: type[StrEnum]) -> Enum:
    """Return a column type that keeps an enum's value, as any SQL client would read it."""
    return Enum(
        kind, native_enum=False, length=12, values_callable=lambda all_: [m.value for m in all_]
    )


# The only ways an order can go. From declined or expired it is the gateway, saying late that
# the card was charged after all.
TRANSITIONS = {
    OrderStatus.PENDING: {OrderStatus.PAID, OrderStatus.DECLINED, OrderStatus.EXPIRED},
    OrderStatus.PAID: {OrderStatus.CANCELLED},
    OrderStatus.DECLINED: {OrderStatus.PAID},
    OrderStatus.EXPIRED: {OrderStatus.PAID},
    OrderStatus.CANCELLED: set(),
}


class Lockable:
    """A row that only one transaction at a time may decide about."""

    id: Mapped[int] = mapped_column(primary_key=True)
    locks_taken: Mapped[int] = mapped_column(default=0)

    def lock(self) -> None:
        """Make every other transaction that locks this row wait until this one ends.

        An UPDATE, because SQLite silently ignores SELECT … FOR UPDATE. It returns the row, which
        is thereby read again: what was loaded before the lock may be out of date.
        """
        model = type(self)
        db.session.scalars(
            update(model)
            .where(model.id == self.id)
            .values(locks_taken=model.locks_taken + 1)
            .returning(model)
            .execution_options(synchronize_session=False, populate_existing=True)
        ).one()


class Mailed:
    """A row that mails are sent about, each once. A column for each says when that was."""

    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    mail_claimed_until: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @classmethod
    def mail_is_due(cls, sent_at: MailColumn, now: datetime) -> ColumnElement[bool]:
        """Return, as part of a query, whether the mail of this column is still true."""
        raise NotImplementedError

    def claim_mail(self, sent_at: MailColumn, now: datetime) -> bool:
        """Return whether the caller, and no other process, is to send the mail of this column now.

        To be committed before the mail is sent. If the caller then dies, the claim lapses. A job
        that looks for mails to send may be slow with the others: it is asked again here whether
        what the mail says is still true.
        """
        model = type(self)
        free = or_(model.mail_claimed_until.is_(None), model.mail_claimed_until < now)
        claimed = db.session.scalars(
            update(model)
            .where(model.id == self.id, sent_at.is_(None), free)
            .where(model.mail_is_due(sent_at, now))
            .values(mail_claimed_until=now + MAIL_CLAIM)
            .returning(model.id)
            .execution_options(synchronize_session=False)
        )
        return claimed.one_or_none() is not None

    def finish_mail(self, sent_at: MailColumn, sent: datetime | None) -> None:
        """Note when the mail of this column was sent, None for not at all; give up the claim.

        None keeps what is stored: the claim may have lapsed, and another process have sent it.
        """
        model = type(self)
        noted = {} if sent is None else {sent_at: sent}
        db.session.execute(
            update(model)
            .where(model.id == self.id)
            .values({**noted, model.mail_claimed_until: None})
        )

    def mail_id(self, sent_at: MailColumn) -> str:
        """Return what makes the mail of this column the same mail, should it be sent again.

        That can happen: a process that is killed after sending a mail has not noted it.
        """
        return f"{sent_at.key}.{self.id}.{self.created_at.timestamp():.0f}"


class Event(Lockable, db.Model):
    """An event with seats. From `starts_at` on, nothing is sold or cancelled any more."""

    __tablename__ = "events"

    slug: Mapped[str] = mapped_column(String(80), unique=True)
    title: Mapped[str] = mapped_column(String(120))
    summary: Mapped[str] = mapped_column(String(2000))
    venue: Mapped[str] = mapped_column(String(120))
    category: Mapped[str] = mapped_column(String(20))
    starts_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    capacity: Mapped[int]
    price_cents: Mapped[int]
    early_bird_price_cents: Mapped[int | None]
    early_bird_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    max_per_order: Mapped[int] = mapped_column(default=10)
    published: Mapped[bool] = mapped_column(default=False)

    def has_started(self, now: datetime) -> bool:
        return now >= self.starts_at

    def early_bird_holds(self, now: datetime) -> bool:
        return self.early_bird_until is not None and now <= self.early_bird_until

    def unit_price(self, now: datetime) -> int:
        """Return the price of one seat in cents at this instant."""
        if self.early_bird_holds(now) and self.early_bird_price_cents is not None:
            return self.early_bird_price_cents
        return self.price_cents

    def seats_taken(self, now: datetime) -> int:
        """Return how many seats are sold or held at this instant."""
        return db.session.scalar(select(seats_taken(now)).where(Event.id == self.id)) or 0

    def seats_left(self, now: datetime) -> int:
        return max(0, self.capacity - self.seats_taken(now))

    @property
    def max_waitlist_quantity(self) -> int:
        """How many seats one entry of the waiting list may ask for: never more than there are."""
        return min(self.max_per_order, self.capacity)


class Voucher(Lockable, db.Model):
    """A code that takes something off an order, so many times and not more."""

    __tablename__ = "vouchers"

    code: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[VoucherKind] = mapped_column(_stored_as_text(VoucherKind))
    value: Mapped[int]
    event_id: Mapped[int | None] = mapped_column(ForeignKey("events.id"))
    valid_from: Mapped[datetime | None] = mapped_column(UTCDateTime)
    valid_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    max_uses: Mapped[int]

    event: Mapped[Event | None] = relationship()

    def uses(self) -> int:
        """Return how many pending and paid orders carry this voucher."""
        return db.session.scalar(select(voucher_uses()).where(Voucher.id == self.id)) or 0

    def refusal(self, event: Event, now: datetime) -> VoucherRefusal | None:
        """Return why this voucher cannot be used for this event now; None where it can."""
        if self.valid_from is not None and now < self.valid_from:
            return VoucherRefusal.NOT_YET_VALID
        if self.valid_until is not None and now > self.valid_until:
            return VoucherRefusal.LAPSED
        if self.event_id is not None and self.event_id != event.id:
            return VoucherRefusal.OTHER_EVENT
        if self.uses() >= self.max_uses:
            return VoucherRefusal.USED_UP
        return None

    def discount(self, gross_cents: int) -> int:
        """Return what this voucher takes off an amount, in cents; never more than all of it."""
        if self.kind == VoucherKind.PERCENT:
            return percent_of(gross_cents, self.value)
        return min(self.value, gross_cents)


class Order(Mailed, db.Model):
    """One purchase. The buyer's key to it is the secret in its address."""

    __tablename__ = "orders"

    reference: Mapped[str] = mapped_column(String(REFERENCE_LENGTH), unique=True)
    secret: Mapped[str] = mapped_column(String(64))
    checkout_id: Mapped[str] = mapped_column(String(64), unique=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254))
    quantity: Mapped[int]
    total_cents: Mapped[int]
    discount_cents: Mapped[int] = mapped_column(default=0)
    voucher_id: Mapped[int | None] = mapped_column(ForeignKey("vouchers.id"), index=True)
    offer_id: Mapped[int | None] = mapped_column(ForeignKey("waitlist_entries.id"))
    status: Mapped[OrderStatus] = mapped_column(
        _stored_as_text(OrderStatus), default=OrderStatus.PENDING
    )
    hold_until: Mapped[datetime] = mapped_column(UTCDateTime)
    charge_id: Mapped[str | None]
    # When the gateway, asked after the hold had lapsed, knew of no charge.
    uncharged_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    refund_cents: Mapped[int] = mapped_column(default=0)
    refund_state: Mapped[RefundState] = mapped_column(
        _stored_as_text(RefundState), default=RefundState.NONE
    )
    confirmation_sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reminder_sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    refund_notice_sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    event: Mapped[Event] = relationship()
    voucher: Mapped[Voucher | None] = relationship()
    offer: Mapped["WaitlistEntry | None"] = relationship()
    tickets: Mapped[list["Ticket"]] = relationship(back_populates="order", order_by="Ticket.id")

    @classmethod
    def mail_is_due(cls, sent_at: MailColumn, now: datetime) -> ColumnElement[bool]:
        if sent_at is cls.refund_notice_sent_at:
            return cls.status.in_([OrderStatus.EXPIRED, OrderStatus.DECLINED])
        if sent_at is cls.reminder_sent_at:
            to_come = select(Event.id).where(Event.starts_at > now)
            return and_(cls.status == OrderStatus.PAID, cls.event_id.in_(to_come))
        return cls.status == OrderStatus.PAID

    @property
    def is_settled(self) -> bool:
        """Whether it is decided already what a successful charge means for this order."""
        return self.charge_id is not None or self.status in (
            OrderStatus.PAID,
            OrderStatus.CANCELLED,
        )

    def lock(self) -> None:
        """Lock the order's event; read again the order, and the offer whose seats it has."""
        self.event.lock()
        session = db.session
        session.refresh(self)
        if self.offer is not None:
            session.refresh(self.offer)

    def move_to(self, status: OrderStatus) -> None:
        """Change the status; ValueError for a way that TRANSITIONS does not know."""
        if status not in TRANSITIONS[self.status]:
            raise ValueError(f"An order cannot go from {self.status} to {status}.")
        self.status = status

    def can_be_paid(self, now: datetime) -> bool:
        """Return whether a charge that succeeded may make this order paid.

        While its hold stands it always may; later, if there are seats. An order that was
        declined or expired has let go of its voucher, too, and needs a use of it again.
        """
        if self.status == OrderStatus.PENDING and now <= self.hold_until:
            return True
        seats_left = self.event.seats_left(now)
        if self.offer is not None and self.offer.offer_stands(now):
            # It was declined before, and its seats are held for this buyer again.
            seats_left += self.offer.quantity
        if seats_left < self.quantity:
            return False
        if self.status == OrderStatus.PENDING or self.voucher is None:
            return True
        self.voucher.lock()
        return self.voucher.uses() < self.voucher.max_uses

    def pay(self, charge_id: str | None, codes: Sequence[str], now: datetime) -> None:
        """Make the order paid, with a ticket for each code. A free order has no charge.

        Its confirmation is claimed for the caller, as `claim_mail` does it.
        """
        self.move_to(OrderStatus.PAID)
        self.charge_id = charge_id
        self.mail_claimed_until = now + MAIL_CLAIM
        self.tickets = [Ticket(code=code) for code in codes]
        if self.offer is not None and self.offer.status == WaitlistStatus.OFFERED:
            self.offer.status = WaitlistStatus.TAKEN

    def decline(self, now: datetime) -> None:
        """Let go of the seats. An offer that had them holds them again until it lapses.

        Not where some of them are sold by now: the hold may have lapsed before, or the order
        was for fewer seats than offered.
        """
        self.move_to(OrderStatus.DECLINED)
        if self.offer is not None and self.event.seats_left(now) >= self.offer.quantity:
            self.offer.status = WaitlistStatus.OFFERED

    def mark_refund_due(self, cents: int) -> None:
        """Note that this much is to be given back."""
        self.refund_cents = cents
        self.refund_state = RefundState.DUE if cents else RefundState.NONE


class WaitlistEntry(Mailed, db.Model):
    """A place in the queue for seats; once offered, they are held until the offer lapses."""

    __tablename__ = "waitlist_entries"

    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    email: Mapped[str] = mapped_column(String(254))
    quantity: Mapped[int]
    token: Mapped[str] = mapped_column(String(64), unique=True)
    offered_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    offer_sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    status: Mapped[WaitlistStatus] = mapped_column(
        _stored_as_text(WaitlistStatus), default=WaitlistStatus.WAITING
    )

    event: Mapped[Event] = relationship()

    @classmethod
    def mail_is_due(cls, sent_at: MailColumn, now: datetime) -> ColumnElement[bool]:
        return and_(cls.status == WaitlistStatus.OFFERED, cls.offered_until >= now)

    def offer_stands(self, now: datetime) -> bool:
        return (
            self.status == WaitlistStatus.OFFERED
            and self.offered_until is not None
            and now <= self.offered_until
        )

    def refusal(self, email: str, now: datetime) -> OfferRefusal | None:
        """Return why this offer cannot be used by this person now; None where it can."""
        if self.status == WaitlistStatus.TAKEN:
            return OfferRefusal.USED
        if not self.offer_stands(now):
            return OfferRefusal.LAPSED
        if email.lower() != self.email.lower():
            return OfferRefusal.OTHER_EMAIL
        return None


class Ticket(db.Model):
    """One seat of one paid order."""

    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    code: Mapped[str] = mapped_column(String(64), unique=True)
    checked_in_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    order: Mapped[Order] = relationship(back_populates="tickets")


class Organiser(Lockable, db.Model):
    """A person who may change events and vouchers."""

    __tablename__ = "organisers"

    name: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    # A cookie from before the last logout has a lower one, and is worth nothing.
    session_version: Mapped[int] = mapped_column(default=0)


class FailedLogin(db.Model):
    """A password that was wrong, or is being checked; kept for a while to slow down guessing."""

    __tablename__ = "failed_logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), index=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)


def seats_taken(now: datetime) -> ColumnElement[int]:
    """Return, as part of a query on events, the seats sold, held or offered at this instant.

    A hold or an offer that ends at this very instant still holds.
    """
    held = and_(Order.status == OrderStatus.PENDING, Order.hold_until >= now)
    sold_or_held = (
        select(func.coalesce(func.sum(Order.quantity), 0))
        .where(Order.event_id == Event.id, or_(Order.status == OrderStatus.PAID, held))
        .correlate(Event)
        .scalar_subquery()
    )
    offered = (
        select(func.coalesce(func.sum(WaitlistEntry.quantity), 0))
        .where(
            WaitlistEntry.event_id == Event.id,
            WaitlistEntry.status == WaitlistStatus.OFFERED,
            WaitlistEntry.offered_until >= now,
        )
        .correlate(Event)
        .scalar_subquery()
    )
    return sold_or_held + offered


def voucher_uses() -> ScalarSelect[int]:
    """Return, as part of a query on vouchers, the pending and paid orders that carry one."""
    return (
        select(func.count(Order.id))
        .where(
            Order.voucher_id == Voucher.id,
            Order.status.in_([OrderStatus.PENDING, OrderStatus.PAID]),
        )
        .correlate(Voucher)
        .scalar_subquery()
    )


@listens_for(Engine, "connect")
def prepare_connection(connection: Any, record: object) -> None:
    """Make SQLite and PostgreSQL alike.

    SQLite is taught to check foreign keys, to wait for a lock, and to lower-case more than ASCII;
    PostgreSQL to wait for a lock no longer, and to speak UTC, whatever the zone of the server is.
    """
    if not isinstance(connection, sqlite3.Connection):
        connection.execute("SET lock_timeout = 15000")
        connection.execute("SET TIME ZONE 'UTC'")
        connection.commit()
    else:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 15000")
        # Readers do not wait for writers.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
