"""What waits for a lock goes by the instant at which it is held. What need not wait does not.

The clock moves during the wait: with a clock that stands still, no test could see it.
"""

from itertools import count

import pytest

from tests.kit.helpers import DAY, HOUR, MINUTE, NOW, TICK, text_of

FREE = {"price_cents": 0}


@pytest.mark.behaviour("lock.instant")
@pytest.mark.parametrize(
    ("time_left", "refund"), [(14 * DAY, 1250), (48 * HOUR, 0), (14 * DAY + MINUTE, 2500)]
)
def test_a_cancellation_uses_the_refund_ladder_after_the_wait(
    add_event, add_order, cancel, gateway, stored, wait_for_lock, time_left, refund
):
    order = add_order(add_event(starts_at=NOW + time_left))
    if refund:
        gateway.refunds()
    wait_for_lock(until=NOW + MINUTE)

    assert cancel(order).status_code == 303

    assert [order.refund_cents for order in stored("Order")] == [refund]


@pytest.mark.behaviour("lock.instant")
def test_a_cancellation_after_a_wait_until_the_start_is_refused(
    add_event, add_order, cancel, stored, wait_for_lock
):
    order = add_order(add_event(starts_at=NOW + MINUTE))
    wait_for_lock(until=NOW + MINUTE)

    assert cancel(order).status_code == 409
    assert [order.status for order in stored("Order")] == ["paid"]


@pytest.mark.behaviour("lock.instant")
def test_a_purchase_uses_the_price_after_the_wait(add_event, buy, gateway, stored, wait_for_lock):
    event = add_event(early_bird_price_cents=1900, early_bird_until=NOW)
    gateway.charges()
    wait_for_lock(until=NOW + TICK)

    buy(event)

    [order] = stored("Order")
    assert order.total_cents == 2500
    assert order.created_at == NOW + TICK
    assert order.hold_until == NOW + TICK + 30 * MINUTE


@pytest.mark.behaviour("lock.instant")
def test_a_purchase_after_a_wait_until_the_start_is_refused(add_event, buy, stored, wait_for_lock):
    event = add_event(starts_at=NOW + MINUTE, **FREE)
    wait_for_lock(until=NOW + MINUTE)

    answer = buy(event)

    assert answer.status_code == 409
    assert "Sales are closed: the event has started." in text_of(answer)
    assert stored("Order") == []


@pytest.mark.behaviour("lock.instant")
def test_a_voucher_that_lapses_during_the_wait_is_refused(
    add_event, add_voucher, buy, stored, wait_for_lock
):
    add_voucher("SPRING", valid_until=NOW)
    wait_for_lock(until=NOW + TICK)

    assert buy(add_event(), voucher="SPRING").status_code == 422
    assert stored("Order") == []


@pytest.mark.behaviour("lock.instant")
def test_a_hold_that_lapses_during_the_wait_frees_its_seats(
    add_event, add_order, buy, wait_for_lock
):
    event = add_event(capacity=1, **FREE)
    add_order(event, "pending", hold_until=NOW)
    wait_for_lock(until=NOW + TICK)

    assert buy(event).status_code == 303


@pytest.mark.behaviour("lock.instant")
def test_a_ticket_is_checked_in_at_the_instant_after_the_wait(
    add_event, add_order, models, organiser_client, stored, wait_for_lock
):
    event = add_event()
    add_order(event, tickets=[models.Ticket(code="ticket-1")])
    wait_for_lock(until=NOW + MINUTE)

    organiser_client.post(f"/organiser/events/{event.slug}/checkin", data={"code": "ticket-1"})

    assert [ticket.checked_in_at for ticket in stored("Ticket")] == [NOW + MINUTE]


@pytest.mark.behaviour("lock.instant")
def test_the_seats_of_a_hold_that_lapses_during_the_wait_are_not_taken(
    add_event, add_order, organiser_client, stored, wait_for_lock
):
    event = add_event(capacity=10)
    add_order(event, "pending", quantity=6, hold_until=NOW)
    fields = {
        "title": event.title,
        "slug": event.slug,
        "summary": event.summary,
        "venue": event.venue,
        "category": event.category,
        "starts_at": "2027-03-31 12:00",
        "capacity": "5",
        "price": "25.00",
        "max_per_order": "10",
        "published": "y",
    }
    wait_for_lock(until=NOW + TICK)

    answer = organiser_client.post(f"/organiser/events/{event.slug}/edit", data=fields)

    assert answer.status_code == 303
    assert [event.capacity for event in stored("Event")] == [5]


@pytest.mark.behaviour("lock.instant")
def test_an_entry_is_created_at_the_instant_of_its_turn(
    add_event, add_order, client, stored, wait_for_lock
):
    event = add_event(capacity=1)
    add_order(event)
    wait_for_lock(until=NOW + MINUTE)

    fields = {"email": "cleo@example.org", "quantity": "1"}
    client.post(f"/events/{event.slug}/waitlist", data=fields)

    assert [entry.created_at for entry in stored("WaitlistEntry")] == [NOW + MINUTE]


