"""The page of one event: price, seats left, and the checkout form while there is one."""

import pytest

from tests.kit.helpers import NOW, TICK, hidden_value, text_of

BUY_BUTTON = "<button>Buy</button>"
JOIN_BUTTON = "<button>Join the waiting list</button>"


@pytest.mark.behaviour("event.page")
def test_the_page_shows_the_early_bird_price_and_its_deadline(add_event, client):
    add_event(price_cents=2500, early_bird_price_cents=1900, early_bird_until=NOW)

    text = text_of(client.get("/events/the-glass-orchestra"))

    assert "€19.00 a seat Early bird until 2027-03-01 12:00 UTC, then €25.00." in text


@pytest.mark.behaviour("event.page")
def test_the_page_shows_the_full_price_once_the_early_bird_is_over(add_event, client):
    add_event(price_cents=2500, early_bird_price_cents=1900, early_bird_until=NOW - TICK)

    text = text_of(client.get("/events/the-glass-orchestra"))

    assert "€25.00 a seat" in text
    assert "Early bird" not in text


@pytest.mark.behaviour("event.page")
def test_the_page_shows_the_seats_left_and_the_checkout_form(add_event, add_order, client):
    event = add_event(capacity=5)
    add_order(event, quantity=4)

    page = client.get("/events/the-glass-orchestra")

    assert "1 seat left" in text_of(page)
    assert 'action="/events/the-glass-orchestra/checkout"' in page.text
    assert BUY_BUTTON in page.text
    assert JOIN_BUTTON not in page.text


@pytest.mark.behaviour("event.page")
def test_every_form_has_a_checkout_id_of_its_own(add_event, client):
    add_event()
    pages = [client.get("/events/the-glass-orchestra") for _ in range(2)]

    first, second = (hidden_value(page, "checkout_id") for page in pages)

    assert first != second
    assert len(first) >= 16


@pytest.mark.behaviour("event.sold_out")
def test_with_no_seats_left_the_page_has_the_waiting_list_form(add_event, add_order, client):
    event = add_event(capacity=4)
    add_order(event, quantity=4)

    page = client.get("/events/the-glass-orchestra")

    assert "Sold out." in text_of(page)
    assert BUY_BUTTON not in page.text
    assert 'action="/events/the-glass-orchestra/waitlist"' in page.text
    assert JOIN_BUTTON in page.text


@pytest.mark.behaviour("event.closed")
@pytest.mark.parametrize("sold", [0, 1])
def test_from_the_start_on_sales_are_closed(add_event, add_order, client, sold):
    add_order(add_event(starts_at=NOW, capacity=1), quantity=sold)

    page = client.get("/events/the-glass-orchestra")

    assert "Sales are closed." in text_of(page)
    assert BUY_BUTTON not in page.text
    assert JOIN_BUTTON not in page.text


@pytest.mark.behaviour("event.unknown")
@pytest.mark.parametrize("slug", ["nothing-at-all", "draft"])
def test_an_unknown_or_unpublished_event_is_not_found(add_event, client, slug):
    add_event("Draft", published=False)

    page = client.get(f"/events/{slug}")

    assert page.status_code == 404
    assert "There is no such event." in text_of(page)
