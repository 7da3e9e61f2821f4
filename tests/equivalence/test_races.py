"""What many processes do at the very same moment, in either app: nothing is done twice.

And a process that waits for a lock: it decides by the instant after the wait.
"""

import time
from dataclasses import replace

import pytest

from tests.equivalence.invariants import check_invariants
from tests.equivalence.processes import LOCK
from tests.equivalence.shop import DAY, HOUR, MINUTE, PRICE, done_by_jobs, statuses

MANY = range(6)
FEW = range(3)
A_MOMENT = 0.1


@pytest.fixture(autouse=True)
def nothing_is_wrong_afterwards(shop):
    yield
    check_invariants(shop)


def all_at_the_door(shop, event, *tasks):
    """Start all tasks while the lock is held, until all have read; then release it."""
    with shop.locked(event):
        errand = shop.start(*tasks)
        time.sleep(A_MOMENT)
    return errand.answers()


def test_the_last_seats_are_sold_once(shop):
    event = shop.add_event(capacity=2)

    answers = all_at_the_door(shop, event, *(shop.purchase(event) for _ in MANY))

    assert statuses(answers) == [303, 303, 409, 409, 409, 409]
    assert shop.statuses("Order") == ["paid", "paid"]


def test_a_form_that_is_sent_many_times_makes_one_order_and_one_charge(shop):
    form = shop.purchase(shop.add_event())

    answers = shop.at_once(*(form for _ in MANY))

    assert statuses(answers) == [303] * 6
    assert len({answer.location for answer in answers}) == 1
    assert len(shop.bank.charges) == len(shop.all("Order")) == 1


def test_a_form_that_is_sent_for_many_events_makes_one_order(shop):
    events = [shop.add_event() for _ in MANY]

    answers = shop.at_once(*(shop.purchase(event, checkout_id="form") for event in events))

    assert statuses(answers) == [303, 409, 409, 409, 409, 409]
    assert len(shop.bank.charges) == len(shop.all("Order")) == 1


def test_the_last_use_of_a_voucher_is_used_once(shop):
    shop.add(shop.models.Voucher(code="FRIENDS", kind="percent", value=50, max_uses=1))
    events = [shop.add_event() for _ in MANY]

    answers = shop.at_once(*(shop.purchase(event, voucher="FRIENDS") for event in events))

    assert statuses(answers) == [303, 422, 422, 422, 422, 422]


def test_an_offer_is_used_once(shop):
    event = shop.add_event(capacity=1)
    entry = shop.add_entry(event, "offered")
    forms = [shop.purchase(event, email=entry.email, offer=entry.token) for _ in MANY]

    answers = all_at_the_door(shop, event, *forms)

    assert statuses(answers) == [303, 409, 409, 409, 409, 409]


def test_an_offer_that_is_given_back_takes_no_seat_of_another(shop):
    event = shop.add_event(capacity=3)
    entry = shop.add_entry(event, "offered", quantity=3)
    offer = {"email": entry.email, "offer": entry.token}
    others = []

    def meanwhile(charge):
        shop.bank.on_charge = lambda charge: None
        others.append(shop.do(shop.purchase(event, quantity="2")))

    shop.bank.on_charge = meanwhile
    declined = shop.do(shop.purchase(event, **offer, card_token="tok_declined"))
    check_invariants(shop)
    shop.at_once(*(shop.purchase(event, **offer, quantity="3") for _ in FEW))

    assert (others[0].status, declined.status) == (303, 402)


def test_an_offer_that_is_given_back_late_takes_no_seat_of_another(shop):
    event = shop.add_event(capacity=1)
    entry = shop.add_entry(event, "offered")
    offer = {"email": entry.email, "offer": entry.token}
    held = shop.do(shop.purchase(event, **offer, card_token="tok_error"))
    [order] = shop.all("Order")
    shop.now += 31 * MINUTE
    bought = shop.do(shop.purchase(event))

    charge = {"id": "ch_1", "amount": PRICE, "reference": order.reference}
    shop.do(shop.webhook(charge, "charge.failed"))
    check_invariants(shop)
    shop.do(shop.purchase(event, **offer))

    assert (held.status, bought.status) == (503, 303)


