"""Cancelling an order: what is refunded, and when it is too late."""

import json

import pytest
import requests

from tests.kit.helpers import DAY, HOUR, NOW, TICK, text_of


@pytest.fixture
def add_order_for(add_event, add_order):
    """Return a function that stores a paid order for an event that starts so much later."""

    def add_order_for(time_left, **differences):
        return add_order(add_event(starts_at=NOW + time_left), **differences)

    return add_order_for


@pytest.mark.behaviour("cancel.full_refund")
@pytest.mark.parametrize("time_left", [30 * DAY, 14 * DAY])
def test_fourteen_days_before_the_start_everything_is_refunded(
    add_order_for, cancel, client, gateway, stored, time_left
):
    order = add_order_for(time_left, total_cents=2501)
    gateway.refunds()

    answer = cancel(order)

    assert answer.status_code == 303
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
    assert "€25.01" in text_of(client.get(answer.location))
    [order] = stored("Order")
    assert (order.status, order.refund_cents, order.refund_state) == ("cancelled", 2501, "done")


@pytest.mark.behaviour("cancel.full_refund")
def test_the_gateway_is_asked_for_the_refund_under_a_key_of_the_order(
    add_order_for, cancel, gateway
):
    order = add_order_for(14 * DAY, total_cents=2501, charge_id="ch_777")
    gateway.refunds()

    cancel(order)

    [request] = gateway.requests
    assert json.loads(request.body) == {"charge": "ch_777", "amount": 2501}
    assert request.headers["Authorization"] == "Bearer key of the shop"
    assert request.headers["Idempotency-Key"] == f"{order.reference}-refund"
    assert request.req_kwargs["timeout"] == 5


@pytest.mark.behaviour("cancel.half_refund")
@pytest.mark.parametrize("time_left", [14 * DAY - TICK, 48 * HOUR])
@pytest.mark.parametrize(("total", "refund"), [(2500, 1250), (2501, 1251), (2505, 1253)])
def test_two_days_before_the_start_half_is_refunded(
    add_order_for, cancel, gateway, stored, time_left, total, refund
):
    order = add_order_for(time_left, total_cents=total)
    gateway.refunds()

    cancel(order)

    assert json.loads(gateway.requests[0].body)["amount"] == refund
    [order] = stored("Order")
    assert (order.status, order.refund_cents, order.refund_state) == ("cancelled", refund, "done")


@pytest.mark.behaviour("cancel.no_refund")
@pytest.mark.parametrize("time_left", [48 * HOUR - TICK, TICK])
def test_later_than_that_nothing_is_refunded(
    add_order_for, cancel, client, gateway, stored, time_left
):
    answer = cancel(add_order_for(time_left))

    assert answer.status_code == 303
    assert "Nothing is refunded." in text_of(client.get(answer.location))
    [order] = stored("Order")
    assert (order.status, order.refund_cents, order.refund_state) == ("cancelled", 0, "none")
    assert gateway.requests == []


@pytest.mark.behaviour("cancel.free_order")
def test_a_free_order_is_cancelled_without_the_gateway(add_order_for, cancel, gateway, stored):
    answer = cancel(add_order_for(30 * DAY, total_cents=0, charge_id=None))

    assert answer.status_code == 303
    [order] = stored("Order")
    assert (order.status, order.refund_cents, order.refund_state) == ("cancelled", 0, "none")
    assert gateway.requests == []


@pytest.mark.behaviour("cancel.seats_freed")
def test_the_seats_of_a_cancelled_order_can_be_bought_again(
    add_event, add_order, buy, cancel, gateway
):
    event = add_event(capacity=2)
    order = add_order(event, quantity=2)
    gateway.refunds()
    gateway.charges()

    cancel(order)

    assert buy(event, quantity=2).status_code == 303


@pytest.mark.behaviour("cancel.started")
def test_once_the_event_has_started_it_is_too_late(add_order_for, cancel, gateway, stored):
    answer = cancel(add_order_for(0 * DAY))

    assert answer.status_code == 409
    assert "The event has started: the order can no longer be cancelled." in text_of(answer)
    assert [order.status for order in stored("Order")] == ["paid"]
    assert gateway.requests == []


