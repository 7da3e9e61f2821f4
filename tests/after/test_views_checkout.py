"""The checkout form: what is accepted, what reaches the service, and what is shown again."""

import pytest

from after_service_layer.models import Order
from after_service_layer.services.checkout import Checkout, Purchase
from after_service_layer.services.errors import SalesClosed
from after_service_layer.wiring import override
from tests.after.helpers import hidden_value, text_of

FREE = {"price_cents": 0}


class StubCheckout:
    """Finds `existing_order` for every checkout id; else keeps what is bought."""

    order = Order(reference="ABCDE", secret="secret-1")

    def __init__(self):
        self.existing_order = None
        self.closed = False
        self.purchases = []

    def max_quantity(self, event):
        return event.max_per_order

    max_waitlist_quantity = max_quantity

    def begin(self, event, checkout_id, email):
        if self.closed:
            raise SalesClosed()
        return self.existing_order

    def place(self, event, purchase):
        self.purchases.append(purchase)
        return self.order


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
def test_a_checkout_id_seen_before_goes_before_an_invalid_form(add_event, buy, checkout):
    checkout.existing_order = checkout.order

    answer = buy(add_event(), name="", quantity="none")

    assert (answer.status_code, answer.location) == (303, "/orders/ABCDE/secret-1")
    assert checkout.purchases == []


@pytest.mark.behaviour("checkout.closed")
def test_closed_sales_go_before_an_invalid_form(add_event, buy, checkout):
    checkout.closed = True

    assert buy(add_event(), name="").status_code == 409


@pytest.mark.behaviour("checkout.invalid")
@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Give your name, up to 100 letters."),
        ("name", "  \t ", "Give your name, up to 100 letters."),
        ("name", "x" * 101, "Give your name, up to 100 letters."),
        ("email", "", "Give an e-mail address, such as ada@example.org."),
        ("email", "ada", "Give an e-mail address, such as ada@example.org."),
        ("email", "ada@example", "Give an e-mail address, such as ada@example.org."),
        ("email", "a@b.org, c@d.org", "Give an e-mail address, such as ada@example.org."),
        ("email", f"{'a' * 243}@example.org", "Give an e-mail address of up to 254 letters."),
        ("quantity", "", "Choose 1 to 10 seats."),
        ("quantity", "0", "Choose 1 to 10 seats."),
        ("quantity", "-1", "Choose 1 to 10 seats."),
        ("quantity", "11", "Choose 1 to 10 seats."),
        ("quantity", "1.5", "Choose 1 to 10 seats."),
        ("quantity", "two", "Choose 1 to 10 seats."),
        ("quantity", "9" * 30, "Choose 1 to 10 seats."),
        ("checkout_id", "", "The form was not complete: send it again."),
        ("checkout_id", "x" * 65, "The form was not complete: send it again."),
    ],
)
def test_a_field_outside_its_limits_is_refused(add_event, buy, stored, field, value, sentence):
    event = add_event(max_per_order=10, **FREE)

    answer = buy(event, **{field: value})

    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert stored("Order") == []


@pytest.mark.behaviour("checkout.invalid")
@pytest.mark.parametrize(
    ("field", "value"), [("name", "x"), ("name", "x" * 100), ("quantity", "1"), ("quantity", "4")]
)
def test_a_field_at_its_limit_is_accepted(add_event, buy, field, value):
    event = add_event(max_per_order=4, **FREE)

    assert buy(event, **{field: value}).status_code == 303


@pytest.mark.behaviour("checkout.invalid")
def test_the_form_is_shown_again_as_it_was_typed(add_event, buy):
    event = add_event()

    page = buy(event, name="Ada O.", email="ada@", quantity="77", voucher="x1", card_token="c1")

    for typed in ("Ada O.", "ada@", "77", "x1", "c1"):
        assert f'value="{typed}"' in page.text


@pytest.mark.behaviour("checkout.declined")
def test_a_form_shown_again_has_a_checkout_id_of_its_own(add_event, buy):
    page = buy(add_event(), name="", checkout_id="form-1")

    assert hidden_value(page, "checkout_id") != "form-1"


@pytest.mark.behaviour("checkout.sold_out")
@pytest.mark.parametrize(
    ("sold", "wanted", "is_shown"), [(1, 2, True), (1, 1, False), (0, 3, False)]
)
def test_who_wants_more_seats_than_are_left_may_join_the_waiting_list(
    add_event, add_order, buy, sold, wanted, is_shown
):
    event = add_event(capacity=2)
    add_order(event, quantity=sold)

    page = buy(event, quantity=wanted, card_token="")

    assert ("Join the waiting list" in text_of(page)) == is_shown
