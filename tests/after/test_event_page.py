"""What the page of one event is made of: the event, its price that holds, its seats left."""

import pytest

from after_service_layer.services.catalogue import find_event
from after_service_layer.services.errors import EventNotFound
from tests.after.factories import add, an_event, an_order
from tests.after.helpers import NOW, TICK


@pytest.mark.behaviour("event.page")
@pytest.mark.parametrize(
    ("early_bird_until", "price", "holds"), [(NOW, 1900, True), (NOW - TICK, 2500, False)]
)
def test_the_price_is_that_of_the_instant(early_bird_until, price, holds):
    event = an_event(
        price_cents=2500, early_bird_price_cents=1900, early_bird_until=early_bird_until
    )

    assert event.unit_price(NOW) == price
    assert event.early_bird_holds(NOW) == holds


@pytest.mark.behaviour("event.page")
def test_an_event_knows_its_seats_left(session):
    event = add(session, an_event(capacity=5))
    add(session, an_order(event, quantity=4))

    assert find_event(session, "the-glass-orchestra") == event
    assert event.seats_left(NOW) == 1


@pytest.mark.behaviour("event.sold_out")
@pytest.mark.parametrize("capacity", [4, 3])
def test_no_seats_are_left_when_as_many_or_more_are_sold(session, capacity):
    event = add(session, an_event(capacity=capacity))
    add(session, an_order(event, quantity=4))

    assert event.seats_left(NOW) == 0


@pytest.mark.behaviour("event.closed")
@pytest.mark.parametrize(("starts_at", "has_started"), [(NOW, True), (NOW + TICK, False)])
def test_an_event_has_started_from_its_start_on(starts_at, has_started):
    assert an_event(starts_at=starts_at).has_started(NOW) == has_started


@pytest.mark.behaviour("event.unknown")
@pytest.mark.behaviour("checkout.unknown_event")
@pytest.mark.behaviour("waitlist.unknown_event")
@pytest.mark.parametrize("slug", ["nothing-at-all", "draft"])
def test_an_unknown_or_unpublished_event_is_not_found(session, slug):
    add(session, an_event("Draft", published=False))

    with pytest.raises(EventNotFound, match=r"^There is no such event\.$"):
        find_event(session, slug)
