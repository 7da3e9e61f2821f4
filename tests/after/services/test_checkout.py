"""Buying tickets: the order, its tickets, and what is refused before any money moves."""

import re
from itertools import chain

import pytest
from sqlalchemy.orm import Session

from after_service_layer.models import Event, Order, Ticket
from after_service_layer.services.checkout import Availability
from after_service_layer.services.errors import (
    AlreadyPlaced,
    CardMissing,
    CheckoutIdUsed,
    PaymentPending,
    QuantityRefused,
    SalesClosed,
    SoldOut,
)
from after_service_layer.services.interfaces import MailNotSent
from tests.after.services.factories import (
    a_purchase,
    a_voucher,
    add,
    an_entry,
    an_event,
    an_order,
    saved,
)
from tests.after.services.fakes import Charge
from tests.kit.helpers import DAY, MINUTE, NOW, TICK


@pytest.mark.behaviour("checkout.paid")
def test_a_charged_card_makes_a_paid_order(checkout, session):
    event = add(session, an_event())

    order = checkout.place(event, a_purchase(quantity=3))

    assert saved(session, Order) == [order]
    assert (order.status, order.charge_id, order.event) == ("paid", "ch_1", event)
    assert (order.name, order.email) == ("Ada Okafor", "ada@example.org")


@pytest.mark.behaviour("checkout.paid")
def test_a_paid_order_has_a_ticket_for_each_seat(checkout, session):
    event = add(session, an_event())

    order = checkout.place(event, a_purchase(quantity=3))

    tickets = saved(session, Ticket)
    assert [ticket.order for ticket in tickets] == [order] * 3
    assert len({ticket.code for ticket in tickets}) == 3


@pytest.mark.behaviour("checkout.paid")
def test_the_gateway_is_asked_for_the_total_under_a_key_of_the_order(checkout, payments, session):
    event = add(session, an_event(price_cents=2500))

    order = checkout.place(event, a_purchase(quantity=2, card_token="tok_visa"))

    assert payments.charges == [
        Charge(
            amount_cents=5000,
            source="tok_visa",
            reference=order.reference,
            key=f"{order.reference}-1",
        )
    ]


@pytest.mark.behaviour("checkout.paid")
@pytest.mark.parametrize(("value", "is_used"), [(15, True), (10, False)])
def test_an_order_is_stored_and_charged_at_its_price(checkout, payments, session, value, is_used):
    event = add(session, an_event(price_cents=1000))
    voucher = add(session, a_voucher(value=value))

    checkout.place(event, a_purchase(quantity=10, voucher_code="SPRING"))

    [order] = saved(session, Order)
    assert (order.discount_cents, order.total_cents) == (100 * value, 10000 - 100 * value)
    assert order.voucher == (voucher if is_used else None)
    assert [charge.amount_cents for charge in payments.charges] == [order.total_cents]


@pytest.mark.behaviour("checkout.paid")
def test_an_order_has_a_short_reference_and_an_unguessable_secret(checkout, session):
    event = add(session, an_event())

    first = checkout.place(event, a_purchase(checkout_id="form-1"))
    second = checkout.place(event, a_purchase(checkout_id="form-2"))

    assert re.fullmatch("[ABCDEFGHJKLMNPQRSTUVWXYZ379]{5}", first.reference)
    assert first.reference != second.reference
    assert len(first.secret) >= 16
    assert first.secret != second.secret


@pytest.mark.behaviour("checkout.paid")
def test_a_reference_that_another_order_has_is_drawn_again(make_checkout, session):
    event = add(session, an_event())
    add(session, an_order(event, reference="AAAAA"))
    letters = chain("AAAAA", "AAAAB")
    checkout = make_checkout(choose=lambda accepted: next(letters))

    assert checkout.place(event, a_purchase()).reference == "AAAAB"


