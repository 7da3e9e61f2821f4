"""The page of an order, as it is read, and its cancel form."""

import pytest

from after_service_layer.services.cancellation import Cancellation
from after_service_layer.wiring import override
from tests.after.helpers import DAY, NOW, text_of


@pytest.fixture
def order_page(client):
    """Return a function that gets the page of an order."""
    return lambda order: client.get(f"/orders/{order.reference}/{order.secret}")


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("pending", "We hold your seats until 2027-03-01 12:30 UTC and will confirm by e-mail."),
        ("paid", "Thank you"),
        ("declined", "card was declined"),
        ("expired", "The payment did not come in time"),
        ("cancelled", "Nothing is refunded."),
    ],
)
def test_the_page_says_how_the_order_stands(add_event, add_order, order_page, status, sentence):
    order = add_order(add_event(), status)

    page = order_page(order)

    assert page.status_code == 200
    assert sentence in text_of(page)


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize("status", ["expired", "declined"])
@pytest.mark.parametrize(
    ("state", "sentence"),
    [("due", "Your refund of €25.01 is on its way."), ("done", "We have refunded €25.01.")],
)
def test_the_page_says_that_a_late_payment_is_given_back(
    add_event, add_order, order_page, status, state, sentence
):
    order = add_order(add_event(), status, refund_cents=2501, refund_state=state)

    text = text_of(order_page(order))

    assert f"The payment came too late: your seats are no longer held. {sentence}" in text
    assert "Nothing was charged" not in text


@pytest.mark.behaviour("order.page")
def test_the_page_shows_each_ticket(add_event, add_order, models, order_page):
    tickets = [models.Ticket(code="code-of-row-1"), models.Ticket(code="code-of-row-2")]
    order = add_order(add_event(), quantity=2, tickets=tickets)

    text = text_of(order_page(order))

    assert "code-of-row-1" in text
    assert "code-of-row-2" in text


@pytest.mark.behaviour("order.page")
def test_the_page_shows_the_total_and_its_vat(add_event, add_order, order_page):
    order = add_order(add_event(), total_cents=123456)

    assert "Total €1,234.56 VAT included €197.11" in text_of(order_page(order))


@pytest.mark.behaviour("order.page")
def test_the_page_shows_what_the_voucher_saved(add_event, add_order, add_voucher, order_page):
    voucher = add_voucher("SPRING")
    order = add_order(add_event(), total_cents=2000, discount_cents=500, voucher_id=voucher.id)

    assert "Price €25.00 Voucher SPRING −€5.00 Total €20.00" in text_of(order_page(order))


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize(
    ("time_left", "sentence"),
    [(14 * DAY, "you get €25.01 back"), (DAY, "nothing is refunded")],
)
def test_the_page_says_what_a_cancellation_would_give_back_now(
    add_event, add_order, order_page, time_left, sentence
):
    order = add_order(add_event(starts_at=NOW + time_left), total_cents=2501)

    assert f"If you cancel now, {sentence}." in text_of(order_page(order))


@pytest.mark.behaviour("order.page")
def test_the_page_offers_no_cancellation_where_there_is_none(add_event, add_order, order_page):
    order = add_order(add_event(), "pending")

    assert "Cancel this order" not in text_of(order_page(order))


@pytest.mark.behaviour("cancel.full_refund")
@pytest.mark.behaviour("cancel.refund_due")
@pytest.mark.parametrize(
    ("refund_state", "sentence"),
    [
        ("done", "We have refunded €25.01."),
        ("due", "Your refund of €25.01 is on its way."),
    ],
)
def test_the_page_says_what_became_of_the_refund(
    add_event, add_order, order_page, refund_state, sentence
):
    order = add_order(add_event(), "cancelled", refund_cents=2501, refund_state=refund_state)

    assert sentence in text_of(order_page(order))


class StubCancellation:
    """Keeps the orders that it was to cancel."""

    def __init__(self):
        self.cancelled = []

    def cancel(self, order):
        self.cancelled.append(order.reference)


@pytest.mark.behaviour("cancel.no_refund")
def test_the_cancel_form_cancels_the_order_and_leads_back_to_it(
    add_event, add_order, cancel, client
):
    stub = StubCancellation()
    order = add_order(add_event())

    with override(Cancellation, stub):
        answer = cancel(order)

    assert stub.cancelled == [order.reference]
    assert answer.status_code == 303
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
    assert "Your order is cancelled." in text_of(client.get(answer.location))
