"""What becomes of an order when the gateway does not simply charge the card."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from after_service_layer.models import Order, OrderStatus, Ticket, WaitlistEntry
from after_service_layer.services.errors import CardDeclined, PaymentPending
from after_service_layer.services.interfaces import PaymentOutcomeUnknown
from tests.after.services.factories import a_purchase, add, an_entry, an_event, saved
from tests.after.services.fakes import FakePayments
from tests.kit.helpers import MINUTE, NOW, TICK


@pytest.mark.behaviour("checkout.declined")
def test_a_declined_card_makes_a_declined_order(checkout, mailer, session):
    event = add(session, an_event())

    with pytest.raises(CardDeclined) as error:
        checkout.place(event, a_purchase(card_token="tok_declined"))

    assert error.value.code == "card_declined"
    assert error.value.facts == {"reason": "The bank refuses to pay."}
    assert [order.status for order in saved(session, Order)] == ["declined"]
    assert saved(session, Ticket) == mailer.sent == []


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

    with pytest.raises(PaymentPending) as error:
        checkout.place(event, a_purchase(card_token="tok_error"))

    [order] = saved(session, Order)
    assert error.value.code == "payment_pending"
    assert error.value.facts == {"reference": order.reference, "hold_until": order.hold_until}
    assert (order.status, order.hold_until) == ("pending", NOW + 30 * MINUTE)
    assert saved(session, Ticket) == mailer.sent == []


class SlowPayments(FakePayments):
    """A gateway that is slow: another process changes the order first, in its own session."""

    def __init__(self, connection, act):
        super().__init__()
        self.connection = connection
        self.act = act

    def charge(self, *, reference, **facts):
        with Session(self.connection) as elsewhere:
            order = elsewhere.scalar(select(Order).where(Order.reference == reference))
            self.act(order)
            elsewhere.commit()
        return super().charge(reference=reference, **facts)


@pytest.fixture
def buy_while(make_checkout, session):
    """Return a function that buys a seat while something happens to the order."""

    def buy_while(act, event, **differences):
        payments = SlowPayments(session.get_bind(), act)
        return make_checkout(payments=payments).place(event, a_purchase(**differences))

    return buy_while


def pay(order):
    order.pay("ch_1", ["code-1"], NOW)


def decline(order):
    order.decline(NOW)


def expire(order):
    order.hold_until = NOW - TICK
    order.move_to(OrderStatus.EXPIRED)


@pytest.mark.behaviour("checkout.overtaken")
@pytest.mark.parametrize("card", ["tok_visa", "tok_declined"])
def test_an_order_that_is_paid_meanwhile_stays_so(buy_while, mailer, session, card):
    event = add(session, an_event())

    order = buy_while(pay, event, card_token=card)

    assert (order.status, order.charge_id) == ("paid", "ch_1")
    assert [ticket.code for ticket in saved(session, Ticket)] == ["code-1"]
    assert mailer.sent == []


@pytest.mark.behaviour("checkout.overtaken")
def test_an_order_that_is_declined_meanwhile_is_refused_all_the_same(buy_while, session):
    event = add(session, an_event(capacity=1))
    add(session, an_entry(event))

    with pytest.raises(CardDeclined):
        buy_while(decline, event, card_token="tok_declined")

    assert [order.status for order in saved(session, Order)] == ["declined"]
    # The process that declined the order serves the waiting list.
    assert [entry.status for entry in saved(session, WaitlistEntry)] == ["waiting"]


@pytest.mark.behaviour("checkout.overtaken")
def test_an_order_that_expires_meanwhile_is_paid_while_seats_remain(buy_while, session):
    event = add(session, an_event(capacity=1))

    assert buy_while(expire, event).status == "paid"


@pytest.mark.behaviour("checkout.overtaken")
def test_an_order_whose_seats_are_sold_meanwhile_is_refunded(buy_while, mailer, payments, session):
    event = add(session, an_event(capacity=1))

    def sell(order):
        expire(order)
        order.event.capacity = 0

    late = buy_while(sell, event)

    assert (late.status, late.refund_cents, late.refund_state) == ("expired", 2500, "done")
    assert [refund.charge_id for refund in payments.refunds] == ["ch_1"]
    assert mailer.sent == [("refund", late)]


@pytest.mark.behaviour("log.no_keys")
def test_the_log_has_neither_the_card_nor_the_secret_of_the_order(
    caplog, checkout, payments, session
):
    payments.failure = PaymentOutcomeUnknown("status 500")

    with pytest.raises(PaymentPending) as held:
        checkout.place(add(session, an_event()), a_purchase(card_token="tok_visa"))

    order = held.value.order
    assert caplog.messages == [f"No answer on {order.reference}: status 500"]
