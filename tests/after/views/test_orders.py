"""The page of an order, and its cancel form."""

import pytest

from after_service_layer.services.cancellation import Cancellation
from after_service_layer.wiring import override
from tests.kit.helpers import DAY, NOW, text_of


@pytest.mark.behaviour("order.page")
def test_the_page_shows_tickets_vat_and_the_refund_of_now(add_event, add_order, client, models):
    event = add_event(starts_at=NOW + 14 * DAY)
    tickets = [models.Ticket(code="code-of-row-1")]
    order = add_order(event, total_cents=123456, tickets=tickets)

    page = client.get(f"/orders/{order.reference}/{order.secret}")

    assert page.status_code == 200
    text = text_of(page)
    assert "code-of-row-1" in text
    assert "Total €1,234.56 VAT included €197.11" in text
    assert "If you cancel now, you get €1,234.56 back." in text


@pytest.mark.behaviour("order.page")
def test_the_page_of_an_order_that_cannot_be_cancelled_has_no_form(add_event, add_order, client):
    order = add_order(add_event(), "pending")

    page = client.get(f"/orders/{order.reference}/{order.secret}")

    assert page.status_code == 200
    assert "Cancel this order" not in text_of(page)


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