@pytest.mark.behaviour("lock.instant")
def test_an_entry_whose_turn_comes_after_the_start_is_refused(
    add_event, add_order, client, stored, wait_for_lock
):
    event = add_event(starts_at=NOW + MINUTE, capacity=1)
    add_order(event)
    fields = {"email": "cleo@example.org", "quantity": "1"}
    wait_for_lock(until=NOW + MINUTE)

    answer = client.post(f"/events/{event.slug}/waitlist", data=fields)

    assert answer.status_code == 409
    assert "Sales are closed: the event has started." in text_of(answer)
    assert stored("WaitlistEntry") == []


@pytest.mark.behaviour("lock.instant")
def test_an_offer_of_the_job_stands_for_two_days_after_the_wait(
    add_entry, add_event, add_order, run_job, stored, wait_for_lock
):
    event = add_event(capacity=1)
    add_order(event, "pending", hold_until=NOW - TICK)
    add_entry(event)
    wait_for_lock(until=NOW + HOUR)

    assert run_job("expire") == {"expired orders": 1, "new offers": 1, "offers mailed": 1}

    assert [entry.offered_until for entry in stored("WaitlistEntry")] == [NOW + 49 * HOUR]


@pytest.mark.behaviour("lock.instant")
def test_the_job_ends_what_has_lapsed_after_the_wait(
    add_entry, add_event, add_order, run_job, stored, wait_for_lock
):
    event = add_event(capacity=2)
    add_order(event, "pending", hold_until=NOW - TICK)
    add_order(event, "pending", hold_until=NOW)
    wait_for_lock(until=NOW + TICK)

    assert run_job("expire") == {"expired orders": 2}
    assert [order.status for order in stored("Order")] == ["expired", "expired"]


@pytest.mark.behaviour("lock.not_needed")
@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({}, 503),
        ({"email": "ada"}, 422),
        ({"quantity": "11"}, 422),
        ({"checkout_id": "earlier-form-1", "email": "bruno@example.org"}, 303),
        ({"checkout_id": "earlier-form-1", "email": "eve@example.org"}, 409),
    ],
)
def test_only_a_purchase_that_could_be_made_waits(add_event, add_order, buy, typed, status):
    event = add_event()
    add_order(event)

    assert buy(event, **typed).status_code == status


@pytest.mark.behaviour("lock.not_needed")
@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize(("hours", "email", "status"), [(1, "a@b.org", 503), (1, "a", 422)])
def test_only_a_form_that_could_be_taken_waits_for_the_waiting_list(
    add_event, client, hours, email, status
):
    event = add_event(starts_at=NOW + hours * HOUR)
    fields = {"email": email, "quantity": "1"}

    answer = client.post(f"/events/{event.slug}/waitlist", data=fields)

    assert answer.status_code == status


@pytest.mark.behaviour("lock.not_needed")
@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize("form", ["checkout", "waitlist"])
def test_what_comes_too_late_does_not_wait(add_event, client, form):
    event = add_event(starts_at=NOW)
    fields = {"email": "ada@example.org", "quantity": "1"}

    assert client.post(f"/events/{event.slug}/{form}", data=fields).status_code == 409


@pytest.mark.behaviour("lock.instant")
def test_an_offer_after_a_cancellation_stands_for_two_days_after_its_own_wait(
    add_entry, add_event, add_order, cancel, clock, gateway, models, monkeypatch, stored
):
    """The cancellation waits a minute for its lock, and the list that is served then another."""
    event = add_event(capacity=1)
    order = add_order(event)
    add_entry(event)
    gateway.refunds()
    lock = models.Lockable.lock
    minutes = count(1)

    def wait_a_minute(row):
        clock.move_to(NOW + next(minutes) * MINUTE)
        lock(row)

    monkeypatch.setattr(models.Lockable, "lock", wait_a_minute)
    cancel(order)

    assert [entry.offered_until for entry in stored("WaitlistEntry")] == [
        NOW + 2 * MINUTE + 48 * HOUR
    ]


@pytest.mark.behaviour("lock.instant")
def test_a_cancellation_looks_again_after_its_wait(
    add_event, add_order, cancel, models, monkeypatch, new_session, stored
):
    """While it waits, the same order is cancelled by a second click."""
    order = add_order(add_event())
    lock = models.Lockable.lock

    def wait(row):
        with new_session() as session:
            session.get(models.Order, order.id).status = "cancelled"
            session.commit()
        lock(row)

    monkeypatch.setattr(models.Lockable, "lock", wait)

    assert cancel(order).status_code == 409
    assert [order.refund_state for order in stored("Order")] == ["none"]


@pytest.mark.behaviour("checkout.idempotent")
def test_a_purchase_looks_again_after_its_wait(
    add_event, add_order, buy, models, monkeypatch, stored
):
    """While it waits, a second click on the same form has made an order."""
    event = add_event(**FREE)
    lock = models.Lockable.lock

    def wait(row):
        add_order(event, checkout_id="form-1", email="ada@example.org")
        lock(row)

    monkeypatch.setattr(models.Lockable, "lock", wait)

    answer = buy(event)

    [order] = stored("Order")
    assert answer.location == f"/orders/{order.reference}/{order.secret}"
