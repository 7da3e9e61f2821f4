"""What an offer of seats is good for: finding it, and a checkout that carries it."""

import pytest

from after_service_layer.models import Order, WaitlistEntry
from after_service_layer.services.catalogue import EventQuery, search_events
from after_service_layer.services.errors import (
    CardDeclined,
    CardMissing,
    OfferNotFound,
    OfferRefused,
    PaymentPending,
    SoldOut,
)
from after_service_layer.services.waiting_list import find_offer, offer_for_event
from tests.after.services.factories import a_purchase, add, an_entry, an_event, an_order, saved
from tests.kit.helpers import DAY, NOW, TICK

CLEO = "cleo@example.org"


@pytest.fixture
def event(session):
    """A free event with two seats."""
    return add(session, an_event(capacity=2, price_cents=0))


@pytest.fixture
def offer(event, session):
    """Both seats, offered to Cleo."""
    return add(session, an_entry(event, "offered", email=CLEO, quantity=2))


@pytest.fixture
def take(checkout):
    """Return a function that buys two seats with an offer, as Cleo unless said otherwise."""

    def take(event, offer, **differences):
        facts = {"email": CLEO, "quantity": 2, "offer_token": offer.token}
        return checkout.place(event, a_purchase(**{**facts, **differences}))

    return take


@pytest.fixture
def states(session):
    """Return a function that gives the states of all entries, in the order of joining."""
    return lambda: [entry.status for entry in saved(session, WaitlistEntry)]


@pytest.mark.behaviour("offer.page")
def test_an_offer_is_found_by_its_token(offer, session):
    assert find_offer(session, offer.token, now=NOW) == offer


@pytest.mark.behaviour("offer.gone")
@pytest.mark.parametrize(
    ("status", "offered_until", "code"),
    [("offered", NOW - TICK, "offer_lapsed"), ("taken", NOW + DAY, "offer_used")],
)
def test_an_offer_that_is_over_is_gone(event, session, status, offered_until, code):
    offer = add(session, an_entry(event, status, offered_until=offered_until))

    with pytest.raises(OfferRefused) as refused:
        find_offer(session, offer.token, now=NOW)

    assert refused.value.code == code


@pytest.mark.behaviour("offer.unknown")
@pytest.mark.parametrize("token", ["token-1", "token-2", "TOKEN-3", "no-such-token", "wörong"])
def test_a_token_without_an_offer_is_not_found(event, session, token):
    add(session, an_entry(event, "waiting", token="token-1", number=1))
    draft = an_event("Draft", published=False)
    add(session, an_entry(draft, "offered", token="token-2", number=2))
    add(session, an_entry(event, "offered", token="token-3", number=3))

    with pytest.raises(OfferNotFound):
        find_offer(session, token, now=NOW)


@pytest.mark.behaviour("offer.holds")
def test_an_offer_counts_in_the_list_of_events(event, offer, session):
    assert search_events(session, EventQuery(), now=NOW).rows == [(event, 0)]


@pytest.mark.behaviour("offer.holds")
@pytest.mark.usefixtures("offer")
def test_the_seats_of_an_offer_cannot_be_bought_by_others(checkout, event):
    with pytest.raises(SoldOut) as refused:
        checkout.place(event, a_purchase())

    assert (refused.value.seats_left, refused.value.offer) == (0, None)


@pytest.mark.behaviour("offer.taken")
def test_the_holder_of_an_offer_gets_its_seats(event, offer, session, take):
    take(event, offer)

    [order] = saved(session, Order)
    assert (order.status, order.quantity, order.offer) == ("paid", 2, offer)
    assert offer.status == "taken"


@pytest.mark.behaviour("offer.taken")
def test_who_takes_fewer_seats_leaves_the_rest_to_others(event, offer, take):
    take(event, offer, quantity=1)

    assert event.seats_left(NOW) == 1


@pytest.mark.behaviour("offer.taken")
def test_who_wants_more_may_have_what_is_left_for_all(session, take):
    event = add(session, an_event(capacity=3, price_cents=0))
    offer = add(session, an_entry(event, "offered", email=CLEO, quantity=2))

    with pytest.raises(SoldOut) as refused:
        take(event, offer, quantity=4)

    assert refused.value.seats_left == 3
    assert take(event, offer, quantity=3).status == "paid"


