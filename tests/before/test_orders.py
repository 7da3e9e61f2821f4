"""The buyer's page of an order."""

import pytest

from tests.kit.helpers import DAY, NOW, TICK, text_of


@pytest.fixture
def order_page(client):
    """Return a function that gets the page of an order."""
    return lambda order: client.get(f"/orders/{order.reference}/{order.secret}")


@pytest.mark.behaviour("order.page")
def test_the_page_shows_the_total_and_its_vat(add_event, add_order, order_page):
    order = add_order(add_event(), total_cents=123456)

    assert "Total €1,234.56 VAT included €197.11" in text_of(order_page(order))


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize(
    ("time_left", "sentence"),
    [
        (14 * DAY, "you get €25.01 back"),
        (14 * DAY - TICK, "you get €12.51 back"),
        (2 * DAY - TICK, "nothing is refunded"),
    ],
)
def test_the_page_says_what_a_cancellation_would_give_back_now(
    add_event, add_order, order_page, time_left, sentence
):
    order = add_order(add_event(starts_at=NOW + time_left), total_cents=2501)

    assert f"If you cancel now, {sentence}." in text_of(order_page(order))


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize(
    ("status", "starts_at"), [("pending", NOW + DAY), ("cancelled", NOW + DAY), ("paid", NOW)]
)
def test_the_page_offers_no_cancellation_where_there_is_none(
    add_event, add_order, order_page, status, starts_at
):
    order = add_order(add_event(starts_at=starts_at), status)

    assert "Cancel this order" not in text_of(order_page(order))


@pytest.mark.behaviour("order.secret")
def test_a_wrong_reference_or_secret_is_not_found(add_event, add_order, client):
    event = add_event()
    order, other = add_order(event), add_order(event)

    for address in (
        f"/orders/{order.reference}/{other.secret}",
        f"/orders/{order.reference}/{order.secret.upper()}",
        f"/orders/{order.reference.lower()}/{order.secret}",
        f"/orders/{order.reference}/{order.secret[:-1]}",
        f"/orders/{order.reference}/wörong",
        f"/orders/ZZZZZ/{order.secret}",
    ):
        page = client.get(address)
        assert page.status_code == 404
        assert "There is no such order." in text_of(page)
