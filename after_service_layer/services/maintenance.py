"""The scheduled jobs. Came out of `jobs.py`.

Each job may run twice, or two at once, or be killed half way, and returns what it did: a number
for each kind of thing. An error with one event, order or mail stops none of the others.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.orm import Session

from ..models import Event, Order, OrderStatus, RefundState, WaitlistEntry, WaitlistStatus
from .base import Service
from .batches import for_each_row
from .interfaces import Clock, PaymentOutcomeUnknown, Payments
from .notifications import Notifications
from .refunds import Refunds
from .settlement import Settlement
from .waiting_list import WaitingList

log = logging.getLogger(__name__)

REMIND_BEFORE = timedelta(hours=24)


class Expiry(Service):
    """Lets go of holds and offers that have lapsed, and offers free seats to the waiting list."""

    def __init__(self, session: Session, *, waiting_list: WaitingList, clock: Clock) -> None:
        self._session = session
        self._waiting_list = waiting_list
        self._clock = clock

    def run(self) -> dict[str, int]:
        """Look at every event once. Commits for each of them, and for each mail."""
        events = self._session.scalars(_events_to_expire(self._clock())).all()
        done = {"expired orders": 0, "lapsed offers": 0, "new offers": 0, "events failed": 0}
        failed = {"events failed": 1}
        for counts in for_each_row(self._session, events, self._expire_at, failed=failed):
            for what, number in counts.items():
                done[what] += number
        done["offers mailed"], done["offers not mailed"] = self._waiting_list.mail_offers()
        return done

    def _expire_at(self, event: Event) -> dict[str, int]:
        event.lock()
        now = self._clock()
        done = {
            "expired orders": self._move(event, Order, _hold_lapsed(now), OrderStatus.EXPIRED),
            "lapsed offers": self._move(
                event, WaitlistEntry, _offer_lapsed(now), WaitlistStatus.LAPSED
            ),
            "new offers": self._waiting_list.offer_seats(event, now),
        }
        self._session.commit()
        return done

    def _move(
        self,
        event: Event,
        model: type[Order] | type[WaitlistEntry],
        which: ColumnElement[bool],
        status: OrderStatus | WaitlistStatus,
    ) -> int:
        """Give a new status to rows of an event, in one statement; return how many there were."""
        moved = self._session.scalars(
            update(model)
            .where(model.event_id == event.id, which)
            .values(status=status)
            .returning(model.id)
        )
        return len(moved.all())


def _hold_lapsed(now: datetime) -> ColumnElement[bool]:
    return and_(Order.status == OrderStatus.PENDING, Order.hold_until < now)


def _offer_lapsed(now: datetime) -> ColumnElement[bool]:
    return and_(WaitlistEntry.status == WaitlistStatus.OFFERED, WaitlistEntry.offered_until < now)


def _events_to_expire(now: datetime) -> Select[Event]:
    """Return the query for all events that `Expiry` has to look at."""
    waiting = WaitlistEntry.status == WaitlistStatus.WAITING
    offered_or_waiting = select(WaitlistEntry.event_id).where(or_(_offer_lapsed(now), waiting))
    return (
        select(Event)
        .where(
            or_(
                Event.id.in_(select(Order.event_id).where(_hold_lapsed(now))),
                Event.id.in_(offered_or_waiting),
            )
        )
        .order_by(Event.id)
    )


class Reminders(Service):
    """Writes to the holders of paid orders, once, when an event is less than a day away."""

    def __init__(self, session: Session, *, notifications: Notifications, clock: Clock) -> None:
        self._session = session
        self._notifications = notifications
        self._clock = clock

    def run(self) -> dict[str, int]:
        """Look at every order once. Commits for each mail."""
        now = self._clock()
        orders = self._session.scalars(
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
        send = self._notifications.send_reminder
        sent = for_each_row(self._session, orders, send, failed=False)
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
        notifications: Notifications,
        clock: Clock,
    ) -> None:
        self._session = session
        self._payments = payments
        self._settlement = settlement
        self._refunds = refunds
        self._notifications = notifications
        self._clock = clock

    def run(self) -> dict[str, int]:
        """Look at every order once, and commit for each that could be finished."""
        done = self._settle_all()
        refunds = select(Order).where(Order.refund_state == RefundState.DUE)
        confirmations = select(Order).where(
            Order.status == OrderStatus.PAID, Order.confirmation_sent_at.is_(None)
        )
        notifications = select(Order).where(
            Order.status.in_([OrderStatus.EXPIRED, OrderStatus.DECLINED]),
            Order.refund_state != RefundState.NONE,
            Order.refund_notice_sent_at.is_(None),
        )
        return {
            **done,
            **self._finish(refunds, self._refunds.refund, "refunds made", "refunds still due"),
            **self._finish(
                confirmations,
                self._notifications.send_confirmation,
                "confirmations sent",
                "confirmations not sent",
            ),
            **self._finish(
                notifications,
                self._notifications.send_refund_notice,
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
                # A free order that has expired has no charge to look for.
                or_(Order.total_cents > 0, Order.status == OrderStatus.PENDING),
            )
            .order_by(Order.id)
        ).all()
        settled = for_each_row(self._session, unknown, self._settle, failed=False)
        return {
            "charges settled": settled.count(True),
            "charges still unknown": settled.count(False),
        }

    def _settle(self, order: Order) -> bool:
        """Return whether all is known now about the order's charge."""
        if order.total_cents == 0:
            # Nothing to ask: it is as good as paid, unless `Expiry` has just ended it.
            if order.status == OrderStatus.PENDING:
                self._settlement.mark_succeeded(order, None)
            return True
        # Before the question: a charge that is made while the answer comes is not in it.
        now = self._clock()
        try:
            charge_id = self._payments.find_charge(
                amount_cents=order.total_cents,
                reference=order.reference,
                key=f"{order.reference}-1",
            )
        except PaymentOutcomeUnknown as error:
            log.error("No answer on %s: %s", order.reference, error)
            return False
        if charge_id is not None:
            self._settlement.mark_succeeded(order, charge_id)
            return True
        if now <= order.hold_until:
            return False
        # The buyer's request ended long ago: there will be no charge.
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
        rows = self._session.scalars(orders.order_by(Order.id)).all()
        results = for_each_row(self._session, rows, finish, failed=False)
        return {finished: results.count(True), unfinished: results.count(False)}
