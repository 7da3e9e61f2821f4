"""Selling at the counter, by an organiser."""

import pytest

from tests.kit.helpers import DAY, MINUTE, NOW, TICK, hidden_value, text_of

COUNTER = "/organiser/events/the-glass-orchestra/sell"
FREE = {"price_cents": 0}
SELL_BUTTON = "<button>Sell</button>"


@pytest.mark.behaviour("counter.page")
def test_the_counter_shows_event_price_and_seats_left(add_event, add_order, organiser_client):
    event = add_event(
        price_cents=2500,
        early_bird_price_cents=1950,
        early_bird_until=NOW,
        capacity=80,
        max_per_order=4,
    )
    add_order(event, quantity=3)

    page = organiser_client.get(COUNTER)

    assert page.status_code == 200
    for words in ("The Glass Orchestra", "2027-03-31 12:00 UTC", "€19.50", "77 seats left"):
        assert words in text_of(page)


@pytest.mark.behaviour("counter.page")
def test_the_counter_has_a_form_for_up_to_fifty_seats(add_event, organiser_client):
    add_event(max_per_order=4)

    page = organiser_client.get(COUNTER)

    assert f'action="{COUNTER}"' in page.text
    assert SELL_BUTTON in page.text
    assert 'max="50"' in page.text
    assert len(hidden_value(page, "checkout_id")) >= 16


@pytest.mark.behaviour("counter.page")
def test_from_the_start_on_the_counter_is_closed(add_event, organiser_client):
    add_event(starts_at=NOW)

    page = organiser_client.get(COUNTER)

    assert page.status_code == 200
    assert "Sales are closed." in text_of(page)
    assert SELL_BUTTON not in page.text


@pytest.mark.behaviour("counter.page")
def test_with_nothing_left_the_counter_is_sold_out(add_event, add_order, organiser_client):
    add_order(add_event(capacity=1))

    page = organiser_client.get(COUNTER)

    assert page.status_code == 200
    assert "Sold out." in text_of(page)
    assert SELL_BUTTON not in page.text


@pytest.mark.behaviour("counter.login")
def test_the_counter_is_for_organisers(add_event, client):
    add_event()

    assert client.get(COUNTER).location == f"/login?next={COUNTER}"


@pytest.mark.behaviour("counter.login")
def test_a_visitor_who_is_not_logged_in_cannot_sell(add_event, client, stored):
    add_event(**FREE)
    form = {"checkout_id": "form-1", "name": "Ada", "email": "ada@example.org", "quantity": 1}

    answer = client.post(COUNTER, data=form)

    assert (answer.status_code, answer.location) == (303, "/login")
    assert stored("Order") == []


@pytest.mark.behaviour("counter.limit")
def test_fifty_seats_are_sold_at_once_whatever_the_web_allows(add_event, sell, stored):
    event = add_event(max_per_order=4, **FREE)

    assert sell(event, quantity=50).status_code == 303
    assert [order.quantity for order in stored("Order")] == [50]


@pytest.mark.behaviour("counter.limit")
@pytest.mark.parametrize("quantity", ["51", "0", "many"])
def test_more_than_fifty_or_less_than_one_are_refused(add_event, sell, stored, quantity):
    event = add_event(max_per_order=100, **FREE)

    answer = sell(event, quantity=quantity)

    assert answer.status_code == 422
    assert "Choose 1 to 50 seats." in text_of(answer)
    assert stored("Order") == []


@pytest.mark.behaviour("counter.limit")
def test_the_limit_on_the_web_stays_as_it_is(add_event, buy, sell):
    event = add_event(max_per_order=4, **FREE)
    sell(event, checkout_id="form-1", quantity=5)

    answer = buy(event, checkout_id="form-2", quantity=5)

    assert answer.status_code == 422
    assert "Choose 1 to 4 seats." in text_of(answer)


@pytest.mark.behaviour("counter.hold")
def test_the_seats_of_an_order_are_held_for_ten_minutes(add_event, clock, gateway, sell, stored):
    event = add_event(capacity=1)
    gateway.answers("charges", status=500)
    gateway.charges()

    sell(event, checkout_id="form-1")
    assert [order.hold_until for order in stored("Order")] == [NOW + 10 * MINUTE]
    clock.move_to(NOW + 10 * MINUTE)
    assert sell(event, checkout_id="form-2").status_code == 409
    clock.move_to(NOW + 10 * MINUTE + TICK)
    assert sell(event, checkout_id="form-3").status_code == 303


@pytest.mark.behaviour("counter.hold")
def test_on_the_web_they_are_still_held_for_half_an_hour(add_event, buy, gateway, sell, stored):
    event = add_event()
    gateway.answers("charges", status=500)
    gateway.answers("charges", status=500)

    sell(event, checkout_id="form-1")
    buy(event, checkout_id="form-2")

    assert [order.hold_until - NOW for order in stored("Order")] == [10 * MINUTE, 30 * MINUTE]


