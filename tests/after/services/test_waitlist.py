"""The waiting list: joining it, and who is offered the seats that come free."""

import pytest

from after_service_layer.models import WaitlistEntry
from after_service_layer.services.errors import CardDeclined, SalesClosed, SeatsAvailable
from after_service_layer.services.interfaces import MailNotSent, PaymentOutcomeUnknown
from tests.after.services.factories import a_purchase, add, an_entry, an_event, an_order, saved
from tests.kit.helpers import DAY, HOUR, NOW, TICK

CLEO = "cleo@example.org"


@pytest.fixture
def sold_out(session):
    """Return a function that stores an event with one seat, which is sold."""

    def sold_out(title="The Glass Orchestra", *, number=1, **differences):
        event = add(session, an_event(title, capacity=1, **differences))
        add(session, an_order(event, number=number))
        return event

    return sold_out


@pytest.fixture
def states(session):
    """Return a function that gives the states of all entries, in the order of joining."""
    return lambda: [entry.status for entry in saved(session, WaitlistEntry)]


@pytest.mark.behaviour("waitlist.joined")
def test_a_buyer_without_seats_joins_the_waiting_list(session, sold_out, waiting_list):
    event = sold_out()

    assert waiting_list.join(event, CLEO, 1) is True

    [entry] = saved(session, WaitlistEntry)
    assert (entry.event, entry.email, entry.quantity) == (event, CLEO, 1)
    assert (entry.status, entry.created_at, entry.offered_until) == ("waiting", NOW, None)
    assert len(entry.token) >= 16


@pytest.mark.behaviour("waitlist.joined")
def test_a_buyer_who_wants_more_seats_than_are_left_joins_too(session, states, waiting_list):
    event = add(session, an_event(capacity=4))
    add(session, an_order(event))
    add(session, an_entry(event, "offered", quantity=2))

    assert waiting_list.join(event, CLEO, 2) is True
    assert states() == ["offered", "waiting"]


@pytest.mark.behaviour("waitlist.joined")
def test_a_place_is_for_one_event_and_one_e_mail(session, sold_out, waiting_list):
    jazz, blues = sold_out("Jazz", number=1), sold_out("Blues", number=2)

    for event, email in [(jazz, CLEO), (jazz, "dora@example.org"), (blues, CLEO)]:
        assert waiting_list.join(event, email, 1) is True

    assert len({entry.token for entry in saved(session, WaitlistEntry)}) == 3


@pytest.mark.behaviour("waitlist.joined")
@pytest.mark.parametrize(
    ("status", "offered_until"),
    [("lapsed", NOW - DAY), ("taken", NOW + DAY), ("offered", NOW - TICK)],
)
def test_after_an_offer_joining_again_is_possible(
    session, sold_out, states, waiting_list, status, offered_until
):
    event = sold_out()
    add(session, an_entry(event, status, email=CLEO, offered_until=offered_until))

    assert waiting_list.join(event, CLEO, 1) is True
    assert states() == [status, "waiting"]


@pytest.mark.behaviour("waitlist.seats_left")
@pytest.mark.parametrize("left", [1, 2])
def test_while_there_are_as_many_seats_as_wanted_joining_is_refused(
    session, states, waiting_list, left
):
    event = add(session, an_event(capacity=left))

    with pytest.raises(SeatsAvailable) as error:
        waiting_list.join(event, CLEO, left)

    assert (error.value.code, error.value.facts) == ("seats_available", {"seats_left": left})
    assert states() == []


@pytest.mark.behaviour("waitlist.twice")
@pytest.mark.parametrize("status", ["waiting", "offered"])
@pytest.mark.parametrize("capacity", [2, 100])
def test_joining_again_keeps_the_place(session, waiting_list, status, capacity):
    event = add(session, an_event(capacity=capacity))
    entry = add(session, an_entry(event, status, email="Cleo@Example.org", offered_until=NOW))

    assert waiting_list.join(event, "cleo@example.ORG", 2) is False

    assert saved(session, WaitlistEntry) == [entry]
    assert entry.quantity == 1


@pytest.mark.behaviour("waitlist.closed")
def test_from_the_start_on_joining_is_refused(sold_out, states, waiting_list):
    event = sold_out(starts_at=NOW)

    with pytest.raises(SalesClosed):
        waiting_list.begin(event)
    with pytest.raises(SalesClosed):
        waiting_list.join(event, CLEO, 1)

    assert states() == []


@pytest.mark.behaviour("waitlist.closed")
@pytest.mark.behaviour("waitlist.seats_left")
@pytest.mark.parametrize("difference", [{"starts_at": NOW}, {"capacity": 5}])
def test_after_a_refusal_no_lock_is_held(session, waiting_list, difference):
    event = add(session, an_event(**difference))

    with pytest.raises((SalesClosed, SeatsAvailable)):
        waiting_list.join(event, CLEO, 1)

    assert not session.in_transaction()


