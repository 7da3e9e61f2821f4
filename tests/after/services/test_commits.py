"""What is stored before the gateway is asked: the process ends at that very moment."""

import pytest

from after_service_layer.models import Order
from tests.after.services.factories import a_purchase, add, an_event, an_order, saved
from tests.kit.helpers import MINUTE, NOW


class ProcessEnds(BaseException):
    """Ends everything; nothing in the program may handle it."""


@pytest.mark.behaviour("checkout.hold")
def test_the_order_is_stored_as_pending_before_the_card_is_charged(checkout, payments, session):
    event = add(session, an_event(price_cents=2500))
    payments.failure = ProcessEnds()

    with pytest.raises(ProcessEnds):
        checkout.place(event, a_purchase(quantity=2))

    [order] = saved(session, Order)
    assert (order.status, order.quantity, order.total_cents) == ("pending", 2, 5000)
    assert (order.created_at, order.hold_until) == (NOW, NOW + 30 * MINUTE)


@pytest.mark.behaviour("cancel.refund_due")
def test_the_order_is_stored_as_cancelled_before_money_is_given_back(
    cancellation, payments, session
):
    order = add(session, an_order(an_event()))
    payments.failure = ProcessEnds()

    with pytest.raises(ProcessEnds):
        cancellation.cancel(order)

    [order] = saved(session, Order)
    assert (order.status, order.refund_state) == ("cancelled", "due")


@pytest.mark.behaviour("webhook.late_refunded")
def test_a_late_success_is_stored_as_refund_due_before_money_is_given_back(
    payments, session, settlement
):
    late = add(session, an_order(an_event(capacity=0), "expired"))
    payments.failure = ProcessEnds()

    with pytest.raises(ProcessEnds):
        settlement.mark_succeeded(late, "ch_777")

    [late] = saved(session, Order)
    assert (late.charge_id, late.refund_cents, late.refund_state) == ("ch_777", 2500, "due")
