"""What runs by itself. Each job may run twice, or two at once, or be killed half way.

Each returns what it did: a number for each kind of thing.
"""

from collections.abc import Callable
from datetime import timedelta

from flask import current_app
from sqlalchemy import and_, or_, select, update

from .clock import utc_now
from .database import db
from .mail import send_confirmation, send_refund_notice, send_reminder
from .models import Event, Order, OrderStatus, RefundState, WaitlistEntry, WaitlistStatus
from .payments import ask_gateway
from .views.checkout import settle
from .views.orders import give_back
from .views.waitlist import mail_offers, offer_seats

REMIND_BEFORE = timedelta(hours=24)


def expire() -> dict[str, int]:
    """Let go of holds and offers that have lapsed, and offer free seats to the waiting list."""
    now = utc_now()
    lapsed_hold = and_(Order.status == OrderStatus.PENDING, Order.hold_until < now)
    lapsed_offer = and_(
        WaitlistEntry.status == WaitlistStatus.OFFERED, WaitlistEntry.offered_until < now
    )
    waiting = WaitlistEntry.status == WaitlistStatus.WAITING
    concerned = db.session.scalars(
        select(Event)
        .where(
            or_(
                Event.id.in_(select(Order.event_id).where(lapsed_hold)),
                Event.id.in_(select(WaitlistEntry.event_id).where(or_(lapsed_offer, waiting))),
            )
        )
        .order_by(Event.id)
    ).all()

    done = {"expired orders": 0, "lapsed offers": 0, "new offers": 0}
    for event in concerned:
        event.lock()
        done["expired orders"] += db.session.execute(
            update(Order)
            .where(Order.event_id == event.id, lapsed_hold)
            .values(status=OrderStatus.EXPIRED)
        ).rowcount
        done["lapsed offers"] += db.session.execute(
            update(WaitlistEntry)
            .where(WaitlistEntry.event_id == event.id, lapsed_offer)
            .values(status=WaitlistStatus.LAPSED)
        ).rowcount
        done["new offers"] += offer_seats(event, now)
        db.session.commit()

    done["offers mailed"], done["offers not mailed"] = mail_offers()
    return done


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
    sent = [send_reminder(order) for order in orders]
    return {"reminders sent": sent.count(True), "reminders not sent": sent.count(False)}


def reconcile() -> dict[str, int]:
    """Finish what was left half done: unknown charges, refunds due, mails not sent."""
    now = utc_now()
    done = {"charges settled": 0, "charges still unknown": 0}
    unknown = db.session.scalars(
        select(Order)
        .where(
            Order.status.in_([OrderStatus.PENDING, OrderStatus.EXPIRED]),
            Order.charge_id.is_(None),
            Order.uncharged_at.is_(None),
        )
        .order_by(Order.id)
    ).all()
    for order in unknown:
        if order.total_cents == 0:
            # Nothing to ask: it is as good as paid, unless `expire` has ended it.
            if order.status == OrderStatus.PENDING:
                settle(order, None)
                done["charges settled"] += 1
            continue

        status, body = ask_gateway(
            "GET", "/v1/charges", params={"idempotency_key": f"{order.reference}-1"}
        )
        match status, body:
            case 200, {
                "data": [
                    {
                        "id": str(charge_id),
                        "status": "succeeded",
                        "amount": order.total_cents,
                        "reference": order.reference,
                    }
                ]
            }:
                settle(order, charge_id)
                done["charges settled"] += 1
            case 200, {"data": []} if now > order.hold_until:
                # Whoever was to charge it has long given up: nobody needs to ask again.
                order.uncharged_at = now
                db.session.commit()
                done["charges settled"] += 1
            case 200, {"data": []}:
                done["charges still unknown"] += 1
            case _:
                current_app.logger.error("No answer on %s: %s %s", order.reference, status, body)
                done["charges still unknown"] += 1

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
        (refunds, give_back, "refunds made", "refunds still due"),
        (confirmations, send_confirmation, "confirmations sent", "confirmations not sent"),
        (notices, send_refund_notice, "refund notices sent", "refund notices not sent"),
    ):
        results = [finish(order) for order in db.session.scalars(orders.order_by(Order.id)).all()]
        done[finished], done[unfinished] = results.count(True), results.count(False)
    return done


JOBS: dict[str, Callable[[], dict[str, int]]] = {
    "expire": expire,
    "remind": remind,
    "reconcile": reconcile,
}
