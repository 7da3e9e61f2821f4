"""Check-in: each ticket is accepted once."""

import pytest

from after_service_layer.models import Ticket
from after_service_layer.services.check_in import check_in
from after_service_layer.services.errors import AlreadyCheckedIn, TicketNotFound, TicketNotPaid
from tests.after.services.factories import add, an_event, an_order, saved
from tests.kit.helpers import MINUTE, NOW


@pytest.fixture
def event(session):
    return add(session, an_event())


@pytest.fixture
def add_ticket(event, session):
    """Return a function that stores an order with one ticket, `ticket-1`."""

    def add_ticket(status="paid", event=event, **differences):
        ticket = Ticket(code="ticket-1", **differences)
        add(session, an_order(event, status, tickets=[ticket]))
        return ticket

    return add_ticket


@pytest.mark.behaviour("checkin.ok")
def test_a_code_checks_its_ticket_in(add_ticket, event, session):
    ticket = add_ticket()
    add(session, an_order(event, tickets=[Ticket(code="ticket-2")], number=2))

    assert check_in(session, event, "ticket-1", clock=lambda: NOW) == ticket

    checked_in = {ticket.code: ticket.checked_in_at for ticket in saved(session, Ticket)}
    assert checked_in == {"ticket-1": NOW, "ticket-2": None}


@pytest.mark.behaviour("checkin.ok")
def test_the_doors_may_open_after_the_start(add_ticket, session):
    event = add(session, an_event("Jazz", starts_at=NOW - MINUTE))
    ticket = add_ticket(event=event)

    assert check_in(session, event, "ticket-1", clock=lambda: NOW) == ticket


@pytest.mark.behaviour("checkin.used")
def test_a_ticket_cannot_be_used_twice(add_ticket, event, session):
    add_ticket(checked_in_at=NOW)

    with pytest.raises(AlreadyCheckedIn) as error:
        check_in(session, event, "ticket-1", clock=lambda: NOW + MINUTE)

    assert error.value.code == "already_checked_in"
    assert error.value.facts == {"checked_in_at": NOW}
    assert [ticket.checked_in_at for ticket in saved(session, Ticket)] == [NOW]


@pytest.mark.behaviour("checkin.not_paid")
def test_the_ticket_of_a_cancelled_order_is_refused(add_ticket, event, session):
    add_ticket("cancelled")

    with pytest.raises(TicketNotPaid) as error:
        check_in(session, event, "ticket-1", clock=lambda: NOW)

    assert error.value.code == "ticket_not_paid"
    assert error.value.facts == {"reference": "A0001", "status": "cancelled"}

    assert [ticket.checked_in_at for ticket in saved(session, Ticket)] == [None]


@pytest.mark.behaviour("checkin.unknown")
@pytest.mark.parametrize("code", ["TICKET-1", "%", "x" * 1000])
def test_an_unknown_code_is_not_found(add_ticket, event, session, code):
    add_ticket()

    with pytest.raises(TicketNotFound):
        check_in(session, event, code, clock=lambda: NOW)


@pytest.mark.behaviour("checkin.unknown")
def test_the_ticket_of_another_event_is_not_found(add_ticket, event, session):
    add_ticket(event=an_event("Jazz"))

    with pytest.raises(TicketNotFound):
        check_in(session, event, "ticket-1", clock=lambda: NOW)

    assert [ticket.checked_in_at for ticket in saved(session, Ticket)] == [None]


@pytest.mark.behaviour("checkin.unknown")
def test_after_a_refusal_no_lock_is_held(event, session):
    with pytest.raises(TicketNotFound):
        check_in(session, event, "ticket-1", clock=lambda: NOW)

    assert not session.in_transaction()
