"""What runs by itself. Came out of `jobs.py`.

Each job may run twice, or two at once, or be killed half way, and returns what it did: a number
for each kind of thing.
"""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.orm import Session

from ..models import Event, Order, OrderStatus, RefundState, WaitlistEntry, WaitlistStatus
from .base import Service
from .interfaces import Clock, NoClearAnswer, Payments
from .notices import Notices
from .refunds import Refunds
from .settlement import Settlement
from .waiting_list import WaitingList

log = logging.getLogger(__name__)

REMIND_BEFORE = timedelta(hours=24)


def expire(session: Session, *, waiting_list: WaitingList, now: datetime) -> dict[str, int]:
    """Let go of holds and offers that have lapsed, and offer free seats to the waiting list.

    Commits for each event, and for each mail.
    """
    lapsed_hold = and_(Order.status == OrderStatus.PENDING, Order.hold_until < now)
    lapsed_offer = and_(
        WaitlistEntry.status == WaitlistStatus.OFFERED, WaitlistEntry.offered_until < now
    )
    done = {"expired orders": 0, "lapsed offers": 0, "new offers": 0}
    for event in session.scalars(_concerned(lapsed_hold, lapsed_offer)).all():
        event.lock()
        done["expired orders"] += _move(session, event, Order, lapsed_hold, OrderStatus.EXPIRED)
        done["lapsed offers"] += _move(
            session, event, WaitlistEntry, lapsed_offer, WaitlistStatus.LAPSED
        )
        done["new offers"] += waiting_list.offer_seats(event)
        session.commit()
    done["offers mailed"], done["offers not mailed"] = waiting_list.mail_offers()
    return done


def _concerned(
    lapsed_hold: ColumnElement[bool], lapsed_offer: ColumnElement[bool]
) -> Select[Event]:
    """Return the query for all events that `expire` has to look at."""
    waiting = WaitlistEntry.status == WaitlistStatus.WAITING
    return (
        select(Event)
        .where(
            or_(
                Event.id.in_(select(Order.event_id).where(lapsed_hold)),
                Event.id.in_(select(WaitlistEntry.event_id).where(or_(lapsed_offer, waiting))),
            )
        )
        .order_by(Event.id)
    )


def _move(
    session: Session,
    event: Event,
    model: type[Order] | type[WaitlistEntry],
    which: ColumnElement[bool],
    status: OrderStatus | WaitlistStatus,
) -> int:
    """Give a new status to rows of an event, in one statement; return how many there were."""
    moved = session.scalars(
        update(model)
        .where(model.event_id == event.id, which)
        .values(status=status)
        .returning(model.id)
    )
    return len(moved.all())


def remind(session: Session, *, notices: Notices, now: datetime) -> dict[str, int]:
    """Write to the holders of paid orders, once, when an event is less than a day away.

    Commits for each mail.
    """
    orders = session.scalars(
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
    sent = [notices.remind(order) for order in orders]
    return {"reminders sent": sent.count(True), "reminders not sent": sent.count(False)}


class Reconciliation(Service):
    """Finishes what was left half done: unknown charges, refunds due, mails not sent."""

    def __init__(
        self,
        session: Session,
        *,
        payments: Payments,
        settlement: Settlement,
        refunds: Refunds,
        notices: Notices,
        clock: Clock,
    ) -> None:
        self._session = session
        self._payments = payments
        self._settlement = settlement
        self._refunds = refunds
        self._notices = notices
        self._clock = clock

    def run(self) -> dict[str, int]:
        """Look at every order once, and commit for each that could be finished."""
        done = self._settle_all()
        refunds = select(Order).where(Order.refund_state == RefundState.DUE)
        confirmations = select(Order).where(
            Order.status == OrderStatus.PAID, Order.confirmation_sent_at.is_(None)
        )
        notices = select(Order).where(
            Order.status.in_([OrderStatus.EXPIRED, OrderStatus.DECLINED]),
            Order.refund_state != RefundState.NONE,
            Order.refund_notice_sent_at.is_(None),
        )
        return {
            **done,
            **self._finish(refunds, self._refunds.give_back, "refunds made", "refunds still due"),
            **self._finish(
                confirmations,
                self._notices.confirm,
                "confirmations sent",
                "confirmations not sent",
            ),
            **self._finish(
                notices,
                self._notices.tell_of_refund,
                "refund notices sent",
                "refund notices not sent",
            ),
        }

    def _settle_all(self) -> dict[str, int]:
        unknown = self._session.scalars(
            select(Order)
            .where(
                Order.status.in_([OrderStatus.PENDING, OrderStatus.EXPIRED]),
                Order.charge_id.is_(None),
                Order.uncharged_at.is_(None),
            )
            .order_by(Order.id)
        ).all()
        now = self._clock()
        settled = Counter(
            self._settle(order, now) if order.total_cents else self._settle_free(order)
            for order in unknown
        )
        return {"charges settled": settled[True], "charges still unknown": settled[False]}

    def _settle_free(self, order: Order) -> bool | None:
        """Return True, or None for an order that `expire` has ended.

        There is nothing to ask: such an order is as good as paid.
        """
        if order.status != OrderStatus.PENDING:
            return None
        self._settlement.succeeded(order, None)
        return True

    def _settle(self, order: Order, now: datetime) -> bool:
        """Return whether it is known now if the order was charged."""
        try:
            charge_id = self._payments.find_charge(
                amount_cents=order.total_cents,
                reference=order.reference,
                key=f"{order.reference}-1",
            )
        except NoClearAnswer as error:
            log.error("No answer on %s: %s", order.reference, error)
            return False
        if charge_id is not None:
            self._settlement.succeeded(order, charge_id)
            return True
        if now <= order.hold_until:
            return False
        # Whoever was to charge it has long given up: nobody needs to ask again.
        order.uncharged_at = now
        self._session.commit()
        return True

    def _finish(
        self,
        orders: Select[Order],
        finish: Callable[[Order], bool],
        finished: str,
        unfinished: str,
    ) -> dict[str, int]:
        results = [
            finish(order) for order in self._session.scalars(orders.order_by(Order.id)).all()
        ]
        return {finished: results.count(True), unfinished: results.count(False)}
