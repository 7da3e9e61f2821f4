"""Locks: the rules use the instant after the wait. What needs no lock does not wait.

The clock moves during the wait; without that, no test could find a mistake.
"""

import secrets

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from after_service_layer.models import Lockable, Order, Ticket, WaitlistEntry
from after_service_layer.services.batches import for_each_row
from after_service_layer.services.check_in import check_in
from after_service_layer.services.errors import (
    AlreadyPlaced,
    CheckoutIdUsed,
    EventStarted,
    OrderNotPaid,
    SalesClosed,
    VoucherRefused,
)
from after_service_layer.services.event_management import EventDetails
from tests.after.services.factories import (
    a_purchase,
    a_voucher,
    add,
    an_entry,
    an_event,
    an_order,
    saved,
)
from tests.kit.helpers import DAY, HOUR, MINUTE, NOW, TICK


@pytest.fixture
def wait_for_lock(fake_clock, monkeypatch):
    """Return a function that makes the next lock wait until this instant."""
    lock = Lockable.lock

    def wait_for_lock(until):
        def wait(row):
            monkeypatch.setattr(Lockable, "lock", lock)
            fake_clock.now = until
            row.lock()

        monkeypatch.setattr(Lockable, "lock", wait)

    return wait_for_lock


@pytest.fixture
def locked(monkeypatch):
    """Make every lock time out, as if another process held it."""

    def wait_in_vain(row):
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    monkeypatch.setattr(Lockable, "lock", wait_in_vain)


@pytest.mark.behaviour("lock.instant")
@pytest.mark.parametrize(
    ("time_left", "refund"), [(14 * DAY, 1250), (48 * HOUR, 0), (14 * DAY + MINUTE, 2500)]
)
def test_a_cancellation_uses_the_refund_ladder_after_the_wait(
    cancellation, session, wait_for_lock, time_left, refund
):
    order = add(session, an_order(an_event(starts_at=NOW + time_left)))
    wait_for_lock(until=NOW + MINUTE)

    cancellation.cancel(order)

    assert order.refund_cents == refund


@pytest.mark.behaviour("lock.instant")
def test_a_cancellation_after_a_wait_until_the_start_is_refused(
    cancellation, session, wait_for_lock
):
    order = add(session, an_order(an_event(starts_at=NOW + MINUTE)))
    wait_for_lock(until=NOW + MINUTE)

    with pytest.raises(EventStarted):
        cancellation.cancel(order)


@pytest.mark.behaviour("lock.instant")
def test_a_purchase_uses_the_price_after_the_wait(checkout, session, wait_for_lock):
    event = add(session, an_event(early_bird_price_cents=1900, early_bird_until=NOW))
    wait_for_lock(until=NOW + TICK)

    order = checkout.place(event, a_purchase())

    assert order.total_cents == 2500
    assert order.created_at == NOW + TICK
    assert order.hold_until == NOW + TICK + 30 * MINUTE


@pytest.mark.behaviour("lock.instant")
def test_a_purchase_after_a_wait_until_the_start_is_refused(checkout, session, wait_for_lock):
    event = add(session, an_event(starts_at=NOW + MINUTE))
    wait_for_lock(until=NOW + MINUTE)

    with pytest.raises(SalesClosed):
        checkout.place(event, a_purchase())

    assert saved(session, Order) == []


@pytest.mark.behaviour("lock.instant")
def test_a_voucher_that_lapses_during_the_wait_is_refused(checkout, session, wait_for_lock):
    event = add(session, an_event())
    add(session, a_voucher("SPRING", valid_until=NOW))
    wait_for_lock(until=NOW + TICK)

    with pytest.raises(VoucherRefused):
        checkout.place(event, a_purchase(voucher_code="SPRING"))


@pytest.mark.behaviour("lock.instant")
def test_a_hold_that_lapses_during_the_wait_frees_its_seats(checkout, session, wait_for_lock):
    event = add(session, an_event(capacity=1))
    add(session, an_order(event, "pending", hold_until=NOW))
    wait_for_lock(until=NOW + TICK)

    assert checkout.place(event, a_purchase()).status == "paid"


@pytest.mark.behaviour("lock.instant")
def test_a_ticket_is_checked_in_at_the_instant_after_the_wait(fake_clock, session, wait_for_lock):
    event = add(session, an_event())
    add(session, an_order(event, tickets=[Ticket(code="ticket-1")]))
    wait_for_lock(until=NOW + MINUTE)

    ticket = check_in(session, event, "ticket-1", clock=fake_clock)

    assert ticket.checked_in_at == NOW + MINUTE


@pytest.mark.behaviour("lock.instant")
def test_the_seats_of_a_hold_that_lapses_during_the_wait_are_not_taken(
    event_management, session, wait_for_lock
):
    event = add(session, an_event(capacity=10))
    add(session, an_order(event, "pending", quantity=6, hold_until=NOW))
    details = EventDetails(
        title=event.title,
        slug=event.slug,
        summary=event.summary,
        venue=event.venue,
        category=event.category,
        starts_at=event.starts_at,
        capacity=5,
        price_cents=event.price_cents,
        early_bird_price_cents=None,
        early_bird_until=None,
        max_per_order=10,
        published=True,
    )
    wait_for_lock(until=NOW + TICK)

    event_management.edit(event, details)

    assert event.capacity == 5


