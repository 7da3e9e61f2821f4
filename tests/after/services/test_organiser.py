"""What an organiser manages: revenue, events and vouchers."""

from dataclasses import replace

import pytest

from after_service_layer.models import Event, Voucher, VoucherKind, WaitlistEntry
from after_service_layer.services.errors import (
    CapacityTooSmall,
    EventNotFound,
    SlugTaken,
    VoucherCodeTaken,
    VoucherEventUnknown,
)
from after_service_layer.services.event_management import (
    EventDetails,
    EventRevenue,
    event_slugs,
    find_any_event,
    revenue_by_event,
)
from after_service_layer.services.vouchers import (
    VoucherDetails,
    create_voucher,
    list_vouchers,
)
from tests.after.services.factories import a_voucher, add, an_entry, an_event, an_order, saved
from tests.kit.helpers import DAY, NOW, TICK

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


@pytest.mark.behaviour("organiser.dashboard")
def test_the_revenue_is_what_is_kept_without_vat(session):
    event = add(session, an_event())
    add(session, an_order(event, quantity=3, total_cents=7500, number=1))
    half_kept = {"quantity": 2, "total_cents": 5000, "refund_cents": 2500}
    add(session, an_order(event, "cancelled", number=2, **half_kept))
    for number, status in enumerate(("pending", "declined", "expired"), start=3):
        add(session, an_order(event, status, quantity=9, total_cents=9900, number=number))

    # 75.00 and the half that was kept of 50.00, without VAT.
    assert revenue_by_event(session) == [EventRevenue(event, seats_sold=3, net_cents=8403)]


@pytest.mark.behaviour("organiser.dashboard")
def test_every_event_has_its_revenue_the_earliest_first(session):
    draft = add(session, an_event("Draft", starts_at=NOW + DAY, published=False))
    over = add(session, an_event("Over", starts_at=NOW - DAY))

    assert revenue_by_event(session) == [
        EventRevenue(over, 0, 0),
        EventRevenue(draft, 0, 0),
    ]


@pytest.mark.behaviour("organiser.event.create")
def test_an_organiser_creates_an_event(event_management, session):
    event = event_management.create(DETAILS)

    assert saved(session, Event) == [event]
    assert details_of(event) == DETAILS


@pytest.mark.behaviour("organiser.event.edit")
def test_an_organiser_edits_an_event(event_management, session):
    event = add(session, an_event())

    event_management.edit(event, DETAILS)

    assert saved(session, Event) == [event]
    assert details_of(event) == DETAILS


@pytest.mark.behaviour("organiser.event.edit")
@pytest.mark.parametrize("published", [True, False])
def test_an_event_can_be_edited_whether_it_is_published_or_not(session, published):
    event = add(session, an_event("Jazz", published=published))

    assert find_any_event(session, "jazz") == event


@pytest.mark.behaviour("organiser.event.slug_taken")
def test_a_new_event_cannot_take_the_slug_of_another(event_management, session):
    add(session, an_event("Jazz"))

    with pytest.raises(SlugTaken) as error:
        event_management.create(replace(DETAILS, slug="jazz"))

    assert (error.value.code, error.value.facts) == ("slug_taken", {"slug": "jazz"})
    assert len(saved(session, Event)) == 1


@pytest.mark.behaviour("organiser.event.slug_taken")
def test_an_edited_event_cannot_take_the_slug_of_another(event_management, session):
    add(session, an_event("Jazz"))
    event = add(session, an_event("Blues"))

    with pytest.raises(SlugTaken) as error:
        event_management.edit(event, replace(DETAILS, slug="jazz"))

    assert (error.value.code, error.value.facts) == ("slug_taken", {"slug": "jazz"})
    assert [event.title for event in saved(session, Event)] == ["Jazz", "Blues"]


@pytest.mark.behaviour("organiser.event.capacity")
def test_the_capacity_cannot_go_below_the_seats_taken(event_management, session):
    event = add(session, an_event(capacity=10))
    add(session, an_order(event, quantity=3, number=1))
    add(session, an_order(event, "pending", quantity=2, number=2))

    with pytest.raises(CapacityTooSmall) as error:
        event_management.edit(event, replace(DETAILS, capacity=4))

    assert (error.value.code, error.value.facts) == ("capacity_too_small", {"seats_taken": 5})
    assert [event.capacity for event in saved(session, Event)] == [10]