@pytest.mark.behaviour("counter.paid")
def test_a_sale_leads_to_a_paid_order_with_its_tickets(add_event, gateway, sell, stored):
    event = add_event()
    gateway.charges(id="ch_777")

    answer = sell(event, quantity=3)

    [order] = stored("Order")
    assert answer.status_code == 303
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
    assert (order.status, order.charge_id) == ("paid", "ch_777")
    assert [ticket.order_id for ticket in stored("Ticket")] == [order.id] * 3


@pytest.mark.behaviour("counter.paid")
def test_it_is_confirmed_by_mail(add_event, gateway, mailbox, sell):
    gateway.charges()

    sell(add_event())

    assert [mail["To"] for mail in mailbox.mails] == ["ada@example.org"]


@pytest.mark.behaviour("counter.paid")
def test_group_rate_and_voucher_count_as_on_the_web(add_event, add_voucher, gateway, sell, stored):
    event = add_event(price_cents=1000)
    add_voucher("HALF", kind="percent", value=50)
    gateway.charges()
    gateway.charges()

    sell(event, checkout_id="form-1", quantity=20)
    sell(event, checkout_id="form-2", quantity=20, voucher="half")

    assert [order.total_cents for order in stored("Order")] == [18_000, 10_000]


@pytest.mark.behaviour("counter.paid")
def test_the_same_form_sent_twice_is_charged_once(add_event, gateway, sell, stored):
    event = add_event()
    gateway.charges()

    first, second = sell(event), sell(event)

    assert second.location == first.location
    assert len(gateway.requests) == len(stored("Order")) == 1


@pytest.mark.behaviour("counter.refused")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("slug", ["none", "not-yet"])
def test_an_event_that_is_unknown_or_unpublished_is_not_found(
    add_event, method, organiser_client, slug
):
    add_event("Not yet", published=False)

    answer = organiser_client.open(f"/organiser/events/{slug}/sell", method=method)

    assert answer.status_code == 404
    assert "There is no such event." in text_of(answer)


@pytest.mark.behaviour("counter.refused")
def test_from_the_start_on_nothing_is_sold(add_event, sell, stored):
    answer = sell(add_event(starts_at=NOW, **FREE))

    assert answer.status_code == 409
    assert "Sales are closed: the event has started." in text_of(answer)
    assert stored("Order") == []


@pytest.mark.behaviour("counter.refused")
def test_more_seats_than_are_left_are_refused(add_event, add_order, sell, stored):
    event = add_event(capacity=40)
    add_order(event, quantity=10)

    answer = sell(event, quantity=31)

    assert answer.status_code == 409
    assert "Not enough seats: 30 seats are left." in text_of(answer)
    assert len(stored("Order")) == 1


@pytest.mark.behaviour("counter.refused")
@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("email", "ada@", "Give an e-mail address, such as ada@example.org."),
        ("voucher", "none", "There is no voucher NONE."),
        ("voucher", "last-year", "The voucher LAST-YEAR is no longer valid."),
        ("card_token", "", "Give a card: there is something to pay."),
    ],
)
def test_a_wrong_field_is_refused(add_event, add_voucher, field, sell, sentence, stored, value):
    add_voucher("LAST-YEAR", valid_until=NOW - DAY)

    answer = sell(add_event(), **{field: value})

    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert stored("Order") == []


@pytest.mark.behaviour("counter.refused")
def test_a_declined_card_frees_the_seats(add_event, gateway, sell, stored):
    event = add_event(capacity=1)
    gateway.answers("charges", status=402, json={"error": {"message": "The bank refuses."}})

    answer = sell(event)

    assert answer.status_code == 402
    assert "The card was declined: The bank refuses." in text_of(answer)
    assert [order.status for order in stored("Order")] == ["declined"]


@pytest.mark.behaviour("counter.refused")
def test_without_a_clear_answer_the_seats_are_held(add_event, gateway, sell, stored):
    gateway.answers("charges", status=500)

    answer = sell(add_event())

    [order] = stored("Order")
    assert answer.status_code == 503
    assert "Your seats are held. We will confirm by e-mail." in text_of(answer)
    assert f'href="/orders/{order.reference}/{order.secret}"' in answer.text


@pytest.mark.behaviour("counter.refused")
@pytest.mark.parametrize(
    ("facts", "quantity"),
    [({}, "77"), ({"starts_at": NOW}, "7"), ({"capacity": 6}, "7")],
    ids=["invalid", "closed", "sold out"],
)
def test_the_counter_is_shown_again_as_it_was_filled_in(add_event, facts, quantity, sell):
    page = sell(add_event(**facts), name="Ada O.", quantity=quantity, card_token="c1")

    assert f'action="{COUNTER}"' in page.text
    for typed in ("Ada O.", "ada@example.org", quantity, "c1"):
        assert f'value="{typed}"' in page.text
    assert "Join the waiting list" not in text_of(page)


@pytest.mark.behaviour("counter.refused")
def test_a_form_shown_again_stands_for_another_purchase(add_event, gateway, sell, stored):
    event = add_event()
    gateway.answers("charges", status=402, json={"error": {"message": "No."}})
    gateway.charges()

    page = sell(event, card_token="tok_declined")
    sell(event, checkout_id=hidden_value(page, "checkout_id"))

    assert [order.status for order in stored("Order")] == ["declined", "paid"]
