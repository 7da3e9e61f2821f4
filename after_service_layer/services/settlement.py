"""The single entry point for charge results. Came out of `views/checkout.py`.

The checkout, the gateway's webhook and the job `reconcile` all call it.
"""

import logging
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Order, OrderStatus, RefundState
from .base import Service
from .errors import OrderNotFound
from .interfaces import ChargeEvent, ChargeOutcome, Clock
from .notifications import Notifications
from .refunds import Refunds
from .waiting_list import WaitingList

log = logging.getLogger(__name__)


class Settlement(Service):
    """Settles orders, each once: a second result for an order changes nothing."""

    def __init__(
        self,
        session: Session,
        *,
        refunds: Refunds,
        notifications: Notifications,
        waiting_list: WaitingList,
        clock: Clock,
        new_secret: Callable[[], str],
    ) -> None:
        self._session = session
        self._refunds = refunds
        self._notifications = notifications
        self._waiting_list = waiting_list
        self._clock = clock
        self._new_secret = new_secret

    def handle_charge_event(self, event: ChargeEvent) -> None:
        """Do what a report of the gateway asks for; raise OrderNotFound.

        Commits as the two below. A success over another amount changes nothing and is logged.
        """
        order = self._session.scalar(select(Order).where(Order.reference == event.reference))
        if order is None:
            raise OrderNotFound()
        match event.outcome:
            case ChargeOutcome.FAILED:
                self.mark_failed(order)
            case ChargeOutcome.SUCCEEDED if event.amount_cents == order.total_cents:
                self.mark_succeeded(order, event.charge_id)
            case ChargeOutcome.SUCCEEDED:
                log.error(
                    "The charge of %s is over %s cents.", order.reference, event.amount_cents
                )

    def mark_succeeded(self, order: Order, charge_id: str | None) -> None:
        """Make an order paid whose charge has succeeded, and send the tickets.

        Where its seats are gone, the money goes back instead. A free order has no charge.
        Commits before any mail is sent and before the gateway is asked.
        """
        order.lock()
        now = self._clock()
        if order.is_settled:
            self._session.rollback()
        elif order.can_be_paid(now):
            order.pay(charge_id, [self._new_secret() for _ in range(order.quantity)], now)
            self._session.commit()
            self._notifications.send_confirmation(order, claimed_at=now)
        else:
            self._refund_instead(order, charge_id)

    def mark_failed(self, order: Order) -> None:
        """Let a pending order go whose charge has failed; a late failure changes nothing.

        Commits, and then the waiting list is served.
        """
        order.lock()
        if order.status != OrderStatus.PENDING:
            self._session.rollback()
            return
        order.decline(self._clock())
        self._session.commit()
        self._waiting_list.serve(order.event)

    def _refund_instead(self, order: Order, charge_id: str | None) -> None:
        if order.status == OrderStatus.PENDING:
            order.move_to(OrderStatus.EXPIRED)
        order.charge_id = charge_id
        order.mark_refund_due(order.total_cents)
        self._session.commit()
        if order.refund_state == RefundState.DUE:
            self._refunds.refund(order)
            self._notifications.send_refund_notice(order)
