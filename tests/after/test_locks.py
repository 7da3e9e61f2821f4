"""What waits for a lock goes by the instant at which it is held. What need not wait does not.

The clock moves during the wait: with a clock that stands still, no test could see it.
"""

import secrets

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from after_service_layer.models import Lockable, Order, Ticket, WaitlistEntry
from after_service_layer.services import event_management
from after_service_layer.services.batches import for_each_row
from after_service_layer.services.check_in import check_in
from after_service_layer.services.errors import (
    CannotCancel,
    CheckoutIdUsed,
    SalesClosed,
    VoucherRefused,
)
from tests.after.factories import (
    a_purchase,
    a_voucher,
    add,
    an_entry,
    an_event,
    an_order,
    saved,
)
from tests.after.helpers import DAY, HOUR, MINUTE, NOW, TICK


@pytest.fixture
def wait_for_lock(fake_clock, monkeypatch):
    """Return a function that lets the next lock take its time: it is held at this instant."""
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
    """Let no lock be had: somebody else has it, for longer than one waits."""

    def wait_in_vain(row):
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    monkeypatch.setattr(Lockable, "lock", wait_in_vain)


@pytest.mark.behaviour("lock.instant")
@pytest.mark.parametrize(
    ("time_left", "refund"), [(14 * DAY, 1250), (48 * HOUR, 0), (14 * DAY + MINUTE, 2500)]
)
def test_a_cancellation_goes_by_the_ladder_of_its_turn(
    cancellation, session, wait_for_lock, time_left, refund
):
    order = add(session, an_order(an_event(starts_at=NOW + time_left)))
    wait_for_lock(until=NOW + MINUTE)

    cancellation.cancel(order)

    assert order.refund_cents == refund


@pytest.mark.behaviour("lock.instant")
def test_a_cancellation_whose_turn_comes_after_the_start_is_refused(
    cancellation, session, wait_for_lock
):
    order = add(session, an_order(an_event(starts_at=NOW + MINUTE)))
    wait_for_lock(until=NOW + MINUTE)

    with pytest.raises(CannotCancel):
        cancellation.cancel(order)


@pytest.mark.behaviour("lock.instant")
def test_a_purchase_goes_by_the_price_of_its_turn(checkout, session, wait_for_lock):
    event = add(session, an_event(early_bird_price_cents=1900, early_bird_until=NOW))
    wait_for_lock(until=NOW + TICK)

    order = checkout.place(event, a_purchase())

    assert order.total_cents == 2500
    assert order.created_at == NOW + TICK
    assert order.hold_until == NOW + TICK + 30 * MINUTE


@pytest.mark.behaviour("lock.instant")
def test_a_purchase_whose_turn_comes_after_the_start_is_refused(checkout, session, wait_for_lock):
    event = add(session, an_event(starts_at=NOW + MINUTE))
    wait_for_lock(until=NOW + MINUTE)

    with pytest.raises(SalesClosed):
        checkout.place(event, a_purchase())

    assert saved(session, Order) == []


@pytest.mark.behaviour("lock.instant")
def test_a_voucher_that_lapses_meanwhile_is_refused(checkout, session, wait_for_lock):
    event = add(session, an_event())
    add(session, a_voucher("SPRING", valid_until=NOW))
    wait_for_lock(until=NOW + TICK)

    with pytest.raises(VoucherRefused):
        checkout.place(event, a_purchase(voucher_code="SPRING"))


@pytest.mark.behaviour("lock.instant")
def test_a_hold_that_lapses_meanwhile_frees_its_seats(checkout, session, wait_for_lock):
    event = add(session, an_event(capacity=1))
    add(session, an_order(event, "pending", hold_until=NOW))
    wait_for_lock(until=NOW + TICK)

    assert checkout.place(event, a_purchase()).status == "paid"