@pytest.mark.behaviour("checkout.confirmation")
def test_a_paid_order_is_confirmed_by_mail(checkout, mailer, session):
    event = add(session, an_event())

    order = checkout.place(event, a_purchase())

    assert mailer.sent == [("confirmation", order)]
    assert [order.confirmation_sent_at for order in saved(session, Order)] == [NOW]


@pytest.mark.behaviour("checkout.free")
def test_a_free_event_needs_no_card_and_no_gateway(checkout, payments, mailer, session):
    event = add(session, an_event(price_cents=0))

    checkout.place(event, a_purchase(quantity=2, card_token=""))

    [order] = saved(session, Order)
    assert (order.status, order.total_cents, order.charge_id) == ("paid", 0, None)
    assert len(saved(session, Ticket)) == 2
    assert mailer.sent == [("confirmation", order)]
    assert payments.charges == []


@pytest.mark.behaviour("checkout.free")
def test_a_voucher_over_everything_needs_no_card_and_no_gateway(checkout, payments, session):
    event = add(session, an_event())
    add(session, a_voucher("FRIENDS", value=100))

    checkout.place(event, a_purchase(voucher_code="FRIENDS", card_token=""))

    assert [order.status for order in saved(session, Order)] == ["paid"]
    assert payments.charges == []


@pytest.mark.behaviour("checkout.idempotent")
def test_the_same_form_sent_twice_is_charged_once(checkout, payments, mailer, session):
    event = add(session, an_event())

    first = checkout.place(event, a_purchase())
    second = checkout.place(event, a_purchase())

    assert second == first
    assert len(payments.charges) == len(mailer.sent) == len(saved(session, Order)) == 1


@pytest.mark.behaviour("checkout.idempotent")
@pytest.mark.parametrize("status", ["pending", "paid", "declined", "expired", "cancelled"])
def test_a_checkout_id_seen_before_leads_to_its_order(checkout, payments, session, status):
    event = add(session, an_event())
    order = add(session, an_order(event, status, checkout_id="form-1", email="ada@example.org"))

    with pytest.raises(AlreadyPlaced) as earlier:
        checkout.begin(event, "form-1", "Ada@Example.org")

    assert earlier.value.order == order
    assert checkout.place(event, a_purchase(checkout_id="form-1")) == order
    assert [order.status for order in saved(session, Order)] == [status]
    assert payments.charges == []


@pytest.mark.behaviour("checkout.idempotent")
def test_a_form_that_was_sent_before_is_not_refused(checkout, session):
    event = add(session, an_event(starts_at=NOW - DAY))
    order = add(session, an_order(event, checkout_id="form-1", email="ada@example.org"))

    with pytest.raises(AlreadyPlaced) as earlier:
        checkout.begin(event, "form-1", "ada@example.org")

    assert earlier.value.order == order
    assert checkout.place(event, a_purchase(quantity=1000, voucher_code="NONE")) == order


@pytest.mark.behaviour("checkout.id_of_another")
@pytest.mark.parametrize("email", ["eve@example.org", "", "ada@example.org.evil.example"])
def test_a_checkout_id_with_another_address_is_refused(checkout, payments, session, email):
    event = add(session, an_event())
    add(session, an_order(event, checkout_id="form-1", email="ada@example.org"))

    with pytest.raises(CheckoutIdUsed) as error:
        checkout.begin(event, "form-1", email)
    # No fact of the order is given away.
    assert (error.value.code, error.value.facts) == ("checkout_id_used", {})
    with pytest.raises(CheckoutIdUsed):
        checkout.place(event, a_purchase(checkout_id="form-1", email=email))

    assert len(saved(session, Order)) == 1
    assert payments.charges == []


@pytest.mark.behaviour("checkout.id_of_another")
def test_a_checkout_id_for_another_event_is_refused(checkout, payments, session):
    jazz, blues = add(session, an_event("Jazz")), add(session, an_event("Blues"))
    add(session, an_order(blues, checkout_id="form-1", email="ada@example.org"))

    with pytest.raises(CheckoutIdUsed):
        checkout.begin(jazz, "form-1", "ada@example.org")
    with pytest.raises(CheckoutIdUsed):
        checkout.place(jazz, a_purchase(checkout_id="form-1"))

    assert len(saved(session, Order)) == 1
    assert payments.charges == []


