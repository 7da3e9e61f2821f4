"""Refunds. Came out of `views/orders.py`."""

import logging

from sqlalchemy.orm import Session

from ..models import Order, RefundState
from .base import Service
from .interfaces import PaymentOutcomeUnknown, Payments

log = logging.getLogger(__name__)


class Refunds(Service):
    """Makes the refunds that are due."""

    def __init__(self, session: Session, *, payments: Payments) -> None:
        self._session = session
        self._payments = payments

    def refund(self, order: Order) -> bool:
        """Ask the gateway for the refund of an order, if one is due; return whether it was made.

        Commits when it was. Asking twice is safe: the gateway recognises the refund by its key.
        """
        # A free order has no charge, and nothing to give back.
        if order.refund_state != RefundState.DUE or order.charge_id is None:
            return False
        try:
            self._payments.refund(
                charge_id=order.charge_id,
                amount_cents=order.refund_cents,
                key=f"{order.reference}-refund",
            )
        except PaymentOutcomeUnknown as error:
            log.error("No refund of %s: %s", order.reference, error)
            return False
        order.refund_state = RefundState.DONE
        self._session.commit()
        return True