def test_an_order_is_cancelled_and_refunded_once(shop):
    # Half of it is given back: the bank would not stop a second half.
    event = shop.add_event(capacity=1, starts_at=shop.now + 3 * DAY)
    order = shop.add_order(event)
    shop.add_entry(event)

    answers = all_at_the_door(shop, event, *(shop.cancellation(order) for _ in MANY))

    assert statuses(answers) == [303, 409, 409, 409, 409, 409]
    assert [refund["amount"] for refund in shop.bank.refunds.values()] == [PRICE // 2]
    assert len(shop.letters.about("Seats for")) == 1


def test_the_same_webhook_counts_once(shop):
    order = shop.add_order(shop.add_event(), "pending")
    [charge] = shop.bank.charges.values()

    answers = shop.at_once(*(shop.webhook(charge) for _ in MANY))

    assert statuses(answers) == [200] * 6
    assert shop.statuses("Order") == ["paid"]
    assert shop.letters.about("Your tickets") == [order.email]


def test_the_webhook_comes_together_with_the_answer(shop):
    webhooks = []
    shop.bank.on_charge = lambda charge: webhooks.append(
        shop.start(*(shop.webhook(charge) for _ in FEW))
    )

    answer = shop.do(shop.purchase(shop.add_event()))

    assert answer.status == 303
    assert statuses(webhooks[0].answers()) == [200] * 3
    assert shop.statuses("Order") == ["paid"]
    assert len(shop.letters.about("Your tickets")) == 1


def test_a_success_and_a_failure_come_together(shop):
    shop.add_order(shop.add_event(capacity=1), "pending")
    [charge] = shop.bank.charges.values()
    kinds = ["charge.succeeded", "charge.failed"] * 3

    answers = shop.at_once(*(shop.webhook(charge, kind) for kind in kinds))

    assert statuses(answers) == [200] * 6
    assert shop.statuses("Order") == ["paid"]


def test_a_payment_that_comes_late_takes_no_seat_of_another(shop):
    event = shop.add_event(capacity=1)
    shop.add_order(event, "expired", hold_until=shop.now - MINUTE)
    [charge] = shop.bank.charges.values()

    answers = shop.at_once(
        *(shop.purchase(event) for _ in FEW), *(shop.webhook(charge) for _ in FEW)
    )

    assert statuses(answers) in (
        [200, 200, 200, 303, 409, 409],
        [200, 200, 200, 409, 409, 409],
    )
    assert shop.statuses("Order").count("paid") == 1


def test_a_ticket_lets_one_person_in(shop):
    event = shop.add_event()
    shop.add_order(event)
    [ticket] = shop.all("Ticket")
    scans = [shop.check_in(event, ticket) for _ in MANY]

    answers = all_at_the_door(shop, event, *scans)

    assert statuses(answers) == [303, 409, 409, 409, 409, 409]


def test_a_checked_in_order_is_not_refunded(shop):
    event = shop.add_event()
    order = shop.add_order(event)
    [ticket] = shop.all("Ticket")

    came_in, got_money = shop.at_once(shop.check_in(event, ticket), shop.cancellation(order))

    assert sorted([came_in.status, got_money.status]) == [303, 409]
    assert len(shop.bank.refunds) == (got_money.status == 303)


def test_a_visitor_is_on_the_waiting_list_once(shop):
    event = shop.add_event(capacity=1)
    shop.add_order(event)
    emails = ["ada@example.org", "Ada@Example.org", "ADA@EXAMPLE.ORG"] * 2

    answers = all_at_the_door(shop, event, *(shop.joining(event, email) for email in emails))

    assert statuses(answers) == [303] * 6
    assert len(shop.all("WaitlistEntry")) == 1


@pytest.mark.parametrize("first", ["the organiser", "the buyers"])
def test_a_hall_does_not_become_smaller_than_what_is_sold(shop, first):
    event = shop.add_event(capacity=6)
    edit = [shop.edit(event, capacity="2")]
    purchases = [shop.purchase(event, quantity="2") for _ in FEW]

    with shop.locked(event):
        # All have seen the large hall by the time that the first of them may go on.
        started = []
        for tasks in (edit, purchases) if first == "the organiser" else (purchases, edit):
            started.append(shop.start(*tasks))
            time.sleep(A_MOMENT)
    answers = [answer for errand in started for answer in errand.answers()]

    [event] = shop.all("Event")
    assert statuses(answers) in ([303, 303, 409, 409], [303, 303, 303, 422])
    assert event.capacity == (2 if 409 in statuses(answers) else 6)


def test_a_free_seat_is_sold_or_offered(shop):
    event = shop.add_event(capacity=1)
    shop.add_entry(event)
    jobs = [shop.job("expire") for _ in FEW]

    answers = shop.at_once(*(shop.purchase(event) for _ in FEW), *jobs)

    sold = statuses(answers[:3]).count(303)
    assert sold + shop.statuses("WaitlistEntry").count("offered") == 1
    assert done_by_jobs(answers[3:]).get("new offers", 0) == 1 - sold


def test_seats_that_come_free_are_offered_once(shop):
    event = shop.add_event(capacity=2)
    shop.add_entry(event, "offered", offered_until=shop.now - MINUTE)
    shop.add_order(event, "pending", charged=False, hold_until=shop.now - MINUTE)
    waiting = [shop.add_entry(event).email for _ in MANY]

    done = done_by_jobs(shop.at_once(*(shop.job("expire") for _ in MANY)))

    assert done["expired orders"] == done["lapsed offers"] == 1
    assert done["new offers"] == 2
    assert sorted(shop.letters.about("Seats for")) == sorted(waiting[:2])


def test_a_reminder_is_sent_once(shop):
    order = shop.add_order(shop.add_event(starts_at=shop.now + 20 * HOUR))

    done = done_by_jobs(shop.at_once(*(shop.job("remind") for _ in MANY)))

    assert done["reminders sent"] == 1
    assert shop.letters.about("Soon") == [order.email]


def test_what_is_left_to_do_is_done_once(shop):
    event = shop.add_event(starts_at=shop.now + 3 * DAY)
    charged = shop.add_order(event, "pending")
    unsent = shop.add_order(event, confirmation_sent_at=None)
    shop.add_order(event, "cancelled", refund_cents=PRICE // 2, refund_state="due")

    done_by_jobs(shop.at_once(*(shop.job("reconcile") for _ in MANY)))

    assert sorted(shop.letters.about("Your tickets")) == sorted([charged.email, unsent.email])
    assert len(shop.bank.refunds) == 1
    check_invariants(shop, finished=True)


def test_a_password_is_guessed_five_times(shop):
    answers = shop.at_once(*(shop.login("wrong") for _ in range(8)))

    assert statuses(answers) == [401] * 5 + [429] * 3


# One process waits at the lock that another one has, and meanwhile time passes.


def wait_at_the_lock(shop, event, task, how_long=MINUTE):
    """Do a task that has to wait for so long at the lock of an event; return its answer."""
    with shop.locked(event):
        errand = shop.start(replace(task, delays={LOCK: how_long}))
        time.sleep(A_MOMENT)
        assert errand.is_waiting()
    shop.now += how_long
    [answer] = errand.answers()
    return answer


@pytest.mark.parametrize(
    ("starts_in", "status", "refund_cents"),
    [
        (14 * DAY + MINUTE, 303, PRICE),
        (14 * DAY, 303, PRICE // 2),
        (2 * DAY + MINUTE, 303, PRICE // 2),
        (2 * DAY, 303, 0),
        (MINUTE, 409, 0),
    ],
)
def test_a_refund_goes_by_the_instant_after_the_wait(shop, starts_in, status, refund_cents):
    event = shop.add_event(starts_at=shop.now + starts_in)
    order = shop.add_order(event)

    answer = wait_at_the_lock(shop, event, shop.cancellation(order))

    assert answer.status == status
    assert [order.refund_cents for order in shop.all("Order")] == [refund_cents]
    assert sum(refund["amount"] for refund in shop.bank.refunds.values()) == refund_cents


def test_a_ticket_is_checked_in_at_the_instant_after_the_wait(shop):
    event = shop.add_event()
    shop.add_order(event)
    [ticket] = shop.all("Ticket")

    answer = wait_at_the_lock(shop, event, shop.check_in(event, ticket))

    [ticket] = shop.all("Ticket")
    assert answer.status == 303
    assert ticket.checked_in_at == shop.now


@pytest.mark.parametrize(("wait", "status"), [(0 * MINUTE, 422), (MINUTE, 303)])
def test_a_hold_that_lapses_during_the_wait_stops_no_smaller_capacity(shop, wait, status):
    event = shop.add_event(capacity=2)
    shop.add_order(event)
    shop.add_order(event, "pending", charged=False, hold_until=shop.now)

    answer = wait_at_the_lock(shop, event, shop.edit(event, capacity="1"), wait)

    assert answer.status == status


def test_an_offer_holds_for_48_hours_from_the_instant_after_the_wait(shop):
    event = shop.add_event(capacity=2)
    lapsed = [shop.now - MINUTE, shop.now]
    for hold_until in lapsed:
        shop.add_order(event, "pending", charged=False, hold_until=hold_until)
    for _ in lapsed:
        shop.add_entry(event)

    answer = wait_at_the_lock(shop, event, shop.job("expire"))

    done = done_by_jobs([answer])
    assert (done["expired orders"], done["new offers"]) == (2, 2)
    offers = shop.all("WaitlistEntry")
    assert [entry.offered_until for entry in offers] == [shop.now + 2 * DAY] * 2


def test_an_order_is_held_from_the_instant_after_the_wait(shop):
    event = shop.add_event(early_bird_price_cents=PRICE // 2, early_bird_until=shop.now)

    answer = wait_at_the_lock(shop, event, shop.purchase(event))

    [order] = shop.all("Order")
    assert answer.status == 303
    assert order.total_cents == PRICE
    assert (order.created_at, order.hold_until) == (shop.now, shop.now + 30 * MINUTE)
    assert order.confirmation_sent_at == shop.now


def test_sales_that_close_during_the_wait_are_closed(shop):
    event = shop.add_event(starts_at=shop.now + MINUTE)

    answer = wait_at_the_lock(shop, event, shop.purchase(event))

    assert answer.status == 409
    assert shop.all("Order") == []


def test_a_voucher_that_lapses_during_the_wait_cannot_be_used(shop):
    event, until = shop.add_event(), {"valid_until": shop.now}
    shop.add(shop.models.Voucher(code="LATE", kind="percent", value=50, max_uses=1, **until))

    answer = wait_at_the_lock(shop, event, shop.purchase(event, voucher="LATE"))

    assert answer.status == 422
    assert shop.all("Order") == []


def test_seats_that_come_free_during_the_wait_can_be_bought_by_all(shop):
    event = shop.add_event(capacity=1)
    entry = shop.add_entry(event, "offered", offered_until=shop.now)

    answer = wait_at_the_lock(shop, event, shop.purchase(event, email=entry.email))

    assert answer.status == 303


@pytest.mark.parametrize(("starts_in", "status"), [(HOUR, 303), (MINUTE, 409)])
def test_a_place_in_the_queue_has_the_instant_after_the_wait(shop, starts_in, status):
    event = shop.add_event(capacity=1, starts_at=shop.now + starts_in)
    shop.add_order(event)

    answer = wait_at_the_lock(shop, event, shop.joining(event, "ada@example.org"))

    assert answer.status == status
    joined = [entry.created_at for entry in shop.all("WaitlistEntry")]
    assert joined == ([shop.now] if status == 303 else [])


def test_a_form_that_is_refused_anyway_does_not_wait(shop):
    event, closed = shop.add_event(), shop.add_event(starts_at=shop.now)
    sent = shop.purchase(event)
    shop.do(sent)
    purchases = [
        sent,
        replace(sent, data={**sent.data, "email": "other-buyer@example.org"}),
        shop.purchase(event, quantity="0"),
        shop.purchase(closed),
    ]
    joining = [
        shop.joining(event, "no address"),
        shop.joining(closed, "ada@example.org"),
    ]

    with shop.locked(event):
        answers = [shop.do(task) for task in [*purchases, *joining]]

    assert [answer.status for answer in answers] == [303, 409, 422, 409, 422, 409]