@pytest.mark.behaviour("checkout.id_of_another")
def test_the_same_form_sent_for_two_events_at_once_makes_one_order(
    make_checkout, payments, session
):
    event, other_event = add(session, an_event("Jazz")), add(session, an_event("Blues"))

    def new_secret():
        """Let the other form be quicker: its order was not there at the first look."""
        with Session(session.get_bind()) as elsewhere:
            blues = elsewhere.get(Event, other_event.id)
            add(elsewhere, an_order(blues, checkout_id="form-1", email="ada@example.org"))
        return "secret"

    checkout = make_checkout(new_secret=new_secret)
    with pytest.raises(CheckoutIdUsed):
        checkout.place(event, a_purchase(checkout_id="form-1"))

    assert [order.event for order in saved(session, Order)] == [other_event]
    assert payments.charges == []


@pytest.mark.behaviour("checkout.closed")
def test_from_the_start_on_nothing_is_sold(checkout, session):
    event = add(session, an_event(starts_at=NOW, price_cents=0))

    with pytest.raises(SalesClosed):
        checkout.begin(event, "form-1", "ada@example.org")
    with pytest.raises(SalesClosed):
        checkout.place(event, a_purchase())

    assert saved(session, Order) == []


@pytest.mark.behaviour("checkout.card_missing")
def test_without_a_card_nothing_can_be_paid(checkout, session):
    event = add(session, an_event())

    with pytest.raises(CardMissing) as error:
        checkout.place(event, a_purchase(card_token=""))

    assert (error.value.code, error.value.facts) == ("card_missing", {"total_cents": 2500})
    assert saved(session, Order) == []


@pytest.mark.behaviour("checkout.sold_out")
@pytest.mark.parametrize(("sold", "left"), [(8, 2), (9, 1), (10, 0), (11, 0)])
def test_more_seats_than_are_left_are_refused(checkout, session, sold, left):
    event = add(session, an_event(capacity=10, price_cents=0))
    add(session, an_order(event, quantity=sold))

    with pytest.raises(SoldOut) as error:
        checkout.place(event, a_purchase(quantity=3))

    assert error.value.code == "sold_out"
    assert error.value.facts == {"seats_left": left, "offer": None}
    assert len(saved(session, Order)) == 1


@pytest.mark.behaviour("checkout.sold_out")
def test_after_a_refusal_no_lock_is_held(checkout, session):
    event = add(session, an_event(capacity=0))

    with pytest.raises(SoldOut):
        checkout.place(event, a_purchase())

    assert not session.in_transaction()


@pytest.mark.behaviour("checkout.sold_out")
def test_the_last_seats_can_be_bought(checkout, session):
    event = add(session, an_event(capacity=10, price_cents=0))
    add(session, an_order(event, quantity=7))

    assert checkout.place(event, a_purchase(quantity=3)).status == "paid"


@pytest.mark.behaviour("checkout.seats.held")
def test_the_seats_of_an_unpaid_order_come_free_after_half_an_hour(checkout, session):
    event = add(session, an_event(capacity=1))

    with pytest.raises(PaymentPending):
        checkout.place(event, a_purchase(card_token="tok_error"))

    assert event.seats_left(NOW + 30 * MINUTE) == 0
    assert event.seats_left(NOW + 30 * MINUTE + TICK) == 1


@pytest.mark.behaviour("checkout.mail_failed")
def test_a_mail_that_cannot_be_sent_loses_no_order(checkout, mailer, session):
    event = add(session, an_event())
    mailer.failure = MailNotSent()

    checkout.place(event, a_purchase())

    [order] = saved(session, Order)
    assert (order.status, order.confirmation_sent_at) == ("paid", None)
    assert len(saved(session, Ticket)) == 1


