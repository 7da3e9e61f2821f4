"""Scheduled jobs. Each may run twice, or two at once, or be killed half way.

Each returns what it did: a number for each kind of thing. An error with one event, order or
mail stops none of the others.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import ColumnElement, and_, or_, select, update

from .database import db, for_each_row
from .mail import send_confirmation, send_refund_notice, send_reminder
from .models import Event, Order, OrderStatus, RefundState, WaitlistEntry, WaitlistStatus
from .payments import ask_gateway, charge_id_of, no_answer
from .support.clock import utc_now
from .views.checkout import mark_succeeded
from .views.orders import refund
from .views.waitlist import mail_offers, offer_seats

REMIND_BEFORE = timedelta(hours=24)


def expire() -> dict[str, int]:
    """Let go of holds and offers that have lapsed, and offer free seats to the waiting list."""
    now = utc_now()
    waiting = WaitlistEntry.status == WaitlistStatus.WAITING
    offered_or_waiting = select(WaitlistEntry.event_id).where(or_(offer_lapsed(now), waiting))
    concerned = db.session.scalars(
        select(Event)
        .where(
            or_(
                Event.id.in_(select(Order.event_id).where(hold_lapsed(now))),
                Event.id.in_(offered_or_waiting),
            )
        )
        .order_by(Event.id)
    ).all()

    done = {"expired orders": 0, "lapsed offers": 0, "new offers": 0, "events failed": 0}
    for counts in for_each_row(concerned, expire_at, failed={"events failed": 1}):
        for what, number in counts.items():
            done[what] += number
    done["offers mailed"], done["offers not mailed"] = mail_offers()
    return done


def expire_at(event: Event) -> dict[str, int]:
    """Do for one event what `expire` is there for, and commit."""
    event.lock()
    now = utc_now()
    expired = db.session.execute(
        update(Order)
        .where(Order.event_id == event.id, hold_lapsed(now))
        .values(status=OrderStatus.EXPIRED)
    )
    lapsed = db.session.execute(
        update(WaitlistEntry)
        .where(WaitlistEntry.event_id == event.id, offer_lapsed(now))
        .values(status=WaitlistStatus.LAPSED)
    )
    new_offers = offer_seats(event, now)
    db.session.commit()
    return {
        "expired orders": expired.rowcount,
        "lapsed offers": lapsed.rowcount,
        "new offers": new_offers,
    }


def hold_lapsed(now: datetime) -> ColumnElement[bool]:
    return and_(Order.status == OrderStatus.PENDING, Order.hold_until < now)


def offer_lapsed(now: datetime) -> ColumnElement[bool]:
    return and_(WaitlistEntry.status == WaitlistStatus.OFFERED, WaitlistEntry.offered_until < now)


def remind() -> dict[str, int]:
    """Write to the holders of paid orders, once, when an event is less than a day away."""
    now = utc_now()
    orders = db.session.scalars(
        select(Order)
        .join(Order.event)
        .where(
            Order.status == OrderStatus.PAID,
            Order.reminder_sent_at.is_(None),
            Event.starts_at > now,
            Event.starts_at <= now + REMIND_BEFORE,
        )
        .order_by(Order.id)
    ).all()
    sent = for_each_row(orders, send_reminder, failed=False)
    return {"reminders sent": sent.count(True), "reminders not sent": sent.count(False)}


def reconcile() -> dict[str, int]:
    """Finish what was left half done: unknown charges, refunds due, mails not sent."""
    unknown = db.session.scalars(
        select(Order)
        .where(
            Order.status.in_([OrderStatus.PENDING, OrderStatus.EXPIRED]),
            Order.charge_id.is_(None),
            Order.uncharged_at.is_(None),
            # A free order that has expired has no charge to look for.
            or_(Order.total_cents > 0, Order.status == OrderStatus.PENDING),
        )
        .order_by(Order.id)
    ).all()
    settled = for_each_row(unknown, find_charge, failed=False)
    done = {
        "charges settled": settled.count(True),
        "charges still unknown": settled.count(False),
    }

    refunds = select(Order).where(Order.refund_state == RefundState.DUE)
    confirmations = select(Order).where(
        Order.status == OrderStatus.PAID, Order.confirmation_sent_at.is_(None)
    )
    notices = select(Order).where(
        Order.status.in_([OrderStatus.EXPIRED, OrderStatus.DECLINED]),
        Order.refund_state != RefundState.NONE,
        Order.refund_notice_sent_at.is_(None),
    )
    for orders, finish, finished, unfinished in (
        (refunds, refund, "refunds made", "refunds still due"),
        (confirmations, send_confirmation, "confirmations sent", "confirmations not sent"),
        (notices, send_refund_notice, "refund notices sent", "refund notices not sent"),
    ):
        rows = db.session.scalars(orders.order_by(Order.id)).all()
        results = for_each_row(rows, finish, failed=False)
        done[finished], done[unfinished] = results.count(True), results.count(False)
    return done


def find_charge(order: Order) -> bool:
    """Settle an order whose charge the gateway knows; return whether all is known. Commits."""
    if order.total_cents == 0:
        # Nothing to ask: it is as good as paid, unless `expire` has just ended it.
        if order.status == OrderStatus.PENDING:
            mark_succeeded(order, None)
        return True

    # Before the question: a charge that is made while the answer comes is not in it.
    now = utc_now()
    status, body = ask_gateway(
        "GET", "/v1/charges", params={"idempotency_key": f"{order.reference}-1"}
    )
    match status, body:
        case 200, {"data": []}:
            if now <= order.hold_until:
                return False
            # The buyer's request ended long ago: there will be no charge.
            order.uncharged_at = now
            db.session.commit()
            return True
        case 200, {"data": [charge]} if (charge_id := charge_id_of(order, charge)) is not None:
            mark_succeeded(order, charge_id)
            return True
        case _:
            why = no_answer(status, body)
            current_app.logger.error("No answer on %s: %s", order.reference, why)
            return False


JOBS: dict[str, Callable[[], dict[str, int]]] = {
    "expire": expire,
    "remind": remind,
    "reconcile": reconcile,
}
