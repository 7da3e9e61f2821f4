"""The buyer's page of an order."""

import pytest

from tests.before.helpers import DAY, NOW, TICK, text_of


@pytest.fixture
def order_page(client):
    """Return a function that gets the page of an order."""
    return lambda order: client.get(f"/orders/{order.reference}/{order.secret}")


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("pending", "We hold your seats until 2027-03-01 12:30 UTC and will confirm by e-mail."),
        ("paid", "Thank you"),
        ("declined", "card was declined"),
        ("expired", "The payment did not come in time"),
        ("cancelled", "Nothing is refunded."),
    ],
)
def test_the_page_says_how_the_order_stands(add_event, add_order, order_page, status, sentence):
    order = add_order(add_event(), status)

    page = order_page(order)

    assert page.status_code == 200
    assert sentence in text_of(page)


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize("status", ["expired", "declined"])
@pytest.mark.parametrize(
    ("state", "sentence"),
    [("due", "Your refund of €25.01 is on its way."), ("done", "We have refunded €25.01.")],
)
def test_the_page_says_that_a_late_payment_is_given_back(
    add_event, add_order, order_page, status, state, sentence
):
    order = add_order(add_event(), status, refund_cents=2501, refund_state=state)

    text = text_of(order_page(order))

    assert f"The payment came too late: your seats are no longer held. {sentence}" in text
    assert "Nothing was charged" not in text


@pytest.mark.behaviour("order.page")
def test_the_page_shows_each_ticket(add_event, add_order, models, order_page):
    tickets = [models.Ticket(code="code-of-row-1"), models.Ticket(code="code-of-row-2")]
    order = add_order(add_event(), quantity=2, tickets=tickets)

    text = text_of(order_page(order))

    assert "code-of-row-1" in text
    assert "code-of-row-2" in text


@pytest.mark.behaviour("order.page")
@pytest.mark.parametrize(
    ("total", "sentence"),
    [
        (2500, "Total €25.00 VAT included €3.99"),
        (11900, "Total €119.00 VAT included €19.00"),
        (1, "Total €0.01 VAT included €0.00"),
        (123456, "Total €1,234.56 VAT included €197.11"),
        (0, "Total €0.00 VAT included €0.00"),
    ],
)
def test_the_page_shows_the_total_and_its_vat(add_event, add_order, order_page, total, sentence):
    order = add_order(add_event(), total_cents=total)

    assert sentence in text_of(order_page(order))


@pytest.mark.behaviour("order.page")
def test_the_page_shows_what_the_voucher_saved(add_event, add_order, add_voucher, order_page):
    voucher = add_voucher("SPRING")
    order = add_order(add_event(), total_cents=2000, discount_cents=500, voucher_id=voucher.id)

    assert "Price €25.00 Voucher SPRING −€5.00 Total €20.00" in text_of(order_page(order))


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