@pytest.mark.behaviour("waitlist.twice")
def test_after_joining_again_no_lock_is_held(session, sold_out, waiting_list):
    event = sold_out()
    add(session, an_entry(event, email=CLEO))

    waiting_list.join(event, CLEO, 1)

    assert not session.in_transaction()


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
    session, states, waiting_list, wanted, then
):
    event = add(session, an_event(capacity=2))
    for number, quantity in enumerate(wanted):
        add(session, an_entry(event, quantity=quantity, number=number))

    waiting_list.serve(event)

    assert states() == then


@pytest.mark.behaviour("waitlist.order")
def test_seats_that_are_taken_are_not_offered(session, states, waiting_list):
    event = add(session, an_event(capacity=4))
    add(session, an_order(event, number=1))
    add(session, an_order(event, "pending", number=2))
    for number, status in enumerate(["offered", "waiting", "waiting"]):
        add(session, an_entry(event, status, number=number))

    waiting_list.serve(event)

    assert states() == ["offered", "offered", "waiting"]


@pytest.mark.behaviour("waitlist.order")
def test_closed_entries_are_passed_over(session, states, waiting_list):
    event = add(session, an_event(capacity=1))
    for number, status in enumerate(["taken", "lapsed", "waiting"]):
        add(session, an_entry(event, status, number=number))

    waiting_list.serve(event)

    assert states() == ["taken", "lapsed", "offered"]


@pytest.mark.behaviour("waitlist.order")
def test_seats_are_offered_to_the_queue_of_their_own_event(session, states, waiting_list):
    add(session, an_entry(an_event("Jazz"), number=1))
    blues = add(session, an_event("Blues"))
    add(session, an_entry(blues, number=2))

    waiting_list.serve(blues)

    assert states() == ["waiting", "offered"]


@pytest.mark.behaviour("waitlist.served")
@pytest.mark.parametrize(
    "failure", [None, PaymentOutcomeUnknown()], ids=["refunded", "refund due"]
)
def test_the_seats_of_a_cancelled_order_are_offered(
    cancellation, mailer, payments, session, failure
):
    event = add(session, an_event(capacity=1))
    order = add(session, an_order(event))
    entry = add(session, an_entry(event))
    payments.failure = failure

    cancellation.cancel(order)

    assert mailer.sent == [("offer", entry)]


@pytest.mark.behaviour("waitlist.served")
def test_the_seats_of_a_declined_order_are_offered(checkout, mailer, session):
    event = add(session, an_event(capacity=1))
    entry = add(session, an_entry(event))

    with pytest.raises(CardDeclined):
        checkout.place(event, a_purchase(card_token="tok_declined"))

    assert mailer.sent == [("offer", entry)]


@pytest.mark.behaviour("waitlist.served")
def test_the_seats_of_an_order_whose_charge_fails_later_are_offered(mailer, session, settlement):
    event = add(session, an_event(capacity=1))
    order = add(session, an_order(event, "pending"))
    entry = add(session, an_entry(event))

    settlement.mark_failed(order)

    assert mailer.sent == [("offer", entry)]


@pytest.mark.behaviour("waitlist.served")
@pytest.mark.parametrize("difference", [{"starts_at": NOW}, {"published": False}])
def test_seats_that_cannot_be_bought_are_not_offered(session, states, waiting_list, difference):
    event = add(session, an_event(**difference))
    add(session, an_entry(event))

    waiting_list.serve(event)

    assert states() == ["waiting"]


@pytest.mark.behaviour("offer.mail")
def test_an_offer_stands_for_two_days_and_is_mailed(mailer, session, waiting_list):
    event = add(session, an_event(capacity=2))
    add(session, an_entry(event, quantity=2))

    waiting_list.serve(event)

    [entry] = saved(session, WaitlistEntry)
    assert (entry.offered_until, entry.offer_sent_at) == (NOW + 48 * HOUR, NOW)
    assert mailer.sent == [("offer", entry)]


@pytest.mark.behaviour("offer.mail")
def test_an_offer_stands_although_its_mail_cannot_be_sent(mailer, session, waiting_list):
    event = add(session, an_event())
    add(session, an_entry(event))
    mailer.failure = MailNotSent()

    waiting_list.serve(event)

    [entry] = saved(session, WaitlistEntry)
    assert (entry.status, entry.offer_sent_at) == ("offered", None)


@pytest.mark.behaviour("offer.mail")
def test_an_offer_that_lapsed_unmailed_is_mailed_no_more(mailer, session, waiting_list):
    event = add(session, an_event(capacity=1))
    late = {"offered_until": NOW - TICK, "offer_sent_at": None}
    add(session, an_entry(event, "offered", number=1, **late))
    entry = add(session, an_entry(event, number=2))

    waiting_list.serve(event)

    assert mailer.sent == [("offer", entry)]


@pytest.mark.behaviour("offer.mail")
def test_the_mails_of_other_events_are_left_to_the_job(mailer, session, waiting_list):
    event = add(session, an_event("Jazz"))
    add(session, an_entry(an_event("Blues"), "offered", offer_sent_at=None))

    waiting_list.serve(event)

    assert mailer.sent == []
