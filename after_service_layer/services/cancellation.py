"""Giving tickets back. Came out of `views/orders.py`."""

import hmac
import logging
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Order, OrderStatus, RefundState
from ..money import percent_of
from .interfaces import Clock, NoClearAnswer, Payments
from .refusals import CannotCancel, OrderNotFound

log = logging.getLogger(__name__)

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


class Cancellation:
    """Cancels an order: frees the seats first, then gives the money back."""

    def __init__(self, session: Session, *, payments: Payments, clock: Clock) -> None:
        self._session = session
        self._payments = payments
        self._clock = clock

    def cancel(self, order: Order) -> None:
        """Cancel a paid order; raise CannotCancel with nothing changed.

        Commits twice: the seats are free before any money moves, and the refund is done when
        the gateway says so. Where it does not, the refund stays due.
        """
        # A second click, or somebody at the door, waits here; the order is then read again.
        order.event.lock()
        self._session.refresh(order)
        try:
            order.refund_cents = refund_now(order, now=self._clock())
        except CannotCancel:
            self._session.rollback()
            raise
        order.move_to(OrderStatus.CANCELLED)
        order.refund_state = RefundState.DUE if order.refund_cents else RefundState.NONE
        self._session.commit()
        self._give_back(order)

    def _give_back(self, order: Order) -> None:
        # A free order has no charge, and nothing to give back.
        if order.refund_state != RefundState.DUE or order.charge_id is None:
            return
        try:
            self._payments.refund(
                charge_id=order.charge_id,
                amount_cents=order.refund_cents,
                key=f"{order.reference}-refund",
            )
        except NoClearAnswer as error:
            log.error("No refund of %s: %s", order.reference, error)
        else:
            order.refund_state = RefundState.DONE
            self._session.commit()
