"""The waiting list: joining, and the offers of seats that come free."""

import pytest

from tests.kit.helpers import DAY, HOUR, NOW, TICK, text_of


@pytest.fixture
def sold_out(add_event, add_order):
    """Return a function that stores an event with one seat, which is sold."""

    def sold_out(title="The Glass Orchestra", **differences):
        event = add_event(title, capacity=1, **differences)
        add_order(event)
        return event

    return sold_out


@pytest.fixture
def join(client):
    """Return a function that sends the waiting-list form: one seat, unless said otherwise."""

    def join(event, **differences):
        fields = {"email": "cleo@example.org", "quantity": "1"}
        return client.post(f"/events/{event.slug}/waitlist", data={**fields, **differences})

    return join


@pytest.fixture
def free_seats(add_order, cancel, mailbox):
    """Return a function that frees so many seats: it cancels a free order for them."""

    def free_seats(event, quantity=1):
        return cancel(add_order(event, quantity=quantity, total_cents=0))

    return free_seats


@pytest.fixture
def states(stored):
    """Return a function that gives the states of all entries, in the order of joining."""
    return lambda: [entry.status for entry in stored("WaitlistEntry")]


@pytest.mark.behaviour("waitlist.joined")
def test_without_a_seat_left_a_visitor_joins_the_waiting_list(client, join, sold_out, stored):
    event = sold_out()

    answer = join(event)

    assert answer.status_code == 303
    assert answer.location == "/events/the-glass-orchestra"
    said = "You are on the waiting list. We will write when seats come free."
    assert said in text_of(client.get(answer.location))
    [entry] = stored("WaitlistEntry")
    assert (entry.event_id, entry.email, entry.quantity) == (event.id, "cleo@example.org", 1)
    assert (entry.status, entry.created_at, entry.offered_until) == ("waiting", NOW, None)
    assert len(entry.token) >= 16


@pytest.mark.behaviour("waitlist.joined")
def test_a_visitor_who_wants_more_seats_than_are_left_joins_too(
    add_entry, add_event, add_order, join, states
):
    event = add_event(capacity=4)
    add_order(event)
    add_entry(event, "offered", quantity=2)

    assert join(event, quantity=2).status_code == 303
    assert states() == ["offered", "waiting"]


@pytest.mark.behaviour("waitlist.joined")
def test_a_place_is_for_one_event_and_one_e_mail(join, sold_out, stored):
    jazz, blues = sold_out("Jazz"), sold_out("Blues")

    join(jazz)
    join(jazz, email="dora@example.org")
    join(blues)

    entries = stored("WaitlistEntry")
    assert [entry.event_id for entry in entries] == [jazz.id, jazz.id, blues.id]
    assert len({entry.token for entry in entries}) == 3


@pytest.mark.behaviour("waitlist.joined")
@pytest.mark.parametrize(
    ("status", "offered_until"),
    [("lapsed", NOW - DAY), ("taken", NOW + DAY), ("offered", NOW - TICK)],
)
def test_after_an_offer_is_over_its_holder_may_join_again(
    add_entry, join, sold_out, states, status, offered_until
):
    event = sold_out()
    add_entry(event, status, email="cleo@example.org", offered_until=offered_until)

    join(event, email="cleo@example.org")

    assert states() == [status, "waiting"]


@pytest.mark.behaviour("waitlist.seats_left")
@pytest.mark.parametrize(
    ("left", "sentence"),
    [(1, "There are seats: 1 seat is left."), (2, "There are seats: 2 seats are left.")],
)
def test_while_there_are_as_many_seats_as_wanted_joining_is_refused(
    add_event, join, stored, left, sentence
):
    answer = join(add_event(capacity=left), quantity=left)

    assert answer.status_code == 409
    assert sentence in text_of(answer)
    assert stored("WaitlistEntry") == []


@pytest.mark.behaviour("waitlist.twice")
@pytest.mark.parametrize("status", ["waiting", "offered"])
@pytest.mark.parametrize("capacity", [2, 100])
def test_joining_again_keeps_the_place(
    add_entry, add_event, client, join, stored, status, capacity
):
    event = add_event(capacity=capacity)
    entry = add_entry(event, status, email="Cleo@Example.org", offered_until=NOW)

    answer = join(event, email="cleo@example.ORG", quantity=2)

    assert answer.status_code == 303
    said = "You are on the waiting list already and keep your place."
    assert said in text_of(client.get(answer.location))
    [kept] = stored("WaitlistEntry")
    assert (kept.id, kept.quantity) == (entry.id, 1)


@pytest.mark.behaviour("waitlist.invalid")
def test_more_seats_than_there_are_cannot_be_waited_for(add_event, add_order, join):
    event = add_event(capacity=2, max_per_order=4)
    add_order(event)

    assert "Choose 1 to 2 seats." in text_of(join(event, quantity=3))
    assert join(event, quantity=2).status_code == 303


@pytest.mark.behaviour("waitlist.invalid")
def test_an_invalid_form_is_shown_again_as_it_was_typed(join, sold_out, stored):
    page = join(sold_out(), email="cleo@", quantity="77")

    assert page.status_code == 422
    assert "Give an e-mail address, such as ada@example.org." in text_of(page)
    assert stored("WaitlistEntry") == []
    for typed in ("cleo@", "77"):
        assert f'value="{typed}"' in page.text