@pytest.mark.behaviour("checkout.hold")
@pytest.mark.behaviour("counter.hold")
@pytest.mark.parametrize(("settings", "minutes"), [({}, 30), ({"hold_minutes": 10}, 10)])
def test_the_seats_are_held_for_as_long_as_is_set(make_checkout, session, settings, minutes):
    event = add(session, an_event())

    make_checkout(**settings).place(event, a_purchase())

    assert [order.hold_until for order in saved(session, Order)] == [NOW + minutes * MINUTE]


@pytest.mark.behaviour("counter.limit")
@pytest.mark.parametrize(("settings", "most"), [({}, 4), ({"max_per_order": 50}, 50)])
def test_an_order_may_have_as_many_seats_as_is_set_or_as_the_event_says(
    make_checkout, settings, most
):
    assert make_checkout(**settings).max_quantity(an_event(max_per_order=4)) == most


@pytest.mark.behaviour("checkout.invalid")
@pytest.mark.behaviour("counter.limit")
@pytest.mark.parametrize(("settings", "most"), [({}, 4), ({"max_per_order": 50}, 50)])
def test_the_service_checks_the_quantity_itself(make_checkout, session, settings, most):
    event = add(session, an_event(max_per_order=4))
    checkout = make_checkout(**settings)

    for quantity in (0, most + 1):
        with pytest.raises(QuantityRefused) as error:
            checkout.place(event, a_purchase(quantity=quantity))
        assert (error.value.code, error.value.facts) == ("quantity_refused", {"most": most})

    assert saved(session, Order) == []


@pytest.mark.behaviour("waitlist.invalid")
@pytest.mark.parametrize(
    ("limit", "capacity", "most"), [(None, 100, 4), (2, 100, 2), (50, 100, 4), (None, 3, 3)]
)
def test_the_waiting_list_takes_at_most_what_one_order_may_have(
    make_checkout, limit, capacity, most
):
    checkout = make_checkout(max_per_order=limit)

    assert checkout.max_waitlist_quantity(an_event(max_per_order=4, capacity=capacity)) == most


@pytest.mark.behaviour("event.page")
@pytest.mark.behaviour("event.sold_out")
@pytest.mark.behaviour("checkout.sold_out")
@pytest.mark.parametrize(
    ("sold", "wanted", "can_buy", "can_join"),
    [
        (0, 1, True, False),
        (3, 1, True, False),
        (3, 2, True, True),
        (4, 1, False, True),
        # The waiting list takes no more than one order may have, and so many are left.
        (2, 50, True, False),
    ],
)
def test_what_an_event_offers_depends_on_the_seats_left(
    checkout, session, sold, wanted, can_buy, can_join
):
    event = add(session, an_event(capacity=4, max_per_order=2))
    add(session, an_order(event, quantity=sold))

    assert checkout.availability(event, wanted=wanted) == Availability(
        now=NOW, seats_left=4 - sold, can_buy=can_buy, can_join_waiting_list=can_join
    )


@pytest.mark.behaviour("event.closed")
@pytest.mark.parametrize("capacity", [0, 4])
def test_from_the_start_on_an_event_offers_nothing(checkout, session, capacity):
    event = add(session, an_event(starts_at=NOW, capacity=capacity))
    offer = add(session, an_entry(event, "offered"))

    for available in (checkout.availability(event), checkout.availability(event, offer=offer)):
        assert (available.can_buy, available.can_join_waiting_list) == (False, False)


@pytest.mark.behaviour("offer.page")
def test_with_an_offer_a_sold_out_event_can_be_bought(checkout, session):
    event = add(session, an_event(capacity=1))
    offer = add(session, an_entry(event, "offered"))

    available = checkout.availability(event, offer=offer)

    assert (available.seats_left, available.can_buy) == (0, True)
    assert not available.can_join_waiting_list
