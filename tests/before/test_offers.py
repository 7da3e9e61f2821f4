"""An offer of seats: its page, and a checkout that carries it."""

import pytest

from tests.kit.helpers import DAY, NOW, TICK, hidden_value, text_of

BUY_BUTTON = "<button>Buy</button>"
DECLINED = {"status": 402, "json": {"error": {"message": "No."}}}


@pytest.fixture
def event(add_event):
    """A free event with two seats."""
    return add_event(capacity=2, price_cents=0)


@pytest.fixture
def offer(add_entry, event):
    """Both seats, offered to Cleo."""
    return add_entry(event, "offered", email="cleo@example.org", quantity=2)


@pytest.fixture
def take(buy):
    """Return a function that buys two seats with an offer, as Cleo unless said otherwise."""

    def take(event, offer, /, **differences):
        fields = {"email": "cleo@example.org", "quantity": 2, "offer": offer.token}
        return buy(event, **{**fields, **differences})

    return take


@pytest.mark.behaviour("offer.page")
def test_the_link_leads_to_a_checkout_form_that_carries_the_offer(client, offer):
    page = client.get(f"/waitlist/{offer.token}")

    assert page.status_code == 200
    held = "2 seats are held for cleo@example.org until 2027-03-03 12:00 UTC."
    assert held in text_of(page)
    assert 'action="/events/the-glass-orchestra/checkout"' in page.text
    assert hidden_value(page, "offer") == offer.token
    assert len(hidden_value(page, "checkout_id")) >= 16
    for prefilled in ("cleo@example.org", "2"):
        assert f'value="{prefilled}"' in page.text


@pytest.mark.behaviour("event.closed")
def test_from_the_start_on_an_offer_has_no_form(add_entry, add_event, client):
    offer = add_entry(add_event(starts_at=NOW), "offered")

    page = client.get(f"/waitlist/{offer.token}")

    assert "Sales are closed." in text_of(page)
    assert BUY_BUTTON not in page.text


@pytest.mark.behaviour("offer.gone")
@pytest.mark.parametrize(
    ("status", "offered_until", "sentence"),
    [
        ("offered", NOW - TICK, "The offer has lapsed."),
        ("taken", NOW + DAY, "The offer was used already."),
    ],
)
def test_an_offer_that_is_over_is_gone(add_entry, client, event, status, offered_until, sentence):
    offer = add_entry(event, status, offered_until=offered_until)

    page = client.get(f"/waitlist/{offer.token}")

    assert page.status_code == 410
    assert sentence in text_of(page)


@pytest.mark.behaviour("offer.unknown")
def test_a_token_without_an_offer_is_not_found(add_entry, client, event):
    waiting, offered = add_entry(event), add_entry(event, "offered")

    for token in (waiting.token, "no-such-token", "wörong", offered.token.upper()):
        page = client.get(f"/waitlist/{token}")
        assert page.status_code == 404
        assert "There is no such offer." in text_of(page)


@pytest.mark.behaviour("offer.holds")
@pytest.mark.usefixtures("offer")
def test_the_seats_of_an_offer_cannot_be_bought_by_others(buy, event):
    assert buy(event).status_code == 409


@pytest.mark.behaviour("offer.holds")
def test_an_offer_counts_in_the_list_of_events(client, offer):
    assert "Sold out" in text_of(client.get("/"))


@pytest.mark.behaviour("offer.taken")
def test_the_holder_of_an_offer_gets_its_seats(event, offer, stored, take):
    answer = take(event, offer)

    [order], [entry] = stored("Order"), stored("WaitlistEntry")
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
    assert (order.status, order.quantity, order.offer_id) == ("paid", 2, entry.id)
    assert entry.status == "taken"


@pytest.mark.behaviour("offer.taken")
def test_seats_of_an_offer_that_are_not_taken_can_be_bought_by_others(buy, event, offer, take):
    assert take(event, offer, quantity=1).status_code == 303
    assert buy(event, checkout_id="form-2", quantity=1).status_code == 303
    assert buy(event, checkout_id="form-3", quantity=1).status_code == 409


@pytest.mark.behaviour("offer.taken")
@pytest.mark.parametrize(("quantity", "status"), [(3, 303), (4, 409)])
def test_the_holder_of_an_offer_may_buy_free_seats_with_it(
    add_entry, add_event, take, quantity, status
):
    event = add_event(capacity=3, price_cents=0)
    offer = add_entry(event, "offered", email="cleo@example.org", quantity=2)

    answer = take(event, offer, quantity=quantity)

    assert answer.status_code == status
    assert ("Not enough seats: 3 seats are left." in text_of(answer)) == (status == 409)