@pytest.mark.behaviour("lock.instant")
def test_an_entry_is_created_at_the_instant_after_the_wait(session, waiting_list, wait_for_lock):
    event = add(session, an_event(capacity=0))
    wait_for_lock(until=NOW + MINUTE)

    assert waiting_list.join(event, "cleo@example.org", 1)

    assert [entry.created_at for entry in saved(session, WaitlistEntry)] == [NOW + MINUTE]


@pytest.mark.behaviour("lock.instant")
def test_an_offer_of_the_job_stands_for_two_days_after_the_wait(expiry, session, wait_for_lock):
    event = add(session, an_event(capacity=1))
    add(session, an_order(event, "pending", hold_until=NOW - TICK))
    entry = add(session, an_entry(event, token=secrets.token_urlsafe()))
    wait_for_lock(until=NOW + HOUR)

    expiry.run()

    assert entry.offered_until == NOW + 49 * HOUR


@pytest.mark.behaviour("lock.instant")
def test_the_job_ends_what_has_lapsed_after_the_wait(expiry, session, wait_for_lock):
    event = add(session, an_event(capacity=2))
    for number, hold_until in enumerate([NOW - TICK, NOW], start=1):
        add(session, an_order(event, "pending", hold_until=hold_until, number=number))
    wait_for_lock(until=NOW + TICK)

    assert expiry.run()["expired orders"] == 2
    assert [order.status for order in saved(session, Order)] == ["expired", "expired"]


@pytest.mark.behaviour("lock.not_needed")
@pytest.mark.usefixtures("locked")
def test_to_begin_a_checkout_needs_no_lock(checkout, session):
    event, over = add(session, an_event()), add(session, an_event("Over", starts_at=NOW))
    order = add(session, an_order(event, checkout_id="form-1", email="ada@example.org"))

    checkout.begin(event, "form-2", "ada@example.org")
    with pytest.raises(AlreadyPlaced) as earlier:
        checkout.begin(event, "form-1", "ada@example.org")
    assert earlier.value.order == order
    with pytest.raises(CheckoutIdUsed):
        checkout.begin(event, "form-1", "eve@example.org")
    with pytest.raises(SalesClosed):
        checkout.begin(over, "form-2", "ada@example.org")
    with pytest.raises(OperationalError):
        checkout.place(event, a_purchase(checkout_id="form-2"))


@pytest.mark.behaviour("lock.not_needed")
@pytest.mark.usefixtures("locked")
def test_to_begin_to_wait_for_seats_needs_no_lock(session, waiting_list):
    event, over = add(session, an_event(capacity=0)), add(session, an_event("Over", starts_at=NOW))

    waiting_list.begin(event)
    with pytest.raises(SalesClosed):
        waiting_list.begin(over)
    with pytest.raises(OperationalError):
        waiting_list.join(event, "ada@example.org", 1)


@pytest.mark.behaviour("lock.instant")
def test_an_offer_after_a_cancellation_stands_for_two_days_after_its_own_wait(
    cancellation, fake_clock, monkeypatch, session
):
    """The cancellation waits a minute for its lock, and the list that is served then another."""
    event = add(session, an_event(capacity=1))
    order = add(session, an_order(event))
    entry = add(session, an_entry(event))
    lock = Lockable.lock

    def wait_a_minute(row):
        fake_clock.now += MINUTE
        lock(row)

    monkeypatch.setattr(Lockable, "lock", wait_a_minute)
    cancellation.cancel(order)

    assert entry.offered_until == NOW + 2 * MINUTE + 48 * HOUR


@pytest.mark.behaviour("lock.instant")
def test_a_cancellation_looks_again_after_its_wait(cancellation, monkeypatch, session):
    """While it waits, the same order is cancelled by a second click."""
    order = add(session, an_order(an_event()))
    lock = Lockable.lock

    def wait(row):
        session.execute(
            update(Order).values(status="cancelled").execution_options(synchronize_session=False)
        )
        lock(row)

    monkeypatch.setattr(Lockable, "lock", wait)

    with pytest.raises(OrderNotPaid):
        cancellation.cancel(order)


@pytest.mark.behaviour("lock.instant")
def test_a_slow_mail_is_noted_at_the_instant_of_its_claim(
    fake_clock, mailer, monkeypatch, notifications, session
):
    order = add(session, an_order(an_event(), confirmation_sent_at=None))
    monkeypatch.setattr(
        mailer, "send_confirmation", lambda row: setattr(fake_clock, "now", NOW + HOUR)
    )

    assert notifications.send_confirmation(order)

    assert order.confirmation_sent_at == NOW


@pytest.mark.behaviour("jobs.one_fails")
def test_what_a_row_that_fails_has_changed_is_not_stored_with_the_next(session):
    orders = [
        add(session, an_order(an_event(), number=1)),
        add(session, an_order(an_event("Jazz"), number=2)),
    ]

    def change(order):
        order.name = "Changed"
        # As a statement would do: what is not sent yet is discarded in any case.
        session.flush()
        if order is orders[0]:
            raise RuntimeError("Unexpected.")
        session.commit()
        return True

    assert for_each_row(session, orders, change, failed=False) == [False, True]
    assert [order.name for order in saved(session, Order)] == ["Bruno Keller", "Changed"]
