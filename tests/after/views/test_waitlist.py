"""The waiting-list form, and the page of an offer."""

import pytest

from after_service_layer.services.errors import SalesClosed
from after_service_layer.services.waiting_list import WaitingList
from after_service_layer.wiring import override
from tests.kit.helpers import hidden_value, text_of


@pytest.fixture
def join(client):
    """Return a function that sends the waiting-list form: one seat, unless said otherwise."""

    def join(event, **differences):
        fields = {"email": "cleo@example.org", "quantity": "1"}
        return client.post(f"/events/{event.slug}/waitlist", data={**fields, **differences})

    return join


class StubWaitingList:
    """Keeps each entry; `begin` raises an error where a test has set one."""

    def __init__(self):
        self.error = None
        self.is_new = True
        self.joined = []

    def begin(self, event):
        if self.error:
            raise self.error

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
def test_a_new_entry_leads_back_to_the_event_with_a_sentence(
    add_event, client, join, waiting_list, is_new, sentence
):
    event = add_event()
    waiting_list.is_new = is_new

    answer = join(event, email=" cleo@example.org ", quantity=" 3 ")

    assert waiting_list.joined == [(event.slug, "cleo@example.org", 3)]
    assert (answer.status_code, answer.location) == (303, f"/events/{event.slug}")
    assert sentence in text_of(client.get(answer.location))


@pytest.mark.behaviour("waitlist.invalid")
def test_an_invalid_form_is_shown_again_as_it_was_typed(add_event, join, waiting_list):
    page = join(add_event(capacity=4), email="cleo@", quantity="5")

    assert page.status_code == 422
    assert "Choose 1 to 4 seats." in text_of(page)
    for typed in ("cleo@", "5"):
        assert f'value="{typed}"' in page.text
    assert waiting_list.joined == []


@pytest.mark.behaviour("waitlist.closed")
def test_an_invalid_form_that_comes_too_late_is_refused_as_too_late(add_event, join, waiting_list):
    waiting_list.error = SalesClosed()

    assert join(add_event(), email="").status_code == 409


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
