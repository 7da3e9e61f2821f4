"""Finding an order. Came out of `views/orders.py`."""

import hmac

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Order
from .errors import OrderNotFound


def find_order(session: Session, reference: str, secret: str) -> Order:
    """Return the order; raise OrderNotFound, also for a wrong secret."""
    order = session.scalar(select(Order).where(Order.reference == reference))
    if order is None or not hmac.compare_digest(order.secret.encode(), secret.encode()):
        raise OrderNotFound()
    return order
