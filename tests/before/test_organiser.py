"""The organiser's pages: events and vouchers."""

from datetime import UTC, datetime

import pytest

from tests.kit.helpers import DAY, MINUTE, NOW, TICK, text_of
from tests.kit.pages import EVENT_FORM


@pytest.fixture
def save_event(organiser_client):
    """Return a function that sends the form of an event: a new one, unless said otherwise."""

    def save_event(slug_of_event=None, **differences):
        page = f"{slug_of_event}/edit" if slug_of_event else "new"
        return organiser_client.post(
            f"/organiser/events/{page}", data={**EVENT_FORM, **differences}
        )

    return save_event


@pytest.fixture
def save_voucher(organiser_client):
    """Return a function that sends the form of a new voucher."""

    def save_voucher(**differences):
        fields = {
            "code": "SPRING",
            "kind": "percent",
            "value": "15",
            "event": "",
            "valid_from": "",
            "valid_until": "",
            "max_uses": "5",
        }
        return organiser_client.post("/organiser/vouchers", data={**fields, **differences})

    return save_voucher


@pytest.mark.behaviour("organiser.dashboard")
def test_the_dashboard_shows_seats_sold_and_net_revenue(add_event, add_order, organiser_client):
    event = add_event(capacity=50)
    add_order(event, quantity=3, total_cents=7500)
    add_order(event, "cancelled", quantity=2, total_cents=5000, refund_cents=2500)
    for status in ("pending", "declined", "expired"):
        add_order(event, status, quantity=9, total_cents=9900)

    text = text_of(organiser_client.get("/organiser"))

    # 75.00 and the half that was kept of 50.00, without VAT.
    assert "The Glass Orchestra 2027-03-31 12:00 UTC 3 of 50 €84.03 yes" in text


@pytest.mark.behaviour("organiser.dashboard")
def test_the_dashboard_shows_every_event_the_earliest_first(add_event, organiser_client):
    add_event("Draft", starts_at=NOW + DAY, published=False, capacity=50)
    add_event("Over", starts_at=NOW - DAY)

    text = text_of(organiser_client.get("/organiser"))

    assert "Draft 2027-03-02 12:00 UTC 0 of 50 €0.00 no" in text
    assert text.index("Over 2027-02-28") < text.index("Draft 2027-03-02")


@pytest.mark.behaviour("organiser.event.create")
def test_an_organiser_creates_an_event(organiser_client, save_event, stored):
    answer = save_event()

    assert answer.status_code == 303
    assert answer.location == "/organiser"
    assert "Winter Overtures is saved." in text_of(organiser_client.get("/organiser"))
    [event] = stored("Event")
    assert (event.title, event.venue, event.category) == (
        "Winter Overtures",
        "Harbour Hall",
        "music",
    )
    assert event.summary == "Brahms and a short new piece."
    assert event.starts_at == datetime(2027, 5, 1, 19, 30, tzinfo=UTC)
    assert (event.capacity, event.max_per_order, event.published) == (120, 8, True)


@pytest.mark.behaviour("organiser.event.create")
def test_an_event_may_have_an_early_bird_price(save_event, stored):
    save_event(early_bird_price="9.90", early_bird_until="2027-04-01T12:00")

    [event] = stored("Event")
    assert event.early_bird_price_cents == 990
    assert event.early_bird_until == datetime(2027, 4, 1, 12, 0, tzinfo=UTC)


@pytest.mark.behaviour("organiser.event.create")
def test_an_event_that_is_not_published_stays_hidden(organiser_client, save_event):
    save_event(published="")

    assert organiser_client.get("/events/winter-overtures").status_code == 404


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
def test_an_organiser_edits_an_event(add_event, organiser_client, save_event, stored):
    event = add_event()

    answer = save_event(event.slug, title="Glass", slug="glass", price="9", published="")

    assert answer.status_code == 303
    assert "Glass is saved." in text_of(organiser_client.get("/organiser"))
    [edited] = stored("Event")
    assert edited.id == event.id
    assert (edited.title, edited.slug, edited.price_cents) == ("Glass", "glass", 900)
    assert (edited.capacity, edited.published) == (120, False)


@pytest.mark.behaviour("organiser.event.invalid")
def test_a_refused_edit_changes_nothing_and_shows_what_was_typed(add_event, save_event, stored):
    event = add_event()

    answer = save_event(event.slug, title="Glass", price="12.505")

    assert answer.status_code == 422
    assert 'value="Glass"' in answer.text
    assert 'value="12.505"' in answer.text
    [event] = stored("Event")
    assert (event.title, event.price_cents) == ("The Glass Orchestra", 2500)


@pytest.mark.behaviour("organiser.event.invalid")
def test_an_invalid_event_is_shown_again_as_it_was_typed(save_event, stored):
    answer = save_event(title="Glass", price="12.505")

    assert answer.status_code == 422
    assert "Give an amount in euros, such as 12.50." in text_of(answer)
    assert 'value="Glass"' in answer.text
    assert stored("Event") == []


@pytest.mark.behaviour("organiser.event.slug_taken")
def test_a_new_event_cannot_take_the_slug_of_another(add_event, save_event, stored):
    add_event("Jazz")

    answer = save_event(slug="jazz")

    assert answer.status_code == 422
    assert "There is an event jazz already: give another short name." in text_of(answer)
    assert len(stored("Event")) == 1


@pytest.mark.behaviour("organiser.event.slug_taken")
def test_an_edited_event_cannot_take_the_slug_of_another(add_event, save_event, stored):
    add_event("Jazz")
    add_event("Blues")

    answer = save_event("blues", slug="jazz")

    assert answer.status_code == 422
    assert "There is an event jazz already: give another short name." in text_of(answer)
    assert [event.title for event in stored("Event")] == ["Jazz", "Blues"]


