"""The counter: its page, what reaches its service, and its own page again."""

import pytest

from after_service_layer.models import Order
from after_service_layer.services.checkout import Availability, Checkout
from after_service_layer.services.errors import CardDeclined, CardMissing, PaymentPending
from after_service_layer.wiring import override
from tests.kit.helpers import NOW, hidden_value, text_of

COUNTER = "/organiser/events/the-glass-orchestra/sell"
SELL_BUTTON = "<button>Sell</button>"
ORDER = Order(reference="ABCDE", secret="secret-1", email="ada@example.org", hold_until=NOW)


class StubCheckout:
    """Allows seven seats, and keeps what is sold; `place` raises an error if one is set."""

    def __init__(self):
        self.can_buy = True
        self.error = None
        self.sold = []

    def max_quantity(self, event):
        return 7

    def availability(self, event):
        return Availability(
            now=NOW, seats_left=5, can_buy=self.can_buy, can_join_waiting_list=False
        )

    def begin(self, event, checkout_id, email):
        return None

    def place(self, event, purchase):
        if self.error:
            raise self.error
        self.sold.append((event.slug, purchase.name, purchase.quantity))
        return ORDER


@pytest.fixture
def checkout():
    """The counter's service; the one of the web stays as it is."""
    stub = StubCheckout()
    with override(Checkout, stub, blueprint_name="box_office"):
        yield stub


@pytest.mark.behaviour("counter.page")
@pytest.mark.behaviour("counter.limit")
def test_the_counter_shows_price_seats_left_and_the_form(add_event, checkout, organiser_client):
    add_event(price_cents=2500, early_bird_price_cents=1950, early_bird_until=NOW)

    page = organiser_client.get(COUNTER)

    assert page.status_code == 200
    for words in ("The Glass Orchestra", "2027-03-31 12:00 UTC", "€19.50", "5 seats left"):
        assert words in text_of(page)
    assert f'action="{COUNTER}"' in page.text
    assert SELL_BUTTON in page.text
    assert 'max="7"' in page.text
    assert len(hidden_value(page, "checkout_id")) >= 16


@pytest.mark.behaviour("counter.page")
def test_where_the_service_offers_nothing_there_is_no_form(add_event, checkout, organiser_client):
    add_event()
    checkout.can_buy = False

    page = organiser_client.get(COUNTER)

    assert page.status_code == 200
    assert SELL_BUTTON not in page.text


@pytest.mark.behaviour("counter.login")
def test_the_counter_is_for_organisers(add_event, checkout, client):
    add_event()

    shown, sold = client.get(COUNTER), client.post(COUNTER)

    assert shown.location == f"/login?next={COUNTER}"
    assert (sold.status_code, sold.location) == (303, "/login")
    assert checkout.sold == []


@pytest.mark.behaviour("counter.paid")
def test_the_service_of_the_counter_gets_what_was_typed(add_event, checkout, sell):
    answer = sell(add_event(), name=" Ada  Okafor ", quantity=" 7 ")

    assert checkout.sold == [("the-glass-orchestra", "Ada Okafor", 7)]
    assert (answer.status_code, answer.location) == (303, "/orders/ABCDE/secret-1")


@pytest.mark.behaviour("counter.limit")
def test_the_web_does_not_sell_by_the_limit_of_the_counter(add_event, buy, checkout):
    page = buy(add_event(max_per_order=4), quantity="5")

    assert page.status_code == 422
    assert "Choose 1 to 4 seats." in text_of(page)


@pytest.mark.behaviour("counter.limit")
@pytest.mark.behaviour("counter.refused")
def test_an_invalid_form_is_shown_again_on_the_page_of_the_counter(add_event, checkout, sell):
    page = sell(add_event(), name="Ada O.", quantity="8", card_token="c1")

    assert page.status_code == 422
    assert "Choose 1 to 7 seats." in text_of(page)
    assert f'action="{COUNTER}"' in page.text
    for typed in ("Ada O.", "ada@example.org", "8", "c1"):
        assert f'value="{typed}"' in page.text
    assert hidden_value(page, "checkout_id") != "form-1"
    assert checkout.sold == []


@pytest.mark.behaviour("counter.refused")
@pytest.mark.parametrize(
    ("error", "status"), [(CardMissing(2500), 422), (CardDeclined("No money."), 402)]
)
def test_a_sale_that_is_refused_is_answered_on_the_page_of_the_counter(
    add_event, checkout, sell, error, status
):
    """The table of the errors is that of the web; all of its rows are tested there."""
    checkout.error = error

    page = sell(add_event(), name="Ada O.")

    assert page.status_code == status
    assert str(error) in text_of(page)
    assert f'action="{COUNTER}"' in page.text
    assert 'value="Ada O."' in page.text


@pytest.mark.behaviour("counter.refused")
def test_a_sale_without_a_clear_answer_leads_to_the_held_order(add_event, checkout, sell):
    checkout.error = PaymentPending(ORDER)

    page = sell(add_event())

    assert page.status_code == 503
    assert "Your seats are held. We will confirm by e-mail." in text_of(page)
    assert 'href="/orders/ABCDE/secret-1"' in page.text


@pytest.mark.behaviour("counter.hold")
def test_the_counter_holds_seats_for_ten_minutes(add_event, gateway, sell, stored):
    gateway.answers("charges", status=500)

    assert sell(add_event()).status_code == 503

    [order] = stored("Order")
    assert (order.hold_until - order.created_at).total_seconds() == 10 * 60