@pytest.fixture
def jazz(session):
    """An event with two seats that have their price."""
    return add(session, an_event("Jazz", capacity=2))


@pytest.fixture
def jazz_offer(jazz, session):
    """Both seats, offered to Cleo; somebody else waits."""
    offer = add(session, an_entry(jazz, "offered", email=CLEO, quantity=2, number=1))
    add(session, an_entry(jazz, number=2))
    return offer


@pytest.mark.behaviour("offer.taken")
def test_an_order_that_is_not_settled_yet_has_the_offer(jazz, jazz_offer, states, take):
    with pytest.raises(PaymentPending):
        take(jazz, jazz_offer, card_token="tok_error")

    assert states() == ["taken", "waiting"]
    assert jazz.seats_left(NOW) == 0


@pytest.mark.behaviour("offer.taken")
def test_a_refused_purchase_does_not_use_the_offer(jazz, jazz_offer, states, take):
    with pytest.raises(CardMissing):
        take(jazz, jazz_offer, card_token="")

    assert states() == ["offered", "waiting"]


@pytest.mark.behaviour("offer.refused")
def test_an_offer_is_used_only_once(event, offer, session, take):
    take(event, offer)

    with pytest.raises(SoldOut) as refused:
        take(event, offer, checkout_id="form-2", quantity=1)

    assert (refused.value.seats_left, refused.value.offer.code) == (0, "offer_used")
    assert len(saved(session, Order)) == 1


@pytest.mark.behaviour("offer.refused")
@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"email": "ada@example.org"}, "offer_for_another_email"),
        ({"offer_token": "no-such-token"}, "offer_not_found"),
    ],
)
def test_an_offer_that_does_not_count_opens_no_seats(event, offer, states, take, typed, code):
    with pytest.raises(SoldOut) as refused:
        take(event, offer, **typed)

    assert (refused.value.seats_left, refused.value.offer.code) == (0, code)
    assert states() == ["offered"]


@pytest.mark.behaviour("offer.refused")
def test_an_offer_is_for_its_event_only(offer, session, states, take):
    other = add(session, an_event("Jazz", capacity=0))

    with pytest.raises(SoldOut) as refused:
        take(other, offer)

    assert refused.value.offer.code == "offer_not_found"
    assert states() == ["offered"]
    assert offer_for_event(session, other, offer.token) is None


@pytest.mark.behaviour("offer.refused")
def test_with_enough_seats_an_offer_that_does_not_count_stops_no_purchase(event, session, take):
    offer = add(session, an_entry(event, "lapsed", email=CLEO))

    order = take(event, offer)

    assert (order.status, order.offer) == ("paid", None)
    assert offer.status == "lapsed"


@pytest.mark.behaviour("offer.given_back")
def test_a_declined_card_gives_the_offer_back(jazz, jazz_offer, mailer, session, take):
    with pytest.raises(CardDeclined):
        take(jazz, jazz_offer, card_token="tok_declined")

    cleo, next_in_line = saved(session, WaitlistEntry)
    assert (cleo.status, cleo.offered_until) == ("offered", NOW + 2 * DAY)
    assert next_in_line.status == "waiting"
    assert mailer.sent == []


@pytest.mark.behaviour("offer.given_back")
def test_an_offer_given_back_can_be_used_with_another_card(jazz, jazz_offer, take):
    with pytest.raises(CardDeclined):
        take(jazz, jazz_offer, card_token="tok_declined")

    assert take(jazz, jazz_offer, checkout_id="form-2").status == "paid"


@pytest.mark.behaviour("offer.given_back")
def test_a_charge_that_fails_gives_the_offer_back(event, session, settlement, states):
    offer = add(session, an_entry(event, "taken", email=CLEO, quantity=2))
    order = add(session, an_order(event, "pending", offer=offer))

    settlement.mark_failed(order)

    assert states() == ["offered"]
