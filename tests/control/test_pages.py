"""What pages and mails show. Their templates are the same files in both apps."""

import pytest

from tests.kit.helpers import text_of
from tests.kit.pages import SALES_PAGE

CSV = f"{SALES_PAGE}?format=csv"


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
def test_the_page_shows_the_refund_of_a_late_payment(
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
def test_the_page_shows_what_the_voucher_saved(add_event, add_order, add_voucher, order_page):
    voucher = add_voucher("SPRING")
    order = add_order(add_event(), total_cents=2000, discount_cents=500, voucher_id=voucher.id)

    assert "Price €25.00 Voucher SPRING −€5.00 Total €20.00" in text_of(order_page(order))


@pytest.mark.behaviour("share.page")
@pytest.mark.parametrize(("status", "leads"), [("paid", True), ("pending", False)])
def test_a_paid_order_leads_to_sharing(add_event, add_order, client, status, leads):
    order = add_order(add_event(), status)

    page = client.get(f"/orders/{order.reference}/{order.secret}")

    assert (f'href="/share/{order.reference}/{order.secret}"' in page.text) is leads


@pytest.mark.behaviour("checkout.confirmation")
def test_the_mail_has_reference_total_tickets_and_link(add_event, buy, gateway, mailbox, stored):
    event = add_event(price_cents=2500)
    gateway.charges()

    buy(event, quantity=2)

    [mail] = mailbox.mails
    [order] = stored("Order")
    text = mail.get_content()
    assert f"Order: {order.reference}\n" in text
    assert "Total: €50.00" in text
    assert all(ticket.code in text for ticket in stored("Ticket"))
    assert f"http://127.0.0.1:5000/orders/{order.reference}/{order.secret}\n" in text


@pytest.mark.behaviour("counter.page")
def test_the_dashboard_leads_to_the_counter_of_published_events(add_event, organiser_client):
    add_event()
    add_event("Not yet", published=False)

    page = organiser_client.get("/organiser")

    assert 'href="/organiser/events/the-glass-orchestra/sell"' in page.text
    assert "/organiser/events/not-yet/sell" not in page.text


@pytest.mark.behaviour("sales.csv")
def test_without_orders_there_is_head_and_total(add_event, sales_table):
    add_event()

    _, total = sales_table()

    assert total == ["total", "0", "0", "0.00", "0.00", "0.00", "0.00", "0.00"]


@pytest.mark.behaviour("sales.csv")
def test_a_client_may_ask_for_csv_by_its_accept_header(add_event, add_order, sales_table):
    add_order(add_event())

    assert sales_table(SALES_PAGE, headers={"Accept": "text/csv"}) == sales_table(CSV)


@pytest.mark.behaviour("sales.csv")
@pytest.mark.parametrize(
    ("address", "accepted", "answered"),
    [
        (SALES_PAGE, "text/html,*/*;q=0.8", "text/html"),
        (SALES_PAGE, "text/html,text/csv;q=0.5", "text/html"),
        (SALES_PAGE, "*/*", "text/html"),
        (f"{SALES_PAGE}?format=html", "text/csv", "text/html"),
        (CSV, "text/html", "text/csv"),
    ],
)
def test_the_address_counts_for_more_than_the_header(
    add_event, organiser_client, address, accepted, answered
):
    add_event()

    page = organiser_client.get(address, headers={"Accept": accepted})

    assert page.mimetype == answered
