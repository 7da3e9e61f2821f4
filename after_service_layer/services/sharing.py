"""The text of a buyer's post. Came out of `views/share.py`."""

from ..models import Order, OrderStatus
from ..support.clock import utc_text
from .errors import OrderNotPaid


def share_text(order: Order, *, address: str) -> str:
    """Return the text of a post; `address` is that of the event's page. Raises OrderNotPaid."""
    if order.status != OrderStatus.PAID:
        raise OrderNotPaid(order.status, "shared")
    event = order.event
    return f"I am going to {event.title} at {event.venue}, {utc_text(event.starts_at)}. {address}"
