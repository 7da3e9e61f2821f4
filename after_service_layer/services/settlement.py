"""What becomes of an order when its charge is known. Came out of `views/checkout.py`.

Whoever hears of a charge comes here: the checkout, the gateway's webhook, the nightly job.
"""

import logging
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Order, OrderStatus, RefundState
from .base import Service
from .errors import OrderNotFound
from .interfaces import ChargeEvent, Clock
from .notifications import Notifications
from .refunds import Refunds
from .waiting_list import WaitingList

log = logging.getLogger(__name__)


class Settlement(Service):
    """Settles orders, each once: whoever comes second changes nothing."""

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

    def handle_charge_event(self, report: ChargeEvent) -> None:
        """Do what a report asks for; raise OrderNotFound. Commits as the two below."""
        order = self._session.scalar(select(Order).where(Order.reference == report.reference))
        if order is None:
            raise OrderNotFound()
        if report.succeeded is False:
            self.mark_failed(order)
        elif report.succeeded and report.amount_cents == order.total_cents:
            self.mark_succeeded(order, report.charge_id)
        elif report.succeeded:
            log.error("The charge of %s is over %s cents.", report.reference, report.amount_cents)

    def mark_succeeded(self, order: Order, charge_id: str | None) -> None:
        """Make an order paid whose charge has succeeded, and send the tickets.

        Where its seats are gone, the money goes back instead. A free order has no charge.
        Commits before any mail is sent and before the gateway is asked.
        """
        if self._is_settled(order):
            self._session.rollback()
        elif order.can_be_paid(self._clock()):
            order.pay(charge_id, [self._new_secret() for _ in range(order.quantity)])
            self._session.commit()
            self._notifications.send_confirmation(order)
        else:
            self._give_up(order, charge_id)

    def mark_failed(self, order: Order) -> None:
        """Let a pending order go whose charge has failed; a late failure changes nothing.

        Commits, and then the waiting list is served.
        """
        self._lock(order)
        if order.status != OrderStatus.PENDING:
            self._session.rollback()
            return
        order.decline(self._clock())
        self._session.commit()
        self._waiting_list.serve(order.event)

    def _is_settled(self, order: Order) -> bool:
        self._lock(order)
        is_settled = order.status in (OrderStatus.PAID, OrderStatus.CANCELLED)
        return is_settled or order.charge_id is not None

    def _lock(self, order: Order) -> None:
        order.event.lock()
        self._session.refresh(order)

    def _give_up(self, order: Order, charge_id: str | None) -> None:
        if order.status == OrderStatus.PENDING:
            order.move_to(OrderStatus.EXPIRED)
        order.charge_id = charge_id
        order.mark_refund_due(order.total_cents)
        self._session.commit()
        if order.refund_state == RefundState.DUE:
            self._refunds.refund(order)
            self._notifications.send_refund_notice(order)
