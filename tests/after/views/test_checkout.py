"""The checkout form: what reaches the service, where its order leads, and the form again."""

import pytest

from after_service_layer.models import Order
from after_service_layer.services.checkout import Availability, Checkout, Purchase
from after_service_layer.services.errors import AlreadyPlaced, SalesClosed
from after_service_layer.wiring import override
from tests.kit.helpers import NOW, hidden_value, text_of

ORDER = Order(reference="ABCDE", secret="secret-1")


class StubCheckout:
    """Keeps what is bought; `begin` raises an error where a test has set one."""

    def __init__(self):
        self.error = None
        self.begun = []
        self.purchases = []

    def max_quantity(self, event):
        return 7

    max_waitlist_quantity = max_quantity

    def availability(self, event, *, wanted, offer):
        return Availability(now=NOW, seats_left=7, can_buy=True, can_join_waiting_list=False)

    def begin(self, event, checkout_id, email):
        self.begun.append((event.slug, checkout_id, email))
        if self.error:
            raise self.error

    def place(self, event, purchase):
        self.purchases.append(purchase)
        return ORDER


@pytest.fixture
def checkout():
    stub = StubCheckout()
    with override(Checkout, stub):
        yield stub


@pytest.mark.behaviour("checkout.paid")
@pytest.mark.behaviour("checkout.voucher.case")
@pytest.mark.behaviour("checkout.card_missing")
@pytest.mark.behaviour("offer.taken")
def test_the_service_gets_what_was_typed_without_the_blanks_around_it(add_event, buy, checkout):
    fields = {"name": " Ada  Okafor ", "quantity": " 3 ", "voucher": " Spring ", "card_token": " "}

    answer = buy(add_event(), offer="token-1", **fields)

    assert checkout.begun == [("the-glass-orchestra", "form-1", "ada@example.org")]
    assert checkout.purchases == [
        Purchase(
            checkout_id="form-1",
            name="Ada Okafor",
            email="ada@example.org",
            quantity=3,
            voucher_code="Spring",
            card_token="",
            offer_token="token-1",
        )
    ]
    assert (answer.status_code, answer.location) == (303, "/orders/ABCDE/secret-1")


@pytest.mark.behaviour("checkout.idempotent")
def test_a_form_that_was_sent_before_leads_to_its_order_although_it_is_invalid(
    add_event, buy, checkout
):
    checkout.error = AlreadyPlaced(ORDER)

    answer = buy(add_event(), name="", quantity="none")

    assert (answer.status_code, answer.location) == (303, "/orders/ABCDE/secret-1")
    assert checkout.purchases == []


@pytest.mark.behaviour("checkout.closed")
def test_an_invalid_form_that_comes_too_late_is_refused_as_too_late(add_event, buy, checkout):
    checkout.error = SalesClosed()

    assert buy(add_event(), name="").status_code == 409


@pytest.mark.behaviour("checkout.invalid")
@pytest.mark.behaviour("checkout.declined")
def test_an_invalid_form_is_shown_again_as_it_was_typed(add_event, buy, checkout):
    typed = {"name": "Ada O.", "email": "ada@", "quantity": "77", "voucher": "x1"}

    page = buy(add_event(), **typed, card_token="c1")

    assert page.status_code == 422
    assert "Choose 1 to 7 seats." in text_of(page)
    for value in (*typed.values(), "c1"):
        assert f'value="{value}"' in page.text
    assert hidden_value(page, "checkout_id") != "form-1"
    assert checkout.purchases == []


@pytest.mark.behaviour("checkout.sold_out")
@pytest.mark.parametrize(("wanted", "is_shown"), [(2, True), (1, False)])
def test_the_page_again_has_the_waiting_list_for_more_seats_than_are_left(
    add_event, add_order, buy, wanted, is_shown
):
    event = add_event(capacity=2)
    add_order(event)

    page = buy(event, quantity=wanted, card_token="")

    assert ("Join the waiting list" in text_of(page)) == is_shown


@pytest.mark.behaviour("offer.taken")
@pytest.mark.behaviour("offer.refused")
@pytest.mark.parametrize(("status", "is_carried"), [("offered", True), ("lapsed", False)])
def test_the_page_again_carries_an_offer_that_stands(
    add_entry, add_event, buy, status, is_carried
):
    event = add_event()
    offer = add_entry(event, status)

    page = buy(event, name="", offer=offer.token)

    assert page.status_code == 422
    assert hidden_value(page, "offer") == offer.token
    assert ("held for in-line-1@example.org" in text_of(page)) == is_carried