@pytest.mark.behaviour("cancel.not_paid")
@pytest.mark.parametrize("status", ["pending", "declined", "expired", "cancelled"])
def test_only_a_paid_order_can_be_cancelled(add_event, add_order, cancel, gateway, stored, status):
    answer = cancel(add_order(add_event(), status))

    assert answer.status_code == 409
    sentence = f"Only a paid order can be cancelled; this one is {status}."
    assert sentence in text_of(answer)
    assert [order.status for order in stored("Order")] == [status]
    assert gateway.requests == []


@pytest.mark.behaviour("cancel.not_paid")
def test_an_order_is_cancelled_and_refunded_only_once(add_order_for, cancel, gateway):
    order = add_order_for(30 * DAY)
    gateway.refunds()

    assert [cancel(order).status_code, cancel(order).status_code] == [303, 409]
    assert len(gateway.requests) == 1


@pytest.mark.behaviour("cancel.checked_in")
def test_once_a_ticket_is_checked_in_it_is_too_late(
    add_order_for, cancel, gateway, models, stored
):
    tickets = [models.Ticket(code="unused"), models.Ticket(code="used", checked_in_at=NOW)]
    answer = cancel(add_order_for(30 * DAY, tickets=tickets))

    assert answer.status_code == 409
    assert "A ticket of this order is checked in already" in text_of(answer)
    assert [order.status for order in stored("Order")] == ["paid"]
    assert gateway.requests == []


NO_REFUNDS = {
    "timeout": {"body": requests.ReadTimeout()},
    "error": {"status": 500, "json": {"error": {"code": "oops", "message": "Sorry."}}},
    "unknown charge": {"status": 404, "json": {"error": {"code": "x", "message": "Who?"}}},
    "empty": {"status": 201, "body": ""},
    "web page": {"status": 201, "body": "<h1>Welcome</h1>"},
    "no object": {"status": 201, "json": ["succeeded"]},
    "too deep": {"status": 201, "body": "[" * 100_000},
    "too long": {"status": 201, "body": '{"amount": ' + "9" * 5000 + "}"},
    "another amount": {"status": 201, "json": {"id": "re", "status": "succeeded", "amount": 1}},
    "failed": {"status": 201, "json": {"id": "re", "status": "failed", "amount": 2500}},
}


@pytest.mark.behaviour("cancel.refund_due")
@pytest.mark.parametrize("answer", NO_REFUNDS.values(), ids=NO_REFUNDS)
def test_a_refund_that_the_gateway_does_not_make_stays_due(
    add_order_for, cancel, client, gateway, stored, answer
):
    order = add_order_for(30 * DAY, total_cents=2500)
    gateway.answers("refunds", **answer)

    page = client.get(cancel(order).location)

    assert "Your refund of €25.00 is on its way." in text_of(page)
    [order] = stored("Order")
    assert (order.status, order.refund_cents, order.refund_state) == ("cancelled", 2500, "due")


@pytest.mark.behaviour("cancel.refund_due")
def test_the_gateway_is_not_followed_elsewhere(add_order_for, cancel, gateway, stored):
    order = add_order_for(30 * DAY, total_cents=2500)
    gateway.redirects("refunds")

    cancel(order)

    assert [order.refund_state for order in stored("Order")] == ["due"]
    assert len(gateway.requests) == 1


@pytest.mark.behaviour("cancel.unknown_order")
def test_a_wrong_reference_or_secret_cancels_nothing(add_event, add_order, client, stored):
    event = add_event()
    order, other = add_order(event), add_order(event)

    for address in (
        f"/orders/{order.reference}/{other.secret}/cancel",
        f"/orders/{order.reference}/{order.secret.upper()}/cancel",
        f"/orders/ZZZZZ/{order.secret}/cancel",
    ):
        answer = client.post(address)
        assert answer.status_code == 404
        assert "There is no such order." in text_of(answer)
    assert [order.status for order in stored("Order")] == ["paid", "paid"]
