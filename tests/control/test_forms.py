"""What a form takes: fields, and nothing else that a request can carry."""

import io
import time

import pytest

from tests.kit.helpers import text_of

EVENT = {
    "title": "Jazz",
    "summary": "Loud.",
    "venue": "Mill Barn",
    "category": "music",
    "starts_at": "2027-05-01 19:30",
    "capacity": "50",
    "price": "12.50",
    "max_per_order": "8",
}
NOT_FIELDS = ["x", [1], {"name": 5}, {"name": "\ud800"}, {"name": {"a": [[[]]]}}, 7, None]
FORMS = {
    "/events/jazz/checkout": 422,
    "/events/jazz/waitlist": 422,
    "/login": 401,
    "/organiser/events/new": 422,
    "/organiser/events/jazz/edit": 422,
    "/organiser/events/jazz/checkin": 422,
    "/organiser/events/jazz/sell": 422,
    "/organiser/vouchers": 422,
}


@pytest.fixture
def jazz(add_event):
    return add_event("Jazz")


@pytest.mark.behaviour("form.fields_only")
@pytest.mark.usefixtures("jazz")
@pytest.mark.parametrize("body", NOT_FIELDS, ids=repr)
@pytest.mark.parametrize("address", FORMS)
def test_json_is_no_form(organiser_client, address, body):
    assert organiser_client.post(address, json=body).status_code == FORMS[address]


@pytest.mark.behaviour("form.fields_only")
def test_json_that_looks_like_a_form_buys_nothing(jazz, client, stored):
    purchase = {"checkout_id": "f", "name": "Ada", "email": "ada@example.org", "quantity": "1"}

    answer = client.post(f"/events/{jazz.slug}/checkout", json=purchase)

    assert answer.status_code == 422
    assert stored("Order") == []


@pytest.mark.behaviour("form.fields_only")
@pytest.mark.parametrize("field", ["checkout_id", "name", "email", "quantity", "card_token"])
def test_a_file_is_a_missing_field(add_event, client, stored, field):
    event = add_event(price_cents=2500)
    typed = {
        "checkout_id": "form-1",
        "name": "Ada",
        "email": "ada@example.org",
        "quantity": "1",
        "card_token": "tok_visa",
        field: (io.BytesIO(b"1"), "1.txt"),
    }

    answer = client.post(f"/events/{event.slug}/checkout", data=typed)

    assert answer.status_code == 422
    assert stored("Order") == []


@pytest.mark.behaviour("form.fields_only")
def test_a_password_in_a_file_is_none(client, organiser):
    fields = {"name": "Greta", "password": (io.BytesIO(b"correct horse"), "p.txt")}

    assert client.post("/login", data=fields).status_code == 401


@pytest.mark.behaviour("site.nul")
@pytest.mark.parametrize("names", [["Ada", "Ada\0"], ["Ada\0", "Ada"]])
def test_a_nul_in_any_value_of_a_field_is_refused(jazz, client, names):
    answer = client.post(f"/events/{jazz.slug}/checkout", data={"name": names})

    assert answer.status_code == 400
    assert client.get("/", query_string={"q": names}).status_code == 400


@pytest.mark.behaviour("form.digits")
@pytest.mark.parametrize("typed", ["１", "٣", "1_0", "+1", "-1", "1.0", "0x1", "1e0", "9" * 5000])
def test_a_number_of_seats_is_ascii_digits(add_event, buy, stored, typed):
    answer = buy(add_event(price_cents=0), quantity=typed)

    assert answer.status_code == 422
    assert "Choose 1 to 10 seats." in text_of(answer)
    assert stored("Order") == []


@pytest.mark.behaviour("form.digits")
@pytest.mark.parametrize("typed", ["2", " 2 ", "02"])
def test_blanks_and_zeros_before_it_do_not_matter(add_event, buy, stored, typed):
    assert buy(add_event(price_cents=0), quantity=typed).status_code == 303
    assert [order.quantity for order in stored("Order")] == [2]


