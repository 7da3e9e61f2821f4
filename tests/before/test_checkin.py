"""The check-in: each ticket is accepted once."""

import pytest

from tests.kit.helpers import MINUTE, NOW, text_of

SALES_PAGE = "/organiser/events/the-glass-orchestra/sales"


@pytest.fixture
def check_in(organiser_client):
    """Return a function that sends a code to the check-in of the Glass Orchestra."""

    def check_in(code, slug="the-glass-orchestra"):
        return organiser_client.post(f"/organiser/events/{slug}/checkin", data={"code": code})

    return check_in


@pytest.fixture
def add_ticket(add_order, models):
    """Return a function that stores an order with one ticket, `ticket-1` if not said otherwise."""

    def add_ticket(event, status="paid", **differences):
        ticket = models.Ticket(**{"code": "ticket-1", **differences})
        return add_order(event, status, name="Bruno Keller", tickets=[ticket])

    return add_ticket


@pytest.fixture
def checked_in(stored):
    """Return a function that gives the time at which each ticket was checked in."""
    return lambda: {ticket.code: ticket.checked_in_at for ticket in stored("Ticket")}


@pytest.mark.behaviour("checkin.ok")
@pytest.mark.parametrize("typed", ["ticket-1", "  ticket-1\n"])
def test_a_code_checks_its_ticket_in(
    add_event, add_ticket, check_in, checked_in, organiser_client, typed
):
    event = add_event()
    add_ticket(event)
    add_ticket(event, code="ticket-2")

    answer = check_in(typed)

    assert answer.status_code == 303
    assert answer.location == SALES_PAGE
    assert "Bruno Keller is checked in." in text_of(organiser_client.get(SALES_PAGE))
    assert checked_in() == {"ticket-1": NOW, "ticket-2": None}


@pytest.mark.behaviour("checkin.ok")
def test_the_doors_may_open_after_the_start(add_event, add_ticket, check_in):
    add_ticket(add_event(starts_at=NOW - MINUTE))

    assert check_in("ticket-1").status_code == 303


@pytest.mark.behaviour("checkin.used")
def test_a_ticket_is_accepted_once(add_event, add_ticket, check_in, checked_in, clock):
    add_ticket(add_event())

    check_in("ticket-1")
    clock.move_to(NOW + MINUTE)
    answer = check_in("ticket-1")

    assert answer.status_code == 409
    assert "This ticket was checked in at 2027-03-01 12:00 UTC." in text_of(answer)
    assert 'value="ticket-1"' in answer.text
    assert checked_in() == {"ticket-1": NOW}


@pytest.mark.behaviour("checkin.not_paid")
def test_a_ticket_of_a_cancelled_order_is_refused(add_event, add_ticket, check_in, checked_in):
    order = add_ticket(add_event(), "cancelled")

    answer = check_in("ticket-1")

    assert answer.status_code == 409
    assert f"The order {order.reference} is cancelled." in text_of(answer)
    assert checked_in() == {"ticket-1": None}


@pytest.mark.behaviour("checkin.unknown")
@pytest.mark.parametrize("code", ["TICKET-1", "%", "x" * 1000])
def test_an_unknown_code_is_not_found_and_shown_again(
    add_event, add_ticket, check_in, checked_in, code
):
    add_ticket(add_event())

    answer = check_in(code)

    assert answer.status_code == 404
    assert "There is no such ticket for this event." in text_of(answer)
    assert f'value="{code}"' in answer.text
    assert checked_in() == {"ticket-1": None}


@pytest.mark.behaviour("checkin.unknown")
def test_another_event_s_ticket_is_not_found(add_event, add_ticket, check_in, checked_in):
    add_event()
    add_ticket(add_event("Jazz"))

    answer = check_in("ticket-1")

    assert answer.status_code == 404
    assert "There is no such ticket for this event." in text_of(answer)
    assert checked_in() == {"ticket-1": None}


@pytest.mark.behaviour("checkin.unknown")
def test_an_event_that_does_not_exist_has_no_check_in(check_in):
    answer = check_in("ticket-1", slug="none")

    assert answer.status_code == 404
    assert "There is no such event." in text_of(answer)


@pytest.mark.behaviour("checkin.empty")
@pytest.mark.parametrize("typed", ["", "  "])
def test_a_code_is_needed(add_event, add_ticket, check_in, checked_in, typed):
    add_ticket(add_event())

    answer = check_in(typed)

    assert answer.status_code == 422
    assert "Give the code of a ticket." in text_of(answer)
    assert checked_in() == {"ticket-1": None}
