"""The services as the app puts them together: with its database, its settings, its clock."""

import json

import pytest

from tests.after.helpers import DAY, NOW


@pytest.mark.behaviour("checkout.paid")
def test_a_purchase_asks_the_gateway_of_the_settings(add_event, buy, gateway, stored):
    gateway.charges(id="ch_777")

    answer = buy(add_event(), card_token="tok_visa")

    [order] = stored("Order")
    [request] = gateway.requests
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
    assert (order.status, order.charge_id, order.created_at) == ("paid", "ch_777", NOW)
    assert json.loads(request.body)["reference"] == order.reference
    assert request.headers["Authorization"] == "Bearer key of the shop"
    assert request.req_kwargs["timeout"] == 5


@pytest.mark.behaviour("checkout.confirmation")
def test_a_paid_order_is_confirmed_by_the_mail_server_of_the_settings(
    add_event, buy, gateway, mailbox
):
    gateway.charges()

    buy(add_event())

    [mail] = mailbox.mails
    assert mailbox.server == ("mail.example", 25)
    assert (mail["From"], mail["To"]) == ("shop@example.org", "ada@example.org")


@pytest.mark.behaviour("checkout.confirmation")
def test_the_mail_has_reference_total_tickets_and_link(add_event, buy, gateway, mailbox, stored):
    event = add_event(price_cents=2500)
    gateway.charges()

    buy(event, quantity=2)

    [mail] = mailbox.mails
    [order] = stored("Order")
    text = mail.get_content()
    assert f"Order: {order.reference}\n" in text
    assert "Total: €50.00" in text
    assert all(ticket.code in text for ticket in stored("Ticket"))
    assert f"http://localhost/orders/{order.reference}/{order.secret}\n" in text


@pytest.mark.behaviour("cancel.half_refund")
def test_a_cancellation_asks_the_gateway_of_the_settings(
    add_event, add_order, cancel, gateway, stored
):
    order = add_order(add_event(starts_at=NOW + 3 * DAY))
    gateway.refunds()

    answer = cancel(order)

    [request] = gateway.requests
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
    assert json.loads(request.body) == {"charge": "ch_earlier", "amount": 1250}
    assert request.headers["Authorization"] == "Bearer key of the shop"
    assert request.req_kwargs["timeout"] == 5
    assert [order.refund_state for order in stored("Order")] == ["done"]