@pytest.mark.behaviour("form.digits")
@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("capacity", "5_0", "Give a number of seats from 1 to 100000."),
        ("capacity", "５０", "Give a number of seats from 1 to 100000."),
        ("max_per_order", "+8", "Give a number of seats from 1 to 100."),
        ("starts_at", "２０２７-05-01 19:30", "Give a date and time in UTC"),
        ("starts_at", "0001-01-01 00:00", "Give a date and time in UTC"),
        ("starts_at", "0999-12-31 23:59", "Give a date and time in UTC"),
    ],
)
def test_numbers_and_dates_of_an_event_are_ascii_digits(
    organiser_client, stored, field, typed, sentence
):
    answer = organiser_client.post("/organiser/events/new", data={**EVENT, field: typed})

    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert stored("Event") == []


@pytest.mark.behaviour("form.digits")
@pytest.mark.parametrize("year", ["1000", "9999"])
def test_a_date_that_was_accepted_is_accepted_again_as_it_is_shown(organiser_client, stored, year):
    starts_at = f"{year}-01-01T00:00"
    organiser_client.post("/organiser/events/new", data={**EVENT, "starts_at": starts_at})
    page = organiser_client.get("/organiser/events/jazz/edit")

    assert [event.starts_at.year for event in stored("Event")] == [int(year)]
    assert f'value="{starts_at}"' in page.text


ADDRESSES = [
    "=?utf-8?q?x=0Ay?=@example.org",
    "=?utf-8?q?a=40victim.example?=@example.org",
    "=?@example.org",
    "müller@example.org",
    "ada@müller.example",
    "ada@example.org\nBcc: eve@example.org",
]


@pytest.mark.behaviour("mail.address")
@pytest.mark.parametrize("email", ADDRESSES)
def test_a_purchase_with_an_address_that_no_header_can_have_is_refused(
    add_event, buy, gateway, stored, email
):
    answer = buy(add_event(), email=email)

    assert answer.status_code == 422
    assert "Give an e-mail address" in text_of(answer)
    assert stored("Order") == []
    assert gateway.requests == []


@pytest.mark.behaviour("mail.address")
@pytest.mark.parametrize("email", ADDRESSES)
def test_joining_with_an_address_that_no_header_can_have_is_refused(
    add_event, client, stored, email
):
    event = add_event(capacity=1)

    answer = client.post(f"/events/{event.slug}/waitlist", data={"email": email, "quantity": "1"})

    assert answer.status_code == 422
    assert stored("WaitlistEntry") == []


@pytest.mark.behaviour("mail.address")
@pytest.mark.parametrize("email", ["a!#$%&'*+/=^?_`{|}~-b@example.org", "a?=@x.example.org"])
def test_unusual_addresses_are_written_as_they_are(add_event, buy, gateway, mailbox, email):
    gateway.charges()

    assert buy(add_event(), email=email).status_code == 303

    assert mailbox.recipients == [[email]]
    assert [mail["To"] for mail in mailbox.mails] == [email]


@pytest.mark.behaviour("mail.address")
def test_a_very_long_address_is_refused_at_once(add_event, buy):
    """To normalise it would take seconds, in which no other request is answered."""
    email = "a" + "\u0300\u0316" * 25_000 + "@example.org"
    event = add_event()

    started = time.process_time()
    answer = buy(event, email=email)

    assert answer.status_code == 422
    assert "Give an e-mail address of up to 254 letters." in text_of(answer)
    assert time.process_time() - started < 1


@pytest.mark.behaviour("organiser.event.invalid")
@pytest.mark.parametrize("field", ["price", "early_bird_price"])
def test_a_blank_is_no_price(organiser_client, stored, field):
    answer = organiser_client.post("/organiser/events/new", data={**EVENT, field: " "})

    assert answer.status_code == 422
    assert "Give an amount in euros, such as 12.50." in text_of(answer)
    assert stored("Event") == []


@pytest.mark.behaviour("form.fields_only")
@pytest.mark.parametrize("field", ["title", "summary", "venue", "category", "starts_at", "price"])
def test_a_field_that_is_missing_is_not_what_is_stored(jazz, organiser_client, stored, field):
    fields = {name: value for name, value in EVENT.items() if name != field}

    answer = organiser_client.post("/organiser/events/jazz/edit", data=fields)

    assert answer.status_code == 422
    assert [event.venue for event in stored("Event")] == [jazz.venue]


@pytest.mark.behaviour("form.fields_only")
def test_a_field_without_a_name_is_refused(jazz, client):
    body = b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n"

    answer = client.post(
        f"/events/{jazz.slug}/checkout", data=body, content_type="multipart/form-data; boundary=x"
    )

    assert answer.status_code == 400
