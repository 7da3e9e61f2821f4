"""The fields of the forms: what is accepted, and the sentence for what is not.

The forms are the same file in both apps. No request is sent: a form reads a request's fields.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from time_machine import travel

from tests.kit.helpers import NOW
from tests.kit.pages import EVENT_FORM

PURCHASE = {"checkout_id": "form-1", "name": "Ada", "email": "ada@example.org", "quantity": "1"}
VOUCHER = {
    "code": "SPRING",
    "kind": "percent",
    "value": "15",
    "valid_from": "",
    "valid_until": "",
    "max_uses": "5",
}


@pytest.fixture(scope="module")
def fill_in(import_from_app, shared_app):
    """Return a function that fills in a form of this name, and returns it validated."""
    forms = import_from_app("forms")

    def fill_in(name, fields, *limits):
        with shared_app.test_request_context(method="POST", data=fields):
            form = getattr(forms, name)(*limits)
            form.validate()
        return form

    return fill_in


@pytest.fixture
def purchase(fill_in):
    """Return a function that fills in a checkout form for up to ten seats."""
    return lambda **typed: fill_in("CheckoutForm", {**PURCHASE, **typed}, 10)


@pytest.fixture
def event(fill_in):
    """Return a function that fills in the form of an event."""
    return lambda **typed: fill_in("EventForm", {**EVENT_FORM, **typed})


@pytest.fixture
def voucher(fill_in):
    """Return a function that fills in the form of a voucher."""
    return lambda **typed: fill_in("VoucherForm", {**VOUCHER, **typed})


A_NAME = "Give your name, up to 100 letters."
AN_EMAIL = "Give an e-mail address, such as ada@example.org."
A_SHORT_EMAIL = "Give an e-mail address of up to 254 letters."
SEATS = "Choose 1 to 10 seats."
INCOMPLETE = "The form was not complete: send it again."


@pytest.mark.behaviour("checkout.invalid")
@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", A_NAME),
        ("name", "  \t ", A_NAME),
        ("name", "x" * 101, A_NAME),
        ("email", "", AN_EMAIL),
        ("email", "ada", AN_EMAIL),
        ("email", "ada@example", AN_EMAIL),
        ("email", "a@b.org, c@d.org", AN_EMAIL),
        ("email", f"{'a' * 243}@example.org", A_SHORT_EMAIL),
        ("quantity", "", SEATS),
        ("quantity", "0", SEATS),
        ("quantity", "-1", SEATS),
        ("quantity", "11", SEATS),
        ("quantity", "1.5", SEATS),
        ("quantity", "two", SEATS),
        ("quantity", "9" * 30, SEATS),
        ("checkout_id", "", INCOMPLETE),
        ("checkout_id", "x" * 65, INCOMPLETE),
    ],
)
def test_a_field_of_a_purchase_outside_its_limits_is_refused(purchase, field, value, sentence):
    assert purchase(**{field: value}).errors == {field: [sentence]}


@pytest.mark.behaviour("checkout.invalid")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x"),
        ("name", "x" * 100),
        ("quantity", "1"),
        ("quantity", "10"),
        ("checkout_id", "x" * 64),
    ],
)
def test_a_field_of_a_purchase_at_its_limit_is_accepted(purchase, field, value):
    assert purchase(**{field: value}).errors == {}


@pytest.mark.behaviour("waitlist.invalid")
@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("email", "", AN_EMAIL),
        ("email", "cleo@", AN_EMAIL),
        ("email", f"{'a' * 243}@example.org", A_SHORT_EMAIL),
        ("quantity", "", "Choose 1 to 4 seats."),
        ("quantity", "0", "Choose 1 to 4 seats."),
        ("quantity", "5", "Choose 1 to 4 seats."),
        ("quantity", "two", "Choose 1 to 4 seats."),
    ],
)
def test_a_field_of_the_waiting_list_outside_its_limits_is_refused(
    fill_in, field, value, sentence
):
    typed = {"email": "cleo@example.org", "quantity": "1", field: value}

    assert fill_in("WaitlistForm", typed, 4).errors == {field: [sentence]}


A_DATE = "Give a date and time in UTC, such as 2027-03-04 19:30."
AN_AMOUNT = "Give an amount in euros, such as 12.50."
BOTH = "Give the early-bird price and its last day, or neither."
A_SLUG = "Use small letters, digits and single hyphens, such as jazz-night."
A_CAPACITY = "Give a number of seats from 1 to 100000."
A_LIMIT = "Give a number of seats from 1 to 100."


@pytest.mark.behaviour("organiser.event.invalid")
@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"title": ""}, "title", "Give a title, up to 120 letters."),
        ({"title": "x" * 121}, "title", "Give a title, up to 120 letters."),
        ({"title": "…"}, "slug", "The title has no letters for an address: give a short name."),
        ({"slug": "Jazz Night"}, "slug", A_SLUG),
        ({"slug": "jazz--night"}, "slug", A_SLUG),
        ({"slug": "jazz/night"}, "slug", A_SLUG),
        ({"slug": "x" * 81}, "slug", "Use at most 80 letters."),
        ({"summary": ""}, "summary", "Give a summary, up to 2000 letters."),
        ({"summary": "x" * 2001}, "summary", "Give a summary, up to 2000 letters."),
        ({"venue": " "}, "venue", "Give a venue, up to 120 letters."),
        (
            {"category": "opera"},
            "category",
            "Choose one of music, theatre, comedy, talks, family.",
        ),
        ({"starts_at": ""}, "starts_at", A_DATE),
        ({"starts_at": "tomorrow"}, "starts_at", A_DATE),
        ({"starts_at": "2027-02-30 19:30"}, "starts_at", A_DATE),
        ({"capacity": ""}, "capacity", A_CAPACITY),
        ({"capacity": "0"}, "capacity", A_CAPACITY),
        ({"capacity": "100001"}, "capacity", A_CAPACITY),
        ({"capacity": "many"}, "capacity", A_CAPACITY),
        ({"price": ""}, "price", "Give a price in euros; 0 for a free event."),
        ({"price": "-1"}, "price", AN_AMOUNT),
        ({"price": "12.505"}, "price", AN_AMOUNT),
        ({"price": "1e3"}, "price", AN_AMOUNT),
        ({"price": "10000.01"}, "price", "Give at most 10000 euros."),
        ({"early_bird_price": "9"}, "early_bird_price", BOTH),
        ({"early_bird_until": "2027-04-01 12:00"}, "early_bird_price", BOTH),
        ({"early_bird_until": "soon", "early_bird_price": "9"}, "early_bird_until", A_DATE),
        ({"max_per_order": "0"}, "max_per_order", A_LIMIT),
        ({"max_per_order": "101"}, "max_per_order", A_LIMIT),
    ],
)
def test_a_field_of_an_event_outside_its_limits_is_refused(event, typed, field, sentence):
    assert event(**typed).errors[field][0] == sentence


@pytest.mark.behaviour("organiser.event.create")
@pytest.mark.parametrize(
    ("typed", "cents"), [("12.50", 1250), ("12,5", 1250), ("12", 1200), ("0", 0), ("10000", 10**6)]
)
def test_prices_are_typed_in_euros(event, typed, cents):
    form = event(price=typed)

    assert (form.errors, form.price.data) == ({}, cents)


@pytest.mark.behaviour("organiser.event.create")
def test_an_event_may_have_an_early_bird_price(event):
    form = event(early_bird_price="9.90", early_bird_until="2027-04-01T12:00")

    assert (form.errors, form.early_bird_price.data) == ({}, 990)
    assert form.early_bird_until.data == datetime(2027, 4, 1, 12, 0, tzinfo=UTC)


@pytest.mark.behaviour("organiser.event.create")
def test_times_are_typed_in_utc_wherever_the_shop_runs(event):
    with travel(NOW.astimezone(ZoneInfo("Asia/Tokyo")), tick=False):
        form = event(starts_at="2027-05-01 19:30")

    assert form.starts_at.data == datetime(2027, 5, 1, 19, 30, tzinfo=UTC)


@pytest.mark.behaviour("organiser.event.create")
@pytest.mark.parametrize(
    ("title", "typed", "slug"),
    [
        ("Ça va? Oui!", "", "ca-va-oui"),
        ("Winter Overtures", "winter-27", "winter-27"),
        ("x" * 79 + " y", "", "x" * 79),
    ],
)
def test_the_slug_is_made_from_the_title_when_empty(event, title, typed, slug):
    form = event(title=title, slug=typed)

    assert (form.errors, form.slug.data) == ({}, slug)


A_CODE = "Give a code, up to 40 letters."
CODE_LETTERS = "Use letters, digits and hyphens, such as SPRING-10."
A_PERCENTAGE = "Give a whole percentage from 1 to 100."
USES = "Give a number of uses from 1 to 100000."
BACKWARDS = {"valid_from": "2027-03-01 12:00", "valid_until": "2027-03-01 11:59"}


@pytest.mark.behaviour("organiser.voucher.invalid")
@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"code": ""}, "code", A_CODE),
        ({"code": "x" * 41}, "code", A_CODE),
        ({"code": "10 %"}, "code", CODE_LETTERS),
        ({"code": "STRAẞE"}, "code", CODE_LETTERS),
        ({"kind": "gift"}, "kind", "Choose percent or amount."),
        ({"value": ""}, "value", "Give a value."),
        ({"value": "lots"}, "value", AN_AMOUNT),
        ({"value": "0"}, "value", A_PERCENTAGE),
        ({"value": "101"}, "value", A_PERCENTAGE),
        ({"value": "12.5"}, "value", A_PERCENTAGE),
        ({"kind": "amount", "value": "0"}, "value", "Give more than nothing."),
        ({"valid_from": "soon"}, "valid_from", A_DATE),
        ({"valid_until": "soon"}, "valid_until", A_DATE),
        (BACKWARDS, "valid_until", "Give an end that is not before the start."),
        ({"max_uses": "0"}, "max_uses", USES),
        ({"max_uses": "100001"}, "max_uses", USES),
    ],
)
def test_a_field_of_a_voucher_outside_its_limits_is_refused(voucher, typed, field, sentence):
    assert voucher(**typed).errors[field][0] == sentence


@pytest.mark.behaviour("organiser.voucher.create")
@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [("percent", "15", 15), ("percent", "100", 100), ("percent", "1", 1), ("amount", "7.50", 750)],
)
def test_a_voucher_takes_off_a_percentage_or_an_amount(voucher, kind, typed, value):
    form = voucher(code="spring-10", kind=kind, value=typed)

    assert (form.errors, form.code.data, form.value_off) == ({}, "SPRING-10", value)


@pytest.mark.behaviour("organiser.voucher.create")
def test_a_voucher_may_be_valid_for_a_single_instant(voucher):
    form = voucher(valid_from="2027-03-01 12:00", valid_until="2027-03-01 12:00")

    assert (form.errors, form.valid_from.data, form.valid_until.data) == ({}, NOW, NOW)