@pytest.mark.behaviour("waitlist.closed")
def test_from_the_start_on_joining_is_refused(join, sold_out, stored):
    answer = join(sold_out(starts_at=NOW), email="")

    assert answer.status_code == 409
    assert "the event has started" in text_of(answer)
    assert stored("WaitlistEntry") == []


@pytest.mark.behaviour("waitlist.unknown_event")
@pytest.mark.parametrize("slug", ["draft", "nothing-at-all"])
def test_an_unknown_or_unpublished_event_has_no_waiting_list(client, sold_out, stored, slug):
    sold_out("Draft", published=False)

    answer = client.post(f"/events/{slug}/waitlist", data={"email": "c@d.org", "quantity": "1"})

    assert answer.status_code == 404
    assert "There is no such event." in text_of(answer)
    assert stored("WaitlistEntry") == []


@pytest.mark.behaviour("waitlist.order")
@pytest.mark.parametrize(
    ("wanted", "then"),
    [
        ([1, 1, 1], ["offered", "offered", "waiting"]),
        ([2, 1], ["offered", "waiting"]),
        ([1, 3, 1], ["offered", "waiting", "waiting"]),
        ([3, 1], ["waiting", "waiting"]),
    ],
)
def test_two_free_seats_are_offered_in_the_order_of_joining(
    add_entry, add_event, free_seats, states, wanted, then
):
    event = add_event(capacity=2)
    for quantity in wanted:
        add_entry(event, quantity=quantity)

    free_seats(event, 2)

    assert states() == then


@pytest.mark.behaviour("waitlist.order")
def test_seats_that_are_taken_are_not_offered(add_entry, add_event, add_order, free_seats, states):
    event = add_event(capacity=4)
    add_order(event)
    add_order(event, "pending")
    add_entry(event, "offered")
    for _ in range(2):
        add_entry(event)

    free_seats(event)

    assert states() == ["offered", "offered", "waiting"]


@pytest.mark.behaviour("waitlist.order")
def test_closed_entries_are_passed_over(add_entry, add_event, free_seats, states):
    event = add_event(capacity=1)
    for status in ("taken", "lapsed", "waiting"):
        add_entry(event, status)

    free_seats(event)

    assert states() == ["taken", "lapsed", "offered"]


@pytest.mark.behaviour("waitlist.served")
@pytest.mark.parametrize("refund", [200, 500], ids=["refunded", "refund due"])
def test_the_seats_of_a_cancelled_order_are_offered(
    add_entry, add_event, add_order, cancel, gateway, mailbox, states, refund
):
    event = add_event(capacity=1)
    add_entry(event)
    add_entry(add_event("Another", capacity=1))
    gateway.answers("refunds", status=refund)

    cancel(add_order(event))

    assert states() == ["offered", "waiting"]
    assert [mail["To"] for mail in mailbox.mails] == ["in-line-1@example.org"]


@pytest.mark.behaviour("waitlist.served")
def test_the_seats_of_a_declined_order_are_offered(
    add_entry, add_event, buy, gateway, mailbox, states
):
    event = add_event(capacity=1)
    add_entry(event)
    gateway.answers("charges", status=402, json={"error": {"message": "No."}})

    buy(event)

    assert states() == ["offered"]
    assert [mail["To"] for mail in mailbox.mails] == ["in-line-1@example.org"]


@pytest.mark.behaviour("waitlist.served")
def test_an_order_that_a_webhook_declines_frees_seats_too(
    add_entry, add_event, add_order, mailbox, states, webhook
):
    event = add_event(capacity=1)
    add_entry(event)

    webhook(add_order(event, "pending"), "charge.failed")

    assert states() == ["offered"]
    assert [mail["To"] for mail in mailbox.mails] == ["in-line-1@example.org"]


@pytest.mark.behaviour("offer.mail")
def test_an_offer_stands_for_two_days_and_is_mailed(
    add_entry, add_event, free_seats, mailbox, stored
):
    event = add_event(capacity=2)
    add_entry(event, email="cleo@example.org", quantity=2, token="Cleo-s-key")

    free_seats(event, 2)

    [entry] = stored("WaitlistEntry")
    assert (entry.offered_until, entry.offer_sent_at) == (NOW + 48 * HOUR, NOW)
    [mail] = mailbox.mails
    assert mail["To"] == "cleo@example.org"
    assert mail["Subject"] == "Seats for The Glass Orchestra"
    text = mail.get_content()
    assert "2027-03-03 12:00 UTC" in text
    assert "Seats: 2\n" in text
    assert "http://127.0.0.1:5000/waitlist/Cleo-s-key\n" in text


@pytest.mark.behaviour("offer.mail")
def test_an_offer_that_lapsed_before_it_was_mailed_is_not_mailed(
    add_entry, add_event, free_seats, mailbox
):
    event = add_event(capacity=1)
    add_entry(event, "offered", offered_until=NOW - TICK, offer_sent_at=None)
    add_entry(event, email="cleo@example.org")

    free_seats(event)

    assert [mail["To"] for mail in mailbox.mails] == ["cleo@example.org"]
