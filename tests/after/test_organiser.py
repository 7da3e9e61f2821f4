"""The organiser's programme: takings, events and vouchers."""

from dataclasses import replace

import pytest

from after_service_layer.models import Event, Voucher, VoucherKind, WaitlistEntry
from after_service_layer.services import event_management
from after_service_layer.services.errors import (
    CapacityTooSmall,
    CodeTaken,
    EventNotFound,
    SlugTaken,
    VoucherEventUnknown,
)
from after_service_layer.services.event_management import (
    EventDetails,
    EventRevenue,
    VoucherDetails,
)
from tests.after.factories import a_voucher, add, an_entry, an_event, an_order, saved
from tests.after.helpers import DAY, NOW, TICK

DETAILS = EventDetails(
    title="Winter Overtures",
    slug="winter-overtures",
    summary="Brahms and a short new piece.",
    venue="Harbour Hall",
    category="music",
    starts_at=NOW + 60 * DAY,
    capacity=120,
    price_cents=1250,
    early_bird_price_cents=990,
    early_bird_until=NOW + 30 * DAY,
    max_per_order=8,
    published=True,
)

VOUCHER = VoucherDetails(
    code="SPRING",
    kind=VoucherKind.PERCENT,
    value=15,
    event_slug="",
    valid_from=None,
    valid_until=None,
    max_uses=5,
)


def details_of(event):
    """Return what an organiser has decided about an event."""
    return EventDetails(**{name: getattr(event, name) for name in vars(DETAILS)})


@pytest.fixture
def edit(session, waiting_list):
    """Return a function that changes an event."""

    def edit(event, details):
        event_management.edit_event(
            session, event, details, waiting_list=waiting_list, clock=lambda: NOW
        )

    return edit


@pytest.mark.behaviour("organiser.dashboard")
def test_the_takings_are_what_is_kept_without_vat(session):
    event = add(session, an_event())
    add(session, an_order(event, quantity=3, total_cents=7500, number=1))
    half_kept = {"quantity": 2, "total_cents": 5000, "refund_cents": 2500}
    add(session, an_order(event, "cancelled", number=2, **half_kept))
    for number, status in enumerate(("pending", "declined", "expired"), start=3):
        add(session, an_order(event, status, quantity=9, total_cents=9900, number=number))

    # 75.00 and the half that was kept of 50.00, without VAT.
    assert event_management.revenue_by_event(session) == [
        EventRevenue(event, seats_sold=3, net_cents=8403)
    ]


@pytest.mark.behaviour("organiser.dashboard")
def test_every_event_is_in_the_takings_the_earliest_first(session):
    draft = add(session, an_event("Draft", starts_at=NOW + DAY, published=False))
    over = add(session, an_event("Over", starts_at=NOW - DAY))

    assert event_management.revenue_by_event(session) == [
        EventRevenue(over, 0, 0),
        EventRevenue(draft, 0, 0),
    ]


@pytest.mark.behaviour("organiser.event.create")
def test_an_organiser_creates_an_event(session):
    event = event_management.create_event(session, DETAILS)

    assert saved(session, Event) == [event]
    assert details_of(event) == DETAILS


@pytest.mark.behaviour("organiser.event.edit")
def test_an_organiser_edits_an_event(edit, session):
    event = add(session, an_event())

    edit(event, DETAILS)

    assert saved(session, Event) == [event]
    assert details_of(event) == DETAILS


@pytest.mark.behaviour("organiser.event.edit")
@pytest.mark.parametrize("published", [True, False])
def test_an_event_can_be_edited_whether_it_is_published_or_not(session, published):
    event = add(session, an_event("Jazz", published=published))

    assert event_management.find_any_event(session, "jazz") == event


@pytest.mark.behaviour("organiser.event.slug_taken")
def test_a_new_event_cannot_take_the_slug_of_another(session):
    add(session, an_event("Jazz"))

    with pytest.raises(SlugTaken) as refusal:
        event_management.create_event(session, replace(DETAILS, slug="jazz"))

    assert str(refusal.value) == "There is an event jazz already: give another short name."
    assert len(saved(session, Event)) == 1


@pytest.mark.behaviour("organiser.event.slug_taken")
def test_an_edited_event_cannot_take_the_slug_of_another(edit, session):
    add(session, an_event("Jazz"))
    event = add(session, an_event("Blues"))

    with pytest.raises(SlugTaken) as refusal:
        edit(event, replace(DETAILS, slug="jazz"))

    assert str(refusal.value) == "There is an event jazz already: give another short name."
    assert [event.title for event in saved(session, Event)] == ["Jazz", "Blues"]


@pytest.mark.behaviour("organiser.event.capacity")
def test_the_capacity_cannot_go_below_the_seats_taken(edit, session):
    event = add(session, an_event(capacity=10))
    add(session, an_order(event, quantity=3, number=1))
    add(session, an_order(event, "pending", quantity=2, number=2))

    with pytest.raises(CapacityTooSmall) as refusal:
        edit(event, replace(DETAILS, capacity=4))

    assert str(refusal.value) == "5 seats are taken: give at least 5."
    assert refusal.value.seats_taken == 5
    assert [event.capacity for event in saved(session, Event)] == [10]


