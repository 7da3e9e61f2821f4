"""The waiting-list form, and the page of an offer: what is accepted, and what is shown."""

import pytest

from after_service_layer.services.waiting_list import WaitingList
from after_service_layer.wiring import override
from tests.after.helpers import NOW, hidden_value, text_of

BUY_BUTTON = "<button>Buy</button>"


@pytest.fixture
def join(client):
    """Return a function that sends the waiting-list form: one seat, unless said otherwise."""

    def join(event, **differences):
        fields = {"email": "cleo@example.org", "quantity": "1"}
        return client.post(f"/events/{event.slug}/waitlist", data={**fields, **differences})

    return join


class StubWaitingList:
    """Keeps who joins; takes them for new, unless said otherwise."""

    def __init__(self):
        self.is_new = True
        self.joined = []

    def join(self, event, email, quantity):
        self.joined.append((event.slug, email, quantity))
        return self.is_new


@pytest.fixture
def waiting_list():
    stub = StubWaitingList()
    with override(WaitingList, stub):
        yield stub


@pytest.mark.parametrize(
    ("is_new", "sentence"),
    [
        pytest.param(
            True,
            "You are on the waiting list. We will write when seats come free.",
            marks=pytest.mark.behaviour("waitlist.joined"),
        ),
        pytest.param(
            False,
            "You are on the waiting list already and keep your place.",
            marks=pytest.mark.behaviour("waitlist.twice"),
        ),
    ],
)
def test_who_joins_is_told_so_on_the_page_of_the_event(
    add_event, client, join, waiting_list, is_new, sentence
):
    event = add_event()
    waiting_list.is_new = is_new

    answer = join(event, email=" cleo@example.org ", quantity=" 3 ")

    assert waiting_list.joined == [(event.slug, "cleo@example.org", 3)]
    assert (answer.status_code, answer.location) == (303, f"/events/{event.slug}")
    assert sentence in text_of(client.get(answer.location))


@pytest.mark.behaviour("waitlist.invalid")
@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("email", "", "Give an e-mail address, such as ada@example.org."),
        ("email", "cleo@", "Give an e-mail address, such as ada@example.org."),
        ("email", f"{'a' * 243}@example.org", "Give an e-mail address of up to 254 letters."),
        ("quantity", "", "Choose 1 to 4 seats."),
        ("quantity", "0", "Choose 1 to 4 seats."),
        ("quantity", "5", "Choose 1 to 4 seats."),
        ("quantity", "two", "Choose 1 to 4 seats."),
    ],
)
def test_a_field_outside_its_limits_is_refused(
    add_event, join, waiting_list, field, value, sentence
):
    page = join(add_event(capacity=4), **{field: value})

    assert page.status_code == 422
    assert sentence in text_of(page)
    assert waiting_list.joined == []


@pytest.mark.behaviour("waitlist.invalid")
def test_the_form_is_shown_again_as_it_was_typed(add_event, join):
    page = join(add_event(), email="cleo@", quantity="77")

    for typed in ("cleo@", "77"):
        assert f'value="{typed}"' in page.text


@pytest.mark.behaviour("waitlist.closed")
def test_closed_sales_go_before_an_invalid_form(add_event, join):
    assert join(add_event(starts_at=NOW), email="").status_code == 409


@pytest.mark.behaviour("offer.page")
def test_the_link_leads_to_a_checkout_form_that_carries_the_offer(add_entry, add_event, client):
    event = add_event(capacity=2)
    add_entry(event, "offered", email="cleo@example.org", quantity=2, token="Cleo-s-key")

    page = client.get("/waitlist/Cleo-s-key")

    assert page.status_code == 200
    held = "2 seats are held for cleo@example.org until 2027-03-03 12:00 UTC."
    assert held in text_of(page)
    assert f'action="/events/{event.slug}/checkout"' in page.text
    assert hidden_value(page, "offer") == "Cleo-s-key"
    assert len(hidden_value(page, "checkout_id")) >= 16
    for prefilled in ("cleo@example.org", "2"):
        assert f'value="{prefilled}"' in page.text


@pytest.mark.behaviour("event.closed")
def test_from_the_start_on_an_offer_has_no_form(add_entry, add_event, client):
    offer = add_entry(add_event(starts_at=NOW), "offered")

    page = client.get(f"/waitlist/{offer.token}")

    assert "Sales are closed." in text_of(page)
    assert BUY_BUTTON not in page.text


@pytest.mark.behaviour("offer.taken")
def test_a_checkout_form_shown_again_still_carries_the_offer(add_entry, add_event, buy):
    event = add_event(capacity=1)
    offer = add_entry(event, "offered")

    page = buy(event, name="", offer=offer.token)

    assert page.status_code == 422
    assert hidden_value(page, "offer") == offer.token


@pytest.mark.behaviour("offer.refused")
def test_a_form_shown_again_promises_nothing_where_the_offer_is_over(add_entry, add_event, buy):
    event = add_event()
    offer = add_entry(event, "lapsed")

    assert "held for" not in text_of(buy(event, name="", offer=offer.token))
