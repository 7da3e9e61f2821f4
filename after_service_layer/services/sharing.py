"""What a buyer tells their friends. Came out of `views/share.py`."""

from ..models import Order, OrderStatus
from ..support.clock import utc_text
from .errors import CannotShare


def share_text(order: Order, *, address: str) -> str:
    """Return the text of a post; `address` is that of the event's page. Raises CannotShare."""
    if order.status != OrderStatus.PAID:
        raise CannotShare(order.status)
    event = order.event
    return f"I am going to {event.title} at {event.venue}, {utc_text(event.starts_at)}. {address}"