@pytest.mark.behaviour("offer.taken")
def test_an_order_that_is_not_settled_yet_has_the_offer(
    add_entry, add_event, buy, gateway, stored, take
):
    event = add_event(capacity=2)
    offer = add_entry(event, "offered", email="cleo@example.org", quantity=2)
    gateway.answers("charges", status=500)

    take(event, offer)

    assert [entry.status for entry in stored("WaitlistEntry")] == ["taken"]
    assert take(event, offer, checkout_id="form-2").status_code == 409
    assert [order.status for order in stored("Order")] == ["pending"]


@pytest.mark.behaviour("offer.taken")
def test_a_refused_form_does_not_use_the_offer(event, offer, stored, take):
    page = take(event, offer, name="")

    assert page.status_code == 422
    assert hidden_value(page, "offer") == offer.token
    assert [entry.status for entry in stored("WaitlistEntry")] == ["offered"]


@pytest.mark.behaviour("offer.refused")
def test_an_offer_is_used_only_once(event, offer, stored, take):
    take(event, offer)

    answer = take(event, offer, checkout_id="form-2", quantity=1)

    assert answer.status_code == 409
    sentence = "Not enough seats: 0 seats are left. The offer was used already."
    assert sentence in text_of(answer)
    assert len(stored("Order")) == 1


@pytest.mark.behaviour("offer.refused")
@pytest.mark.parametrize(
    ("difference", "typed", "sentence"),
    [
        ({"offered_until": NOW - TICK}, {}, "The offer has lapsed."),
        ({}, {"email": "ada@example.org"}, "The offer is for another e-mail address."),
        ({}, {"offer": "no-such-token"}, "There is no such offer."),
    ],
    ids=["late", "for another address", "unknown"],
)
def test_an_offer_that_does_not_count_opens_no_seats(
    add_entry, add_order, event, stored, take, difference, typed, sentence
):
    offer = add_entry(event, **{"status": "offered", "email": "cleo@example.org", **difference})
    add_order(event, quantity=2)

    answer = take(event, offer, **typed)

    assert answer.status_code == 409
    assert f"Not enough seats: 0 seats are left. {sentence}" in text_of(answer)
    assert len(stored("Order")) == 1
    assert [entry.status for entry in stored("WaitlistEntry")] == [offer.status]


@pytest.mark.behaviour("offer.refused")
def test_an_offer_is_for_its_event_only(add_event, add_order, offer, stored, take):
    other = add_event("Jazz", capacity=1, price_cents=0)
    add_order(other)

    answer = take(other, offer, quantity=1)

    assert answer.status_code == 409
    assert "There is no such offer." in text_of(answer)
    assert [entry.status for entry in stored("WaitlistEntry")] == ["offered"]


@pytest.mark.behaviour("offer.refused")
def test_with_enough_seats_an_offer_that_does_not_count_stops_no_purchase(
    add_entry, event, stored, take
):
    offer = add_entry(event, "lapsed", email="cleo@example.org")

    answer = take(event, offer)

    assert answer.status_code == 303
    assert [order.offer_id for order in stored("Order")] == [None]
    assert [entry.status for entry in stored("WaitlistEntry")] == ["lapsed"]


@pytest.fixture
def decline_cleo(add_entry, add_event, gateway, take):
    """Return a function that lets Cleo's card be declined; it gives event and offer."""

    def decline_cleo():
        event = add_event("Jazz", capacity=1)
        offer = add_entry(event, "offered", email="cleo@example.org")
        add_entry(event)
        gateway.answers("charges", **DECLINED)
        assert take(event, offer, quantity=1).status_code == 402
        return event, offer

    return decline_cleo


@pytest.mark.behaviour("offer.given_back")
def test_after_a_declined_card_the_offer_stands_again(decline_cleo, mailbox, stored):
    _, offer = decline_cleo()

    cleo, next_in_line = stored("WaitlistEntry")
    assert (cleo.status, cleo.offered_until) == ("offered", offer.offered_until)
    assert next_in_line.status == "waiting"
    assert mailbox.mails == []


@pytest.mark.behaviour("offer.given_back")
def test_an_offer_that_stands_again_can_be_used_with_another_card(
    clock, decline_cleo, gateway, stored, take
):
    event, offer = decline_cleo()
    clock.move_to(offer.offered_until)
    gateway.charges()

    assert take(event, offer, quantity=1, checkout_id="form-2").status_code == 303
    assert [entry.status for entry in stored("WaitlistEntry")] == ["taken", "waiting"]


@pytest.mark.behaviour("offer.given_back")
def test_after_a_webhook_that_declines_the_offer_stands_again_too(
    add_entry, add_order, event, stored, webhook
):
    offer = add_entry(event, "taken", quantity=2)
    order = add_order(event, "pending", quantity=2, offer_id=offer.id)

    webhook(order, "charge.failed")

    assert [entry.status for entry in stored("WaitlistEntry")] == ["offered"]
