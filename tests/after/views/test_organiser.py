"""The organiser's pages: what they show, what reaches the service, and the form again."""

from datetime import UTC, datetime

import pytest

from after_service_layer.models import VoucherKind
from after_service_layer.services.event_management import EventDetails, EventManagement
from after_service_layer.services.vouchers import VoucherDetails
from after_service_layer.views import organiser
from after_service_layer.wiring import override
from tests.after.services.factories import a_voucher, an_event
from tests.kit.helpers import DAY, MINUTE, NOW, text_of
from tests.kit.pages import EVENT_FORM

EVENT = {
    **EVENT_FORM,
    "early_bird_price": "9.90",
    "early_bird_until": "2027-04-01 12:00",
}
DETAILS = EventDetails(
    title="Winter Overtures",
    slug="winter-overtures",
    summary="Brahms and a short new piece.",
    venue="Harbour Hall",
    category="music",
    starts_at=datetime(2027, 5, 1, 19, 30, tzinfo=UTC),
    capacity=120,
    price_cents=1250,
    early_bird_price_cents=990,
    early_bird_until=datetime(2027, 4, 1, 12, 0, tzinfo=UTC),
    max_per_order=8,
    published=True,
)
VOUCHER = {
    "code": "spring-10",
    "kind": "amount",
    "value": "7.50",
    "event": "jazz",
    "valid_from": "2027-03-01 12:00",
    "valid_until": "",
    "max_uses": "5",
}


class StubManagement:
    """Keeps what is created and edited."""

    def __init__(self):
        self.created = []
        self.edited = []

    def create(self, details):
        self.created.append(details)
        return an_event(details.title)

    def edit(self, event, details):
        self.edited.append((event.slug, details))


@pytest.fixture
def management():
    stub = StubManagement()
    with override(EventManagement, stub):
        yield stub


@pytest.fixture
def vouchers(monkeypatch):
    """All vouchers that the page has asked for."""
    vouchers = []

    def create_voucher(session, details):
        vouchers.append(details)
        return a_voucher(details.code)

    monkeypatch.setattr(organiser, "create_voucher", create_voucher)
    return vouchers


@pytest.mark.behaviour("organiser.dashboard")
def test_the_dashboard_shows_seats_sold_and_net_revenue(add_event, add_order, organiser_client):
    add_order(add_event(capacity=50), quantity=3, total_cents=7500)
    add_event("Draft", capacity=50, published=False)

    text = text_of(organiser_client.get("/organiser"))

    assert "The Glass Orchestra 2027-03-31 12:00 UTC 3 of 50 €63.03 yes" in text
    assert "Draft 2027-03-31 12:00 UTC 0 of 50 €0.00 no" in text


@pytest.mark.behaviour("organiser.event.create")
def test_a_new_event_reaches_the_service_as_it_was_typed(management, organiser_client):
    assert organiser_client.get("/organiser/events/new").status_code == 200

    answer = organiser_client.post("/organiser/events/new", data=EVENT)

    assert management.created == [DETAILS]
    assert (answer.status_code, answer.location) == (303, "/organiser")
    assert "Winter Overtures is saved." in text_of(organiser_client.get("/organiser"))


@pytest.mark.behaviour("organiser.event.edit")
def test_the_form_shows_the_event_as_it_is(add_event, organiser_client):
    add_event(price_cents=1205, early_bird_price_cents=950, early_bird_until=NOW + DAY)

    page = organiser_client.get("/organiser/events/the-glass-orchestra/edit")

    assert page.status_code == 200
    shown = ["The Glass Orchestra", "Harbour Hall", "12.05", "9.50"]
    shown += ["2027-03-31T12:00", "2027-03-02T12:00", "100", "10"]
    assert [value for value in shown if f'value="{value}"' not in page.text] == []
    assert "Brahms on wine glasses.</textarea>" in page.text


@pytest.mark.behaviour("organiser.event.edit")
def test_an_edited_event_reaches_the_service_as_it_was_typed(
    add_event, management, organiser_client
):
    add_event("Jazz")

    answer = organiser_client.post("/organiser/events/jazz/edit", data=EVENT)

    assert management.edited == [("jazz", DETAILS)]
    assert (answer.status_code, answer.location) == (303, "/organiser")
    assert "Jazz is saved." in text_of(organiser_client.get("/organiser"))


@pytest.mark.behaviour("organiser.event.invalid")
@pytest.mark.parametrize("page", ["new", "jazz/edit"])
def test_an_invalid_event_is_shown_again_as_it_was_typed(
    add_event, management, organiser_client, page
):
    add_event("Jazz")
    typed = {**EVENT, "title": "Glass", "price": "12.505"}

    answer = organiser_client.post(f"/organiser/events/{page}", data=typed)

    assert answer.status_code == 422
    assert "Give an amount in euros, such as 12.50." in text_of(answer)
    assert 'value="Glass"' in answer.text
    assert 'value="12.505"' in answer.text
    assert management.created == management.edited == []


@pytest.mark.behaviour("organiser.voucher.create")
def test_the_vouchers_are_listed_with_their_uses(
    add_event, add_order, add_voucher, organiser_client
):
    event = add_event()
    voucher = add_voucher("FIVER", kind="amount", value=500, max_uses=5, event_id=event.id)
    add_order(event, voucher_id=voucher.id)
    add_voucher("SPRING", value=20, max_uses=1, valid_until=NOW + 30 * MINUTE)

    text = text_of(organiser_client.get("/organiser/vouchers"))

    assert "FIVER €5.00 The Glass Orchestra – – 1 of 5" in text
    assert "SPRING 20 % any event – 2027-03-01 12:30 UTC 0 of 1" in text


@pytest.mark.behaviour("organiser.voucher.create")
@pytest.mark.parametrize(
    ("typed", "kind", "value"),
    [
        ({}, VoucherKind.AMOUNT, 750),
        ({"kind": "percent", "value": "15"}, VoucherKind.PERCENT, 15),
    ],
)
def test_a_voucher_reaches_the_service_as_it_was_typed(
    organiser_client, vouchers, typed, kind, value
):
    answer = organiser_client.post("/organiser/vouchers", data={**VOUCHER, **typed})

    assert vouchers == [
        VoucherDetails(
            code="SPRING-10",
            kind=kind,
            value=value,
            event_slug="jazz",
            valid_from=NOW,
            valid_until=None,
            max_uses=5,
        )
    ]
    assert (answer.status_code, answer.location) == (303, "/organiser/vouchers")
    assert "The voucher SPRING-10 is saved." in text_of(organiser_client.get("/organiser"))


@pytest.mark.behaviour("organiser.voucher.invalid")
def test_an_invalid_voucher_is_shown_again_as_it_was_typed(organiser_client, vouchers):
    typed = {**VOUCHER, "kind": "percent", "value": "12.5", "max_uses": "77"}

    page = organiser_client.post("/organiser/vouchers", data=typed)

    assert page.status_code == 422
    assert "Give a whole percentage from 1 to 100." in text_of(page)
    for value in ("SPRING-10", "12.5", "77"):
        assert f'value="{value}"' in page.text
    assert vouchers == []
