"""Giving tickets back. Came out of `views/orders.py`."""

import hmac
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Order, OrderStatus
from ..support.money import percent_of
from .base import Service
from .errors import CannotCancel, OrderNotFound
from .interfaces import Clock
from .refunds import Refunds
from .waiting_list import WaitingList

# From how long before the start which percentage is given back.
REFUND_LADDER = ((timedelta(days=14), 100), (timedelta(hours=48), 50))


def find_order(session: Session, reference: str, secret: str) -> Order:
    """Return the order; raise OrderNotFound, also for a wrong secret."""
    order = session.scalar(select(Order).where(Order.reference == reference))
    if order is None or not hmac.compare_digest(order.secret.encode(), secret.encode()):
        raise OrderNotFound()
    return order


def refund_now(order: Order, *, now: datetime) -> int:
    """Return what a cancellation at this instant gives back, in cents; raise CannotCancel."""
    if order.status != OrderStatus.PAID:
        raise CannotCancel(f"Only a paid order can be cancelled; this one is {order.status}.")
    if order.event.has_started(now):
        raise CannotCancel("The event has started: the order can no longer be cancelled.")
    if any(ticket.checked_in_at for ticket in order.tickets):
        raise CannotCancel(
            "A ticket of this order is checked in already: it can no longer be cancelled."
        )
    for notice, percent in REFUND_LADDER:
        if order.event.starts_at - now >= notice:
            return percent_of(order.total_cents, percent)
    return 0


class Cancellation(Service):
    """Cancels an order: frees the seats first, then gives the money back."""

    def __init__(
        self,
        session: Session,
        *,
        refunds: Refunds,
        waiting_list: WaitingList,
        clock: Clock,
    ) -> None:
        self._session = session
        self._refunds = refunds
        self._waiting_list = waiting_list
        self._clock = clock

    def cancel(self, order: Order) -> None:
        """Cancel a paid order; raise CannotCancel with nothing changed.

        Commits before any money moves: the seats are free then, and a refund that the gateway
        does not make stays due. At the end the waiting list is served.
        """
        # A second click, or somebody at the door, waits here; the order is then read again. Only
        # now is the clock: the wait may have been over a step of the ladder.
        order.event.lock()
        self._session.refresh(order)
        try:
            refund_cents = refund_now(order, now=self._clock())
        except CannotCancel:
            self._session.rollback()
            raise
        order.move_to(OrderStatus.CANCELLED)
        order.mark_refund_due(refund_cents)
        self._session.commit()
        self._refunds.refund(order)
        self._waiting_list.serve(order.event)