@pytest.mark.behaviour("organiser.event.capacity")
@pytest.mark.parametrize("wrong", [{"capacity": 4}, {"slug": "jazz"}])
def test_after_a_refusal_no_lock_is_held(event_management, session, wrong):
    add(session, an_event("Jazz"))
    event = add(session, an_event("Blues"))
    add(session, an_order(event, quantity=5))

    with pytest.raises((CapacityTooSmall, SlugTaken)):
        event_management.edit(event, replace(DETAILS, **wrong))

    assert not session.in_transaction()


@pytest.mark.behaviour("organiser.event.capacity")
def test_the_capacity_can_go_down_to_the_seats_taken(event_management, session):
    event = add(session, an_event(capacity=10))
    add(session, an_order(event, quantity=3, number=1))
    lapsed = NOW - TICK
    add(session, an_order(event, "pending", quantity=2, hold_until=lapsed, number=2))
    add(session, an_order(event, "cancelled", quantity=2, number=3))

    event_management.edit(event, replace(DETAILS, capacity=3))

    assert [event.capacity for event in saved(session, Event)] == [3]


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
def test_the_seats_of_a_saved_event_are_offered_to_the_waiting_list(
    event_management, mailer, session, before, change, then
):
    event = add(session, an_event(**before))
    add(session, an_order(event))
    entry = add(session, an_entry(event))

    event_management.edit(event, replace(DETAILS, **change))

    assert [entry.status for entry in saved(session, WaitlistEntry)] == [then]
    assert mailer.sent == ([("offer", entry)] if then == "offered" else [])


@pytest.mark.behaviour("organiser.event.unknown")
def test_an_event_that_does_not_exist_cannot_be_edited(session):
    with pytest.raises(EventNotFound):
        find_any_event(session, "none")


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
    voucher = create_voucher(session, replace(VOUCHER, kind=kind, value=value))

    assert saved(session, Voucher) == [voucher]
    assert (voucher.code, voucher.kind, voucher.value) == ("SPRING", kind, value)
    assert (voucher.event, voucher.max_uses) == (None, 5)


@pytest.mark.behaviour("organiser.voucher.create")
def test_a_voucher_may_be_for_one_event_and_some_time_only(session):
    event = add(session, an_event())
    span = {"valid_from": NOW, "valid_until": NOW + TICK}

    create_voucher(session, replace(VOUCHER, event_slug=event.slug, **span))

    [voucher] = saved(session, Voucher)
    assert (voucher.event, voucher.valid_from, voucher.valid_until) == (event, NOW, NOW + TICK)


@pytest.mark.behaviour("organiser.voucher.create")
def test_the_vouchers_are_listed_with_their_uses(session):
    event = add(session, an_event())
    spring = add(session, a_voucher("SPRING"))
    fiver = add(session, a_voucher("FIVER", event=event))
    for number, status in enumerate(("paid", "pending", "declined"), start=1):
        add(session, an_order(event, status, voucher=fiver, number=number))

    assert list_vouchers(session) == [(fiver, 2), (spring, 0)]


@pytest.mark.behaviour("organiser.voucher.create")
def test_a_voucher_may_be_for_any_event(session):
    add(session, an_event("Jazz"))
    add(session, an_event("Blues", published=False))

    assert event_slugs(session) == ["blues", "jazz"]


@pytest.mark.behaviour("organiser.voucher.taken")
def test_the_code_of_another_voucher_is_refused(session):
    add(session, a_voucher("SPRING"))

    with pytest.raises(VoucherCodeTaken) as error:
        create_voucher(session, VOUCHER)

    assert (error.value.code, error.value.facts) == ("voucher_code_taken", {"voucher": "SPRING"})
    assert len(saved(session, Voucher)) == 1


@pytest.mark.behaviour("organiser.voucher.unknown_event")
def test_a_voucher_for_an_event_that_does_not_exist_is_refused(session):
    with pytest.raises(VoucherEventUnknown) as error:
        create_voucher(session, replace(VOUCHER, event_slug="none"))

    assert (error.value.code, error.value.facts) == ("voucher_event_unknown", {"slug": "none"})
    assert saved(session, Voucher) == []
