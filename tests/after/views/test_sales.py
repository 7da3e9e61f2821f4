"""The sales page, as HTML and as CSV, and its check-in form."""

import csv
from io import StringIO

import pytest

from tests.kit.helpers import NOW, text_of

PAGE = "/organiser/events/the-glass-orchestra/sales"


@pytest.fixture
def sell(add_event, add_order, add_voucher):
    """Return a function that stores an event and one order, with a voucher of this code."""

    def sell(code="SPRING"):
        voucher = add_voucher(code)
        facts = {"total_cents": 4000, "discount_cents": 1000, "voucher_id": voucher.id}
        add_order(add_event(), "cancelled", refund_cents=1250, **facts)

    return sell


@pytest.mark.behaviour("sales.report")
def test_the_page_has_a_line_a_voucher_and_a_total(organiser_client, sell):
    sell()

    page = organiser_client.get(PAGE)

    assert page.status_code == 200
    assert "SPRING 1 0 €40.00 €10.00 €12.50 €4.39 €23.11" in text_of(page)
    assert "Total 1 0 €40.00 €10.00 €12.50 €4.39 €23.11" in text_of(page)


@pytest.mark.behaviour("sales.csv")
@pytest.mark.behaviour("sales.defused")
def test_the_report_comes_as_csv(organiser_client, sell):
    sell("=1+1")

    answer = organiser_client.get(f"{PAGE}?format=csv")

    head, line, total = csv.reader(StringIO(answer.text, newline=""))
    assert answer.content_type == "text/csv; charset=utf-8"
    assert ",".join(head) == "voucher,orders,seats,gross,discounts,refunds,vat,net"
    # A spreadsheet does not take the code for a formula.
    assert line == ["'=1+1", "1", "0", "40.00", "10.00", "12.50", "4.39", "23.11"]
    assert total == ["total", *line[1:]]


@pytest.mark.behaviour("sales.refusals")
def test_an_unknown_format_is_a_400_that_says_what_is_accepted(add_event, organiser_client):
    add_event()

    page = organiser_client.get(f"{PAGE}?format=xml")

    assert page.status_code == 400
    assert "format cannot be 'xml': choose one of html, csv." in text_of(page)


@pytest.fixture
def check_in(organiser_client):
    """Return a function that sends the check-in form of the Glass Orchestra."""

    def check_in(code):
        address = "/organiser/events/the-glass-orchestra/checkin"
        return organiser_client.post(address, data={"code": code})

    return check_in


@pytest.fixture
def ticket(add_event, add_order, models):
    """A ticket of Bruno's for the Glass Orchestra."""
    ticket = models.Ticket(code="ticket-1")
    add_order(add_event(), tickets=[ticket])
    return ticket


@pytest.mark.behaviour("checkin.ok")
def test_a_code_is_checked_in_without_the_blanks_around_it(
    check_in, organiser_client, stored, ticket
):
    answer = check_in("  ticket-1\n")

    assert (answer.status_code, answer.location) == (303, PAGE)
    assert "Bruno Keller is checked in." in text_of(organiser_client.get(PAGE))
    assert [ticket.checked_in_at for ticket in stored("Ticket")] == [NOW]


@pytest.mark.behaviour("checkin.empty")
@pytest.mark.parametrize("typed", ["", "  "])
def test_a_code_is_needed(check_in, stored, ticket, typed):
    page = check_in(typed)

    assert page.status_code == 422
    assert "Give the code of a ticket." in text_of(page)
    assert [ticket.checked_in_at for ticket in stored("Ticket")] == [None]
