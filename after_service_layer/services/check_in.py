"""Checking tickets at the door. Came out of `views/sales.py`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Event, Order, OrderStatus, Ticket
from .errors import AlreadyCheckedIn, DomainError, TicketNotFound, TicketNotPaid
from .interfaces import Clock


def check_in(session: Session, event: Event, code: str, *, clock: Clock) -> Ticket:
    """Return the ticket with this code, checked in, and commit.

    Raises TicketNotFound, also for a ticket of another event, TicketNotPaid or AlreadyCheckedIn.
    """
    # A second scanner waits here, and so does a cancellation. The clock is read after the wait.
    event.lock()
    try:
        ticket = _valid_ticket(session, event, code)
    except DomainError:
        session.rollback()
        raise
    ticket.checked_in_at = clock()
    session.commit()
    return ticket


def _valid_ticket(session: Session, event: Event, code: str) -> Ticket:
    ticket = session.scalar(
        select(Ticket).join(Ticket.order).where(Ticket.code == code, Order.event_id == event.id)
    )
    if ticket is None:
        raise TicketNotFound()
    if ticket.order.status != OrderStatus.PAID:
        raise TicketNotPaid(ticket.order.reference, ticket.order.status)
    if ticket.checked_in_at is not None:
        raise AlreadyCheckedIn(ticket.checked_in_at)
    return ticket
