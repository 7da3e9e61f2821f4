"""Cancelling an order: what is given back, and when it is too late."""

import pytest

from after_service_layer.models import Order, Ticket
from after_service_layer.services.cancellation import refund_now
from after_service_layer.services.errors import EventStarted, OrderNotPaid, TicketUsed
from after_service_layer.services.interfaces import PaymentOutcomeUnknown
from tests.after.services.factories import a_purchase, add, an_event, an_order, saved
from tests.after.services.fakes import Refund
from tests.kit.helpers import DAY, HOUR, NOW, TICK


def an_order_for(time_left, status="paid", **differences):
    """Return an order, not stored, for an event that starts so much later."""
    return an_order(an_event(starts_at=NOW + time_left), status, **differences)


@pytest.mark.behaviour("cancel.full_refund")
@pytest.mark.parametrize("time_left", [30 * DAY, 14 * DAY])
def test_fourteen_days_before_the_start_everything_is_refunded(time_left):
    assert refund_now(an_order_for(time_left, total_cents=2501), now=NOW) == 2501


@pytest.mark.behaviour("cancel.full_refund")
def test_a_cancelled_order_is_refunded(cancellation, session):
    cancellation.cancel(add(session, an_order_for(14 * DAY, total_cents=2501)))

    [order] = saved(session, Order)
    assert (order.status, order.refund_cents, order.refund_state) == ("cancelled", 2501, "done")


@pytest.mark.behaviour("cancel.full_refund")
def test_the_gateway_is_asked_for_the_refund_under_a_key_of_the_order(
    cancellation, payments, session
):
    order = add(session, an_order_for(14 * DAY, total_cents=2501, charge_id="ch_777"))

    cancellation.cancel(order)

    key = f"{order.reference}-refund"
    assert payments.refunds == [Refund(charge_id="ch_777", amount_cents=2501, key=key)]


@pytest.mark.behaviour("cancel.half_refund")
@pytest.mark.parametrize("time_left", [14 * DAY - TICK, 48 * HOUR])
@pytest.mark.parametrize(("total", "refund"), [(2500, 1250), (2501, 1251), (2505, 1253)])
def test_two_days_before_the_start_half_is_refunded(time_left, total, refund):
    assert refund_now(an_order_for(time_left, total_cents=total), now=NOW) == refund


@pytest.mark.behaviour("cancel.half_refund")
def test_half_of_the_money_is_asked_of_the_gateway(cancellation, payments, session):
    cancellation.cancel(add(session, an_order_for(48 * HOUR, total_cents=2501)))

    assert [refund.amount_cents for refund in payments.refunds] == [1251]
    [order] = saved(session, Order)
    assert (order.status, order.refund_cents, order.refund_state) == ("cancelled", 1251, "done")


@pytest.mark.behaviour("cancel.no_refund")
@pytest.mark.parametrize("time_left", [48 * HOUR - TICK, TICK])
def test_later_than_that_nothing_is_refunded(time_left):
    assert refund_now(an_order_for(time_left), now=NOW) == 0


@pytest.mark.behaviour("cancel.no_refund")
def test_where_nothing_is_refunded_the_gateway_is_not_asked(cancellation, payments, session):
    cancellation.cancel(add(session, an_order_for(TICK)))

    [order] = saved(session, Order)
    assert (order.status, order.refund_cents, order.refund_state) == ("cancelled", 0, "none")
    assert payments.refunds == []


@pytest.mark.behaviour("cancel.free_order")
def test_a_free_order_is_cancelled_without_the_gateway(cancellation, payments, session):
    order = add(session, an_order_for(30 * DAY, total_cents=0, charge_id=None))

    cancellation.cancel(order)

    [order] = saved(session, Order)
    assert (order.status, order.refund_cents, order.refund_state) == ("cancelled", 0, "none")
    assert payments.refunds == []


@pytest.mark.behaviour("cancel.seats_freed")
def test_the_seats_of_a_cancelled_order_can_be_bought_again(cancellation, checkout, session):
    event = add(session, an_event(capacity=2))
    order = add(session, an_order(event, quantity=2))

    cancellation.cancel(order)

    assert checkout.place(event, a_purchase(quantity=2)).status == "paid"


@pytest.mark.behaviour("cancel.started")
def test_once_the_event_has_started_it_is_too_late(cancellation, payments, session):
    order = add(session, an_order_for(0 * DAY))

    with pytest.raises(EventStarted) as error:
        cancellation.cancel(order)

    assert error.value.code == "event_started"
    assert [order.status for order in saved(session, Order)] == ["paid"]
    assert payments.refunds == []


@pytest.mark.behaviour("cancel.not_paid")
@pytest.mark.parametrize("status", ["pending", "declined", "expired", "cancelled"])
def test_only_a_paid_order_can_be_cancelled(cancellation, payments, session, status):
    order = add(session, an_order(an_event(), status))

    with pytest.raises(OrderNotPaid) as error:
        cancellation.cancel(order)

    assert error.value.code == "order_not_paid"
    assert error.value.facts == {"status": status, "action": "cancelled"}
    assert [order.status for order in saved(session, Order)] == [status]
    assert payments.refunds == []


@pytest.mark.behaviour("cancel.not_paid")
def test_after_a_refusal_no_lock_is_held(cancellation, session):
    order = add(session, an_order(an_event(), "pending"))

    with pytest.raises(OrderNotPaid):
        cancellation.cancel(order)

    assert not session.in_transaction()


@pytest.mark.behaviour("cancel.not_paid")
def test_an_order_is_cancelled_and_refunded_only_once(cancellation, payments, session):
    order = add(session, an_order_for(30 * DAY))
    cancellation.cancel(order)

    with pytest.raises(OrderNotPaid):
        cancellation.cancel(order)

    assert len(payments.refunds) == 1


@pytest.mark.behaviour("cancel.checked_in")
def test_once_a_ticket_is_checked_in_it_is_too_late(cancellation, payments, session):
    tickets = [Ticket(code="unused"), Ticket(code="used", checked_in_at=NOW)]
    order = add(session, an_order_for(30 * DAY, tickets=tickets))

    with pytest.raises(TicketUsed) as error:
        cancellation.cancel(order)

    assert error.value.code == "ticket_used"

    assert [order.status for order in saved(session, Order)] == ["paid"]
    assert payments.refunds == []


@pytest.mark.behaviour("cancel.refund_due")
def test_a_refund_that_the_gateway_does_not_make_stays_due(cancellation, payments, session):
    order = add(session, an_order_for(30 * DAY, total_cents=2500))
    payments.failure = PaymentOutcomeUnknown("The gateway failed.")

    cancellation.cancel(order)

    [order] = saved(session, Order)
    assert (order.status, order.refund_cents, order.refund_state) == ("cancelled", 2500, "due")