@pytest.mark.behaviour("organiser.event.capacity")
@pytest.mark.parametrize("wrong", [{"capacity": 4}, {"slug": "jazz"}])
def test_after_a_refusal_nobody_has_to_wait_for_the_event(edit, session, wrong):
    add(session, an_event("Jazz"))
    event = add(session, an_event("Blues"))
    add(session, an_order(event, quantity=5))

    with pytest.raises((CapacityTooSmall, SlugTaken)):
        edit(event, replace(DETAILS, **wrong))

    assert not session.in_transaction()


@pytest.mark.behaviour("organiser.event.capacity")
def test_the_capacity_can_go_down_to_the_seats_taken(edit, session):
    event = add(session, an_event(capacity=10))
    add(session, an_order(event, quantity=3, number=1))
    lapsed = NOW - TICK
    add(session, an_order(event, "pending", quantity=2, hold_until=lapsed, number=2))
    add(session, an_order(event, "cancelled", quantity=2, number=3))

    edit(event, replace(DETAILS, capacity=3))

    assert [event.capacity for event in saved(session, Event)] == [3]


@pytest.mark.behaviour("organiser.event.capacity")
def test_an_offer_s_seats_are_taken_too(edit, session):
    event = add(session, an_event(capacity=10))
    add(session, an_order(event, quantity=3))
    add(session, an_entry(event, "offered", quantity=2, number=1))
    lapsed = NOW - TICK
    add(session, an_entry(event, "offered", quantity=2, offered_until=lapsed, number=2))

    with pytest.raises(CapacityTooSmall, match=r"^5 seats are taken: give at least 5\.$"):
        edit(event, replace(DETAILS, capacity=4))
    edit(event, replace(DETAILS, capacity=5))


@pytest.mark.behaviour("waitlist.served")
@pytest.mark.parametrize(
    ("before", "change", "then"),
    [
        ({"capacity": 1}, {"capacity": 2}, "offered"),
        ({"published": False}, {"published": True}, "offered"),
        ({"capacity": 1}, {"capacity": 1}, "waiting"),
    ],
    ids=["larger hall", "published", "as before"],
)
def test_a_saved_event_s_seats_are_offered_to_the_waiting_list(
    edit, mailer, session, before, change, then
):
    event = add(session, an_event(**before))
    add(session, an_order(event))
    entry = add(session, an_entry(event))

    edit(event, replace(DETAILS, **change))

    assert [entry.status for entry in saved(session, WaitlistEntry)] == [then]
    assert mailer.sent == ([("offer", entry)] if then == "offered" else [])


@pytest.mark.behaviour("organiser.event.unknown")
def test_an_event_that_does_not_exist_cannot_be_edited(session):
    with pytest.raises(EventNotFound, match=r"^There is no such event\.$"):
        event_management.find_any_event(session, "none")


@pytest.mark.behaviour("organiser.voucher.create")
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (VoucherKind.PERCENT, 15),
        (VoucherKind.PERCENT, 100),
        (VoucherKind.PERCENT, 1),
        (VoucherKind.AMOUNT, 750),
    ],
)
def test_an_organiser_creates_a_voucher_of_either_kind(session, kind, value):
    voucher = event_management.create_voucher(session, replace(VOUCHER, kind=kind, value=value))

    assert saved(session, Voucher) == [voucher]
    assert (voucher.code, voucher.kind, voucher.value) == ("SPRING", kind, value)
    assert (voucher.event, voucher.max_uses) == (None, 5)


@pytest.mark.behaviour("organiser.voucher.create")
def test_a_voucher_may_be_for_one_event_and_some_time_only(session):
    event = add(session, an_event())
    span = {"valid_from": NOW, "valid_until": NOW + TICK}

    event_management.create_voucher(session, replace(VOUCHER, event_slug=event.slug, **span))

    [voucher] = saved(session, Voucher)
    assert (voucher.event, voucher.valid_from, voucher.valid_until) == (event, NOW, NOW + TICK)


@pytest.mark.behaviour("organiser.voucher.create")
def test_the_vouchers_are_listed_with_their_uses(session):
    event = add(session, an_event())
    spring = add(session, a_voucher("SPRING"))
    fiver = add(session, a_voucher("FIVER", event=event))
    for number, status in enumerate(("paid", "pending", "declined"), start=1):
        add(session, an_order(event, status, voucher=fiver, number=number))

    assert event_management.list_vouchers(session) == [(fiver, 2), (spring, 0)]


@pytest.mark.behaviour("organiser.voucher.create")
def test_a_voucher_may_be_for_any_event(session):
    add(session, an_event("Jazz"))
    add(session, an_event("Blues", published=False))

    assert event_management.event_slugs(session) == ["blues", "jazz"]


@pytest.mark.behaviour("organiser.voucher.taken")
def test_the_code_of_another_voucher_is_refused(session):
    add(session, a_voucher("SPRING"))

    with pytest.raises(CodeTaken, match=r"^There is a voucher SPRING already\.$"):
        event_management.create_voucher(session, VOUCHER)

    assert len(saved(session, Voucher)) == 1


@pytest.mark.behaviour("organiser.voucher.unknown_event")
def test_a_voucher_for_an_event_that_does_not_exist_is_refused(session):
    with pytest.raises(VoucherEventUnknown, match=r"^There is no event none\.$"):
        event_management.create_voucher(session, replace(VOUCHER, event_slug="none"))

    assert saved(session, Voucher) == []
