"""What an event decides by itself: its price, its start, its seats. The model is tested."""

import pytest

from tests.kit.helpers import NOW, TICK


@pytest.mark.behaviour("event.price")
@pytest.mark.parametrize(
    ("early_bird_until", "holds", "price"),
    [(NOW + TICK, True, 1900), (NOW, True, 1900), (NOW - TICK, False, 2500)],
)
def test_the_early_bird_price_holds_until_its_last_instant(models, early_bird_until, holds, price):
    event = models.Event(
        price_cents=2500, early_bird_price_cents=1900, early_bird_until=early_bird_until
    )

    assert event.early_bird_holds(NOW) == holds
    assert event.unit_price(NOW) == price


@pytest.mark.behaviour("event.price")
def test_an_early_bird_may_be_free(models):
    event = models.Event(price_cents=2500, early_bird_price_cents=0, early_bird_until=NOW)

    assert event.unit_price(NOW) == 0


@pytest.mark.behaviour("event.price")
def test_an_event_without_an_early_bird_has_one_price(models):
    event = models.Event(price_cents=2500)

    assert not event.early_bird_holds(NOW)
    assert event.unit_price(NOW) == 2500


@pytest.mark.behaviour("event.started")
@pytest.mark.parametrize(
    ("starts_at", "has_started"), [(NOW + TICK, False), (NOW, True), (NOW - TICK, True)]
)
def test_an_event_has_started_from_its_first_instant_on(models, starts_at, has_started):
    assert models.Event(starts_at=starts_at).has_started(NOW) == has_started


@pytest.fixture
def seats_left(models, session):
    """Return a function that gives the seats left of a stored event at NOW."""
    return lambda event: session.get(models.Event, event.id).seats_left(NOW)


@pytest.mark.behaviour("event.seats")
@pytest.mark.parametrize(("sold", "left"), [(0, 5), (4, 1), (5, 0), (6, 0)])
def test_paid_orders_take_their_seats_and_never_leave_less_than_none(
    add_event, add_order, seats_left, sold, left
):
    event = add_event(capacity=5)
    add_order(event, quantity=sold)

    assert seats_left(event) == left


@pytest.mark.behaviour("event.seats")
@pytest.mark.parametrize(("hold_until", "left"), [(NOW + TICK, 3), (NOW, 3), (NOW - TICK, 5)])
def test_a_pending_order_takes_its_seats_until_its_hold_lapses(
    add_event, add_order, seats_left, hold_until, left
):
    event = add_event(capacity=5)
    add_order(event, "pending", quantity=2, hold_until=hold_until)

    assert seats_left(event) == left


@pytest.mark.behaviour("event.seats")
@pytest.mark.parametrize("status", ["declined", "expired", "cancelled"])
def test_other_orders_take_no_seats(add_event, add_order, seats_left, status):
    event = add_event(capacity=5)
    add_order(event, status, quantity=2)

    assert seats_left(event) == 5


@pytest.mark.behaviour("event.seats")
@pytest.mark.parametrize(("offered_until", "left"), [(NOW + TICK, 3), (NOW, 3), (NOW - TICK, 5)])
def test_an_offer_takes_its_seats_until_it_lapses(
    add_entry, add_event, seats_left, offered_until, left
):
    event = add_event(capacity=5)
    add_entry(event, "offered", quantity=2, offered_until=offered_until)

    assert seats_left(event) == left


@pytest.mark.behaviour("event.seats")
@pytest.mark.parametrize("status", ["waiting", "taken", "lapsed"])
def test_an_entry_without_an_open_offer_takes_no_seats(add_entry, add_event, seats_left, status):
    event = add_event(capacity=5)
    add_entry(event, status, quantity=2)

    assert seats_left(event) == 5


@pytest.mark.behaviour("event.seats")
def test_the_seats_of_another_event_do_not_count(add_entry, add_event, add_order, seats_left):
    event, other = add_event(capacity=5), add_event("Another", capacity=5)
    add_order(other, quantity=2)
    add_entry(other, "offered")

    assert seats_left(event) == 5


@pytest.mark.behaviour("event.waitlist_limit")
@pytest.mark.parametrize(("capacity", "most"), [(3, 3), (4, 4), (5, 4)])
def test_one_entry_asks_for_no_more_seats_than_an_order_or_the_event_has(models, capacity, most):
    assert models.Event(capacity=capacity, max_per_order=4).max_waitlist_quantity == most


@pytest.mark.behaviour("lock.reads_again")
def test_a_row_that_is_locked_is_read_again(add_event, models, new_session, session):
    event = session.get(models.Event, add_event(capacity=5).id)
    with new_session() as another:
        another.get(models.Event, event.id).capacity = 3
        another.commit()

    event.lock()

    assert event.capacity == 3
