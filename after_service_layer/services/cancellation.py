"""Cancelling an order. Came out of `views/orders.py`."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..models import Order, OrderStatus
from ..support.money import percent_of
from .base import Service
from .errors import DomainError, EventStarted, OrderNotPaid, TicketUsed
from .interfaces import Clock
from .refunds import Refunds
from .waiting_list import WaitingList

# From how long before the start which percentage is given back.
REFUND_LADDER = ((timedelta(days=14), 100), (timedelta(hours=48), 50))


def refund_now(order: Order, *, now: datetime) -> int:
    """Return what a cancellation at this instant refunds, in cents.

    Raises OrderNotPaid, EventStarted or TicketUsed for an order that cannot be cancelled.
    """
    if order.status != OrderStatus.PAID:
        raise OrderNotPaid(order.status, "cancelled")
    if order.event.has_started(now):
        raise EventStarted()
    if any(ticket.checked_in_at for ticket in order.tickets):
        raise TicketUsed()
    for notice, percent in REFUND_LADDER:
        if order.event.starts_at - now >= notice:
            return percent_of(order.total_cents, percent)
    return 0


class Cancellation(Service):
    """Cancels an order: frees the seats first, then refunds."""

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
        """Cancel a paid order; raise what `refund_now` raises, with nothing changed.

        Commits before any money moves: the seats are free then, and a refund that the gateway
        does not make stays due. At the end the waiting list is served.
        """
        # A second click, or a check-in at the door, waits here; the order is then read again. The
        # clock is read after the wait, which may have passed a step of the ladder.
        order.lock()
        try:
            refund_cents = refund_now(order, now=self._clock())
        except DomainError:
            self._session.rollback()
            raise
        order.move_to(OrderStatus.CANCELLED)
        order.mark_refund_due(refund_cents)
        self._session.commit()
        self._refunds.refund(order)
        self._waiting_list.serve(order.event)
