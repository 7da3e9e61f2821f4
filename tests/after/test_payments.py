"""What becomes of an order when the gateway does not simply charge the card."""

import pytest

from after_service_layer.models import Order, Ticket
from after_service_layer.services.refusals import CardDeclined, PaymentUnanswered
from tests.after.factories import a_purchase, add, an_event, saved
from tests.after.helpers import MINUTE, NOW


@pytest.mark.behaviour("checkout.declined")
def test_a_declined_card_makes_a_declined_order(checkout, mailer, session):
    event = add(session, an_event())

    with pytest.raises(CardDeclined) as refusal:
        checkout.place(event, a_purchase(card_token="tok_declined"))

    assert str(refusal.value) == "The card was declined: The bank refuses to pay."
    assert [order.status for order in saved(session, Order)] == ["declined"]
    assert saved(session, Ticket) == mailer.confirmed == []


@pytest.mark.behaviour("checkout.declined")
def test_after_a_declined_card_the_seats_can_be_bought_with_another(checkout, session):
    event = add(session, an_event(capacity=1))

    with pytest.raises(CardDeclined):
        checkout.place(event, a_purchase(card_token="tok_declined"))
    checkout.place(event, a_purchase(checkout_id="form-2"))

    assert [order.status for order in saved(session, Order)] == ["declined", "paid"]


@pytest.mark.behaviour("checkout.unanswered")
def test_without_a_clear_answer_the_seats_are_held(checkout, mailer, session):
    event = add(session, an_event())

    with pytest.raises(PaymentUnanswered) as refusal:
        checkout.place(event, a_purchase(card_token="tok_error"))

    [order] = saved(session, Order)
    assert str(refusal.value) == "Your seats are held. We will confirm by e-mail."
    assert refusal.value.order == order
    assert (order.status, order.hold_until) == ("pending", NOW + 30 * MINUTE)
    assert saved(session, Ticket) == mailer.confirmed == []