@pytest.mark.behaviour("organiser.event.capacity")
def test_the_capacity_cannot_go_below_the_seats_taken(add_event, add_order, save_event, stored):
    event = add_event(capacity=10)
    add_order(event, quantity=3)
    add_order(event, "pending", quantity=2)

    answer = save_event(event.slug, capacity="4")

    assert answer.status_code == 422
    assert "5 seats are taken: give at least 5." in text_of(answer)
    assert [event.capacity for event in stored("Event")] == [10]


@pytest.mark.behaviour("waitlist.served")
@pytest.mark.parametrize(
    ("before", "typed", "then"),
    [
        ({"capacity": 1}, {"capacity": "2"}, "offered"),
        ({"published": False}, {"published": "y"}, "offered"),
        ({"capacity": 1}, {"capacity": "1"}, "waiting"),
        ({"capacity": 1}, {"capacity": "2", "published": ""}, "waiting"),
        ({"capacity": 1}, {"capacity": "2", "starts_at": "2027-03-01 12:00"}, "waiting"),
    ],
    ids=["larger hall", "published", "as before", "not published", "started"],
)
def test_a_saved_event_s_seats_are_offered_to_the_waiting_list(
    add_entry, add_event, add_order, mailbox, save_event, stored, before, typed, then
):
    event = add_event(**before)
    add_order(event)
    add_entry(event)

    assert save_event(event.slug, **typed).status_code == 303

    assert [entry.status for entry in stored("WaitlistEntry")] == [then]
    assert len(mailbox.mails) == (then == "offered")


@pytest.mark.behaviour("organiser.event.capacity")
def test_the_capacity_can_go_down_to_the_seats_taken(add_event, add_order, save_event, stored):
    event = add_event(capacity=10)
    add_order(event, quantity=3)
    add_order(event, "pending", quantity=2, hold_until=NOW - TICK)
    add_order(event, "cancelled", quantity=2)

    assert save_event(event.slug, capacity="3").status_code == 303
    assert [event.capacity for event in stored("Event")] == [3]


@pytest.mark.behaviour("organiser.event.unknown")
def test_an_event_that_does_not_exist_cannot_be_edited(organiser_client, save_event):
    for answer in (organiser_client.get("/organiser/events/none/edit"), save_event("none")):
        assert answer.status_code == 404
        assert "There is no such event." in text_of(answer)


@pytest.mark.behaviour("organiser.voucher.create")
@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [("percent", "15", 15), ("percent", "100", 100), ("percent", "1", 1), ("amount", "7.50", 750)],
)
def test_an_organiser_creates_a_voucher_of_either_kind(save_voucher, stored, kind, typed, value):
    answer = save_voucher(code="spring-10", kind=kind, value=typed)

    assert answer.status_code == 303
    assert answer.location == "/organiser/vouchers"
    [voucher] = stored("Voucher")
    assert (voucher.code, voucher.kind, voucher.value) == ("SPRING-10", kind, value)
    assert (voucher.event_id, voucher.max_uses) == (None, 5)


@pytest.mark.behaviour("organiser.voucher.create")
def test_a_voucher_may_be_for_one_event_and_some_time_only(add_event, save_voucher, stored):
    event = add_event()

    save_voucher(event=event.slug, valid_from="2027-03-01 12:00", valid_until="2027-03-01 12:00")

    [voucher] = stored("Voucher")
    assert (voucher.event_id, voucher.valid_from, voucher.valid_until) == (event.id, NOW, NOW)


@pytest.mark.behaviour("organiser.voucher.create")
def test_the_vouchers_are_listed_with_their_uses(
    add_event, add_order, add_voucher, organiser_client
):
    event = add_event()
    voucher = add_voucher("FIVER", kind="amount", value=500, max_uses=5, event_id=event.id)
    for status in ("paid", "pending", "declined"):
        add_order(event, status, voucher_id=voucher.id)
    add_voucher("SPRING", value=20, max_uses=1, valid_until=NOW + 30 * MINUTE)

    text = text_of(organiser_client.get("/organiser/vouchers"))

    assert "FIVER €5.00 The Glass Orchestra – – 2 of 5" in text
    assert "SPRING 20 % any event – 2027-03-01 12:30 UTC 0 of 1" in text


@pytest.mark.behaviour("organiser.voucher.invalid")
def test_an_invalid_voucher_is_shown_again_as_it_was_typed(save_voucher, stored):
    page = save_voucher(code="spring", value="12.5", max_uses="77")

    assert page.status_code == 422
    assert "Give a whole percentage from 1 to 100." in text_of(page)
    assert stored("Voucher") == []
    for typed in ("SPRING", "12.5", "77"):
        assert f'value="{typed}"' in page.text


@pytest.mark.behaviour("organiser.voucher.taken")
@pytest.mark.parametrize("code", ["SPRING", "spring"])
def test_the_code_of_another_voucher_is_refused(add_voucher, save_voucher, stored, code):
    add_voucher("SPRING")

    answer = save_voucher(code=code)

    assert answer.status_code == 422
    assert "There is a voucher SPRING already." in text_of(answer)
    assert len(stored("Voucher")) == 1


@pytest.mark.behaviour("organiser.voucher.unknown_event")
def test_a_voucher_for_an_event_that_does_not_exist_is_refused(save_voucher, stored):
    answer = save_voucher(event="none")

    assert answer.status_code == 422
    assert "There is no event none." in text_of(answer)
    assert stored("Voucher") == []