@pytest.mark.behaviour("lock.instant")
def test_a_ticket_is_checked_in_at_the_instant_of_its_turn(fake_clock, session, wait_for_lock):
    event = add(session, an_event())
    add(session, an_order(event, tickets=[Ticket(code="ticket-1")]))
    wait_for_lock(until=NOW + MINUTE)

    ticket = check_in(session, event, "ticket-1", clock=fake_clock)

    assert ticket.checked_in_at == NOW + MINUTE


@pytest.mark.behaviour("lock.instant")
def test_a_capacity_may_be_cut_by_the_seats_of_a_hold_that_lapses_meanwhile(
    fake_clock, session, waiting_list, wait_for_lock
):
    event = add(session, an_event(capacity=10))
    add(session, an_order(event, "pending", quantity=6, hold_until=NOW))
    details = event_management.EventDetails(
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

    event_management.edit_event(
        session, event, details, waiting_list=waiting_list, clock=fake_clock
    )

    assert event.capacity == 5


@pytest.mark.behaviour("lock.instant")
def test_somebody_who_joins_has_joined_at_the_instant_of_their_turn(
    session, waiting_list, wait_for_lock
):
    event = add(session, an_event(capacity=0))
    wait_for_lock(until=NOW + MINUTE)

    assert waiting_list.join(event, "cleo@example.org", 1)

    assert [entry.created_at for entry in saved(session, WaitlistEntry)] == [NOW + MINUTE]


@pytest.mark.behaviour("lock.instant")
def test_an_offer_of_the_job_stands_for_two_days_from_its_turn(expiry, session, wait_for_lock):
    event = add(session, an_event(capacity=1))
    add(session, an_order(event, "pending", hold_until=NOW - TICK))
    entry = add(session, an_entry(event, token=secrets.token_urlsafe()))
    wait_for_lock(until=NOW + HOUR)

    expiry.run()

    assert entry.offered_until == NOW + 49 * HOUR


@pytest.mark.behaviour("lock.instant")
def test_the_job_ends_what_has_lapsed_by_its_turn(expiry, session, wait_for_lock):
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

    assert checkout.begin(event, "form-1", "ada@example.org") == order
    assert checkout.begin(event, "form-2", "ada@example.org") is None
    with pytest.raises(CheckoutIdUsed):
        checkout.begin(event, "form-1", "eve@example.org")
    with pytest.raises(SalesClosed):
        checkout.begin(over, "form-2", "ada@example.org")
    with pytest.raises(OperationalError):
        checkout.place(event, a_purchase(checkout_id="form-2"))


@pytest.mark.behaviour("lock.not_needed")
@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize(
    ("form", "email", "time_left", "status"),
    [
        ("checkout", "ada", HOUR, 422),
        ("waitlist", "ada", HOUR, 422),
        ("checkout", "ada@example.org", 0 * HOUR, 409),
        ("waitlist", "ada@example.org", 0 * HOUR, 409),
        ("waitlist", "ada@example.org", HOUR, 503),
    ],
)
def test_a_form_that_is_not_valid_or_too_late_does_not_wait(
    add_event, client, form, email, time_left, status
):
    event = add_event(starts_at=NOW + time_left)
    fields = {"email": email, "quantity": "1"}

    assert client.post(f"/events/{event.slug}/{form}", data=fields).status_code == status


@pytest.mark.behaviour("lock.instant")
def test_an_offer_after_a_cancellation_stands_for_two_days_from_its_own_turn(
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

    with pytest.raises(CannotCancel):
        cancellation.cancel(order)


@pytest.mark.behaviour("lock.instant")
def test_a_mail_that_takes_its_time_is_noted_by_the_instant_of_its_claim(
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
        if order is orders[0]:
            raise RuntimeError("Nobody has thought of this one.")
        session.commit()
        return True

    assert for_each_row(session, orders, change, failed=False) == [False, True]
    assert [order.name for order in saved(session, Order)] == ["Bruno Keller", "Changed"]
