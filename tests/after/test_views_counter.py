"""The counter: its page, who may see it, and what reaches the service."""

import pytest

from after_service_layer.models import Order
from after_service_layer.services.checkout import Checkout, Purchase
from after_service_layer.wiring import override
from tests.after.helpers import NOW, hidden_value, text_of

COUNTER = "/organiser/events/the-glass-orchestra/sell"
SELL_BUTTON = "<button>Sell</button>"


class StubCheckout:
    """Allows seven seats, keeps what is sold, and gives the same order for all."""

    order = Order(reference="ABCDE", secret="secret-1")

    def __init__(self):
        self.purchases = []

    def max_quantity(self, event):
        return 7

    def begin(self, event, checkout_id, email):
        return None

    def place(self, event, purchase):
        self.purchases.append((event.slug, purchase))
        return self.order


@pytest.fixture
def checkout():
    """The counter's service; the one of the web stays as it is."""
    stub = StubCheckout()
    with override(Checkout, stub, blueprint_name="box_office"):
        yield stub


@pytest.mark.behaviour("counter.page")
def test_the_counter_shows_event_price_and_seats_left(add_event, add_order, organiser_client):
    event = add_event(
        price_cents=2500, early_bird_price_cents=1950, early_bird_until=NOW, capacity=80
    )
    add_order(event, quantity=3)

    page = organiser_client.get(COUNTER)

    assert page.status_code == 200
    for words in ("The Glass Orchestra", "2027-03-31 12:00 UTC", "€19.50", "77 seats left"):
        assert words in text_of(page)


@pytest.mark.behaviour("counter.page")
@pytest.mark.behaviour("counter.limit")
def test_its_form_is_for_as_many_seats_as_the_service_allows(
    add_event, checkout, organiser_client
):
    add_event(max_per_order=4)

    page = organiser_client.get(COUNTER)

    assert f'action="{COUNTER}"' in page.text
    assert SELL_BUTTON in page.text
    assert 'max="7"' in page.text
    assert len(hidden_value(page, "checkout_id")) >= 16


@pytest.mark.behaviour("counter.page")
@pytest.mark.parametrize(
    ("facts", "sentence"),
    [({"starts_at": NOW}, "Sales are closed."), ({"capacity": 0}, "Sold out.")],
)
def test_closed_or_sold_out_it_has_no_form(add_event, organiser_client, facts, sentence):
    add_event(**facts)

    page = organiser_client.get(COUNTER)

    assert page.status_code == 200
    assert sentence in text_of(page)
    assert SELL_BUTTON not in page.text


@pytest.mark.behaviour("counter.page")
def test_the_dashboard_leads_to_the_counter_of_published_events(add_event, organiser_client):
    add_event()
    add_event("Not yet", published=False)

    page = organiser_client.get("/organiser")

    assert f'href="{COUNTER}"' in page.text
    assert "/organiser/events/not-yet/sell" not in page.text


@pytest.mark.behaviour("counter.login")
def test_the_counter_is_for_organisers(add_event, checkout, client):
    add_event()

    shown, sold = client.get(COUNTER), client.post(COUNTER)

    assert shown.location == f"/login?next={COUNTER}"
    assert (sold.status_code, sold.location) == (303, "/login")
    assert checkout.purchases == []


@pytest.mark.behaviour("counter.paid")
def test_the_service_of_the_counter_gets_what_was_typed(add_event, checkout, sell):
    answer = sell(add_event(), name=" Ada  Okafor ", quantity=" 7 ", voucher=" Spring ")

    [(slug, purchase)] = checkout.purchases
    assert slug == "the-glass-orchestra"
    assert purchase == Purchase(
        checkout_id="form-1",
        name="Ada Okafor",
        email="ada@example.org",
        quantity=7,
        voucher_code="Spring",
        card_token="tok_visa",
    )
    assert (answer.status_code, answer.location) == (303, "/orders/ABCDE/secret-1")


@pytest.mark.behaviour("counter.limit")
@pytest.mark.parametrize("quantity", ["8", "0", "many"])
def test_another_number_of_seats_does_not_reach_it(add_event, checkout, quantity, sell):
    page = sell(add_event(max_per_order=100), quantity=quantity)

    assert page.status_code == 422
    assert "Choose 1 to 7 seats." in text_of(page)
    assert checkout.purchases == []


@pytest.mark.behaviour("counter.limit")
def test_the_web_does_not_sell_by_the_limit_of_the_counter(add_event, buy, checkout):
    page = buy(add_event(max_per_order=4), quantity="5")

    assert page.status_code == 422
    assert "Choose 1 to 4 seats." in text_of(page)


@pytest.mark.behaviour("counter.refused")
def test_the_form_is_shown_again_as_it_was_typed(add_event, checkout, sell):
    page = sell(add_event(), name="Ada O.", quantity="77", card_token="c1")

    assert f'action="{COUNTER}"' in page.text
    for typed in ("Ada O.", "ada@example.org", "77", "c1"):
        assert f'value="{typed}"' in page.text
    assert hidden_value(page, "checkout_id") != "form-1"


@pytest.mark.behaviour("counter.hold")
def test_a_sale_that_waits_for_its_money_holds_seats_for_less_time(
    add_event, gateway, sell, stored
):
    gateway.answers("charges", status=500)

    assert sell(add_event()).status_code == 503

    [order] = stored("Order")
    assert (order.hold_until - order.created_at).total_seconds() == 10 * 60
