"""The scheduled jobs: lapsed holds and offers, reminders, and what was left half done."""

import pytest

from after_service_layer.models import Lockable, Order, Ticket, WaitlistEntry
from after_service_layer.services.interfaces import MailNotSent, PaymentOutcomeUnknown
from tests.after.services.factories import a_purchase, add, an_entry, an_event, an_order, saved
from tests.after.services.fakes import Refund
from tests.kit.helpers import DAY, HOUR, MINUTE, NOW, TICK, Killed

LAPSED = {"hold_until": NOW - TICK}
UNSENT = {"confirmation_sent_at": None}
REFUND_DUE = {"refund_cents": 2500, "refund_state": "due"}
REFUNDED = {"charge_id": "ch_1", "refund_cents": 2500, "refund_state": "done"}


@pytest.fixture
def run(expiry, reconciliation, reminders):
    """Return a function that runs a job, and returns what it did, without the zeros."""
    jobs = {
        "expire": expiry.run,
        "remind": reminders.run,
        "reconcile": reconciliation.run,
    }
    return lambda job: {what: number for what, number in jobs[job]().items() if number}


@pytest.fixture
def charge(payments):
    """Return a function that makes the charge of an order, and returns its id."""

    def charge(order, **differences):
        facts = {
            "amount_cents": order.total_cents,
            "source": "tok_visa",
            "reference": order.reference,
            "key": f"{order.reference}-1",
        }
        return payments.charge(**{**facts, **differences})

    return charge


@pytest.fixture
def states(session):
    """Return a function that returns the status of each row of a model, the oldest first."""
    return lambda model=Order: [row.status for row in saved(session, model)]


@pytest.mark.behaviour("jobs.expire")
@pytest.mark.behaviour("jobs.remind")
@pytest.mark.behaviour("jobs.reconcile.charges")
def test_a_job_names_all_that_it_might_have_done(expiry, reconciliation, reminders):
    assert list(expiry.run()) == [
        "expired orders",
        "lapsed offers",
        "new offers",
        "events failed",
        "offers mailed",
        "offers not mailed",
    ]
    assert list(reminders.run()) == ["reminders sent", "reminders not sent"]
    assert list(reconciliation.run()) == [
        "charges settled",
        "charges still unknown",
        "refunds made",
        "refunds still due",
        "confirmations sent",
        "confirmations not sent",
        "refund notices sent",
        "refund notices not sent",
    ]


@pytest.mark.behaviour("jobs.expire")
@pytest.mark.parametrize(
    ("hold_until", "status"),
    [(NOW + TICK, "pending"), (NOW, "pending"), (NOW - TICK, "expired")],
)
def test_a_pending_order_expires_once_its_hold_has_lapsed(
    run, session, states, hold_until, status
):
    add(session, an_order(an_event(), "pending", hold_until=hold_until))

    assert run("expire") == ({"expired orders": 1} if status == "expired" else {})
    assert states() == [status]


@pytest.mark.behaviour("jobs.expire")
@pytest.mark.parametrize("status", ["paid", "declined", "cancelled"])
def test_other_orders_do_not_expire(run, session, states, status):
    add(session, an_order(an_event(), status, **LAPSED))

    assert run("expire") == {}
    assert states() == [status]


@pytest.mark.behaviour("jobs.expire")
@pytest.mark.parametrize(("offered_until", "status"), [(NOW, "offered"), (NOW - TICK, "lapsed")])
def test_an_offer_lapses_after_its_last_instant(run, session, states, offered_until, status):
    add(session, an_entry(an_event(), "offered", offered_until=offered_until))

    assert run("expire") == ({"lapsed offers": 1} if status == "lapsed" else {})
    assert states(WaitlistEntry) == [status]


@pytest.mark.behaviour("jobs.expire")
def test_what_lapses_is_offered_to_the_next_in_line(mailer, run, session):
    jazz, blues = add(session, an_event("Jazz", capacity=1)), an_event("Blues", capacity=1)
    add(session, an_order(blues, "pending", **LAPSED))
    add(session, an_entry(jazz, "offered", offered_until=NOW - TICK, number=0))
    first, second, other = [
        add(session, an_entry(event, number=number))
        for number, event in enumerate([jazz, jazz, blues], start=1)
    ]

    assert run("expire") == {
        "expired orders": 1,
        "lapsed offers": 1,
        "new offers": 2,
        "offers mailed": 2,
    }
    assert {entry for _, entry in mailer.sent} == {first, other}
    assert {first.offered_until, other.offered_until} == {NOW + 48 * HOUR}
    assert second.status == "waiting"


@pytest.mark.behaviour("jobs.expire")
def test_seats_that_are_free_anyhow_are_offered(run, session, states):
    event = add(session, an_event(capacity=3))
    for number, quantity in enumerate([1, 3, 1]):
        add(session, an_entry(event, quantity=quantity, number=number))

    assert run("expire") == {"new offers": 1, "offers mailed": 1}
    assert states(WaitlistEntry) == ["offered", "waiting", "waiting"]


@pytest.mark.behaviour("jobs.remind")
@pytest.mark.parametrize(
    ("time_left", "mails"),
    [(DAY + TICK, 0), (DAY, 1), (TICK, 1), (0 * TICK, 0), (-DAY, 0)],
)
def test_a_reminder_is_sent_in_the_last_day_before_the_start(
    mailer, run, session, time_left, mails
):
    order = add(session, an_order(an_event(starts_at=NOW + time_left)))

    assert run("remind") == ({"reminders sent": 1} if mails else {})
    assert mailer.sent == [("reminder", order)] * mails
    assert order.reminder_sent_at == (NOW if mails else None)


@pytest.mark.behaviour("jobs.remind")
@pytest.mark.parametrize("status", ["pending", "declined", "expired", "cancelled"])
def test_only_holders_of_paid_orders_are_reminded(mailer, run, session, status):
    add(session, an_order(an_event(starts_at=NOW + HOUR), status))

    assert run("remind") == {}
    assert mailer.sent == []


@pytest.mark.behaviour("jobs.reconcile.charges")
@pytest.mark.parametrize("status", ["pending", "expired"])
def test_an_order_whose_charge_stands_is_paid(charge, mailer, run, session, status):
    order = add(session, an_order(an_event(), status, quantity=2))
    charge_id = charge(order)

    assert run("reconcile") == {"charges settled": 1}

    assert saved(session, Order) == [order]
    assert (order.status, order.charge_id) == ("paid", charge_id)
    assert len(saved(session, Ticket)) == 2
    assert mailer.sent == [("confirmation", order)]


@pytest.mark.behaviour("jobs.reconcile.charges")
@pytest.mark.parametrize(("status", "differences"), [("pending", LAPSED), ("expired", {})])
def test_a_charge_that_stands_is_given_back_when_the_seats_are_gone(
    charge, mailer, run, session, status, differences
):
    late = add(session, an_order(an_event(capacity=0), status, **differences))
    charge(late)

    assert run("reconcile") == {"charges settled": 1}

    assert saved(session, Order) == [late]
    assert (late.status, late.refund_cents, late.refund_state) == ("expired", 2500, "done")
    assert mailer.sent == [("refund", late)]


@pytest.mark.behaviour("jobs.reconcile.charges")
@pytest.mark.parametrize(
    ("status", "differences"),
    [
        ("paid", {}),
        ("cancelled", {}),
        ("declined", {}),
        ("expired", {**REFUNDED, "refund_notice_sent_at": NOW}),
        ("pending", {**LAPSED, "uncharged_at": NOW}),
        ("expired", {"uncharged_at": NOW}),
        ("expired", {"total_cents": 0}),
    ],
)
def test_the_gateway_is_not_asked_about_what_is_known(
    payments, run, session, states, status, differences
):
    add(session, an_order(an_event(), status, **differences))
    payments.failure = AssertionError("The gateway was asked.")

    assert run("reconcile") == {}
    assert states() == [status]


@pytest.mark.behaviour("jobs.reconcile.charges")
def test_an_order_that_was_never_charged_ends_with_its_hold(fake_clock, run, session):
    order = add(session, an_order(an_event(), "pending"))

    fake_clock.now = order.hold_until
    assert run("reconcile") == {"charges still unknown": 1}
    fake_clock.now += TICK
    assert run("reconcile") == {"charges settled": 1}

    assert saved(session, Order) == [order]
    assert (order.status, order.uncharged_at) == ("pending", fake_clock.now)
    assert run("reconcile") == {}
    assert run("expire") == {"expired orders": 1}


@pytest.mark.behaviour("jobs.reconcile.unknown")
def test_without_a_clear_answer_the_gateway_is_asked_again(charge, payments, run, session):
    order = add(session, an_order(an_event(), "pending", **LAPSED))
    charge(order)

    payments.failure = PaymentOutcomeUnknown()
    assert run("reconcile") == {"charges still unknown": 1}
    assert saved(session, Order) == [order]
    assert (order.status, order.uncharged_at) == ("pending", None)
    payments.failure = None
    assert run("reconcile") == {"charges settled": 1}


@pytest.mark.behaviour("jobs.reconcile.unknown")
@pytest.mark.parametrize("difference", [{"amount_cents": 1}, {"reference": "OTHER"}])
def test_a_charge_that_is_not_this_one_settles_nothing(charge, run, session, difference):
    order = add(session, an_order(an_event(), "pending", **LAPSED))
    charge(order, **difference)

    assert run("reconcile") == {"charges still unknown": 1}
    assert saved(session, Order) == [order]
    assert (order.status, order.charge_id, order.uncharged_at) == ("pending", None, None)


@pytest.mark.behaviour("jobs.reconcile.unknown")
def test_one_order_that_stays_unknown_holds_up_no_other(charge, run, session, states):
    event = an_event()
    first, second = [add(session, an_order(event, "pending", number=number)) for number in (1, 2)]
    charge(first, amount_cents=1)
    charge(second)

    assert run("reconcile") == {"charges settled": 1, "charges still unknown": 1}
    assert states() == ["pending", "paid"]


@pytest.mark.behaviour("jobs.reconcile.refunds")
def test_a_refund_that_is_due_is_asked_for_again(payments, run, session):
    order = add(session, an_order(an_event(), "cancelled", **REFUND_DUE))

    payments.failure = PaymentOutcomeUnknown()
    assert run("reconcile") == {"refunds still due": 1}
    payments.failure = None
    assert run("reconcile") == {"refunds made": 1}

    key = f"{order.reference}-refund"
    assert payments.refunds == [Refund(charge_id="ch_earlier", amount_cents=2500, key=key)]
    assert [order.refund_state for order in saved(session, Order)] == ["done"]


@pytest.mark.behaviour("jobs.reconcile.refunds")
def test_the_refund_of_a_late_success_is_asked_for_again_and_mailed_once(mailer, run, session):
    facts = {**REFUND_DUE, "charge_id": "ch_1", "refund_notice_sent_at": NOW}
    add(session, an_order(an_event(), "expired", **facts))

    assert run("reconcile") == {"refunds made": 1}
    assert mailer.sent == []


@pytest.fixture
def mail_due(session):
    """Return a function that stores a row with a mail due, and returns the job that sends it."""

    def mail_due(mail, **differences):
        event = an_event(starts_at=NOW + HOUR)
        if mail == "offer":
            add(session, an_entry(event, "offered", **{"offer_sent_at": None, **differences}))
            return "expire"
        facts = {"confirmation": UNSENT, "refund": REFUNDED, "reminder": {}}[mail]
        status = "expired" if mail == "refund" else "paid"
        add(session, an_order(event, status, **{**facts, **differences}))
        return "remind" if mail == "reminder" else "reconcile"

    return mail_due


MAILS = {
    "confirmation": ("confirmations sent", "confirmations not sent"),
    "reminder": ("reminders sent", "reminders not sent"),
    "refund": ("refund notices sent", "refund notices not sent"),
    "offer": ("offers mailed", "offers not mailed"),
}


@pytest.mark.behaviour("jobs.mails")
@pytest.mark.behaviour("jobs.twice")
@pytest.mark.parametrize("mail", MAILS)
def test_a_mail_that_could_not_be_sent_is_sent_once_by_the_next_job(mail_due, mailer, run, mail):
    job = mail_due(mail)
    sent, not_sent = MAILS[mail]

    mailer.failure = MailNotSent()
    assert run(job) == {not_sent: 1}
    mailer.failure = None
    assert run(job) == {sent: 1}
    assert run(job) == {}

    assert [kind for kind, _ in mailer.sent] == [mail]


@pytest.mark.behaviour("jobs.mails")
def test_the_refund_notice_of_a_declined_order_is_sent_too(mailer, run, session):
    order = add(session, an_order(an_event(), "declined", **REFUNDED))

    assert run("reconcile") == {"refund notices sent": 1}
    assert mailer.sent == [("refund", order)]


@pytest.mark.behaviour("jobs.mails")
def test_the_mail_of_a_cancelled_order_is_not_about_a_late_payment(run, session):
    add(session, an_order(an_event(), "cancelled", **REFUNDED))

    assert run("reconcile") == {}


@pytest.mark.behaviour("jobs.claimed")
@pytest.mark.parametrize("mail", MAILS)
def test_a_mail_that_another_process_is_sending_is_left_to_it(mail_due, mailer, run, mail):
    run(mail_due(mail, mail_claimed_until=NOW))

    assert mailer.sent == []


@pytest.mark.behaviour("jobs.twice")
@pytest.mark.parametrize("job", ["expire", "remind", "reconcile"])
def test_a_job_that_runs_again_does_nothing_again(charge, mailer, payments, run, session, job):
    event = add(session, an_event(starts_at=NOW + HOUR, capacity=3))
    add(session, an_order(event, number=1, **UNSENT))
    add(session, an_order(event, "cancelled", number=2, **REFUND_DUE))
    charge(add(session, an_order(event, "pending", number=3, **LAPSED)))
    add(session, an_entry(event, "offered", offered_until=NOW - TICK, number=1))
    add(session, an_entry(event, number=2))

    assert run(job) != {}
    done = len(mailer.sent), len(payments.refunds), len(saved(session, Ticket))
    assert run(job) == {}
    assert (len(mailer.sent), len(payments.refunds), len(saved(session, Ticket))) == done


@pytest.mark.behaviour("jobs.twice")
@pytest.mark.behaviour("jobs.claimed")
def test_two_jobs_at_once_send_each_mail_once(mailer, run, session):
    event = an_event()
    first, second = [add(session, an_order(event, number=number, **UNSENT)) for number in (1, 2)]
    confirm = mailer.send_confirmation

    def confirm_late(order):
        """Let another job send the mail after this one first."""
        mailer.send_confirmation = confirm
        assert run("reconcile")["confirmations sent"] == 1
        confirm(order)

    mailer.send_confirmation = confirm_late

    assert run("reconcile")["confirmations sent"] == 1
    assert mailer.sent == [("confirmation", second), ("confirmation", first)]


@pytest.fixture
def buy_and_be_killed(checkout, fake_clock, payments, session):
    """Return a function that buys two seats; the process ends before it has an answer.

    Half an hour passes. It returns the order that is left behind.
    """

    def buy_and_be_killed(event):
        payments.failure = Killed()
        with pytest.raises(Killed):
            checkout.place(event, a_purchase(quantity=2))
        payments.failure = None
        fake_clock.now += 30 * MINUTE + TICK
        return saved(session, Order)[0]

    return buy_and_be_killed


@pytest.mark.behaviour("jobs.killed")
@pytest.mark.parametrize("jobs", [["reconcile", "expire"], ["expire", "reconcile"]])
def test_killed_before_the_card_is_charged_the_order_ends_and_frees_its_seats(
    buy_and_be_killed, checkout, run, session, jobs
):
    event = add(session, an_event(capacity=2))
    order = buy_and_be_killed(event)

    for job in jobs:
        run(job)

    assert order.status == "expired"
    assert checkout.place(event, a_purchase(checkout_id="form-2")).status == "paid"


@pytest.mark.behaviour("jobs.killed")
@pytest.mark.parametrize("jobs", [["reconcile"], ["expire", "reconcile"]])
def test_killed_once_the_card_is_charged_the_order_is_paid(
    buy_and_be_killed, charge, mailer, run, session, jobs
):
    order = buy_and_be_killed(add(session, an_event()))
    charge_id = charge(order)

    for job in jobs:
        run(job)

    assert (order.status, order.charge_id) == ("paid", charge_id)
    assert len(saved(session, Ticket)) == 2
    assert mailer.sent == [("confirmation", order)]


@pytest.mark.behaviour("jobs.killed")
@pytest.mark.parametrize("hold_until", [NOW, NOW - TICK])
def test_killed_before_a_free_order_is_paid_it_is_paid_later(mailer, run, session, hold_until):
    facts = {"total_cents": 0, "quantity": 2, "hold_until": hold_until}
    order = add(session, an_order(an_event(), "pending", **facts))

    assert run("reconcile") == {"charges settled": 1}

    assert (order.status, order.charge_id) == ("paid", None)
    assert len(saved(session, Ticket)) == 2
    assert mailer.sent == [("confirmation", order)]


@pytest.mark.behaviour("jobs.killed")
def test_a_free_order_too_late_for_a_seat_ends_and_has_nothing_to_be_given_back(
    mailer, payments, run, session
):
    facts = {"total_cents": 0, **LAPSED}
    order = add(session, an_order(an_event(capacity=0), "pending", **facts))

    run("reconcile")

    assert saved(session, Order) == [order]
    assert (order.status, order.refund_state) == ("expired", "none")
    assert payments.refunds == mailer.sent == []


@pytest.mark.behaviour("jobs.killed")
def test_killed_while_it_mails_the_confirmation_is_sent_a_minute_later(
    checkout, fake_clock, mailer, run, session
):
    event = add(session, an_event())
    mailer.failure = Killed()

    with pytest.raises(Killed):
        checkout.place(event, a_purchase())
    mailer.failure = None
    assert saved(session, Order)[0].status == "paid"

    fake_clock.now += MINUTE
    assert run("reconcile") == {"confirmations not sent": 1}
    fake_clock.now += TICK
    assert run("reconcile") == {"confirmations sent": 1}


@pytest.mark.behaviour("jobs.killed")
def test_killed_while_it_gives_money_back_the_refund_is_made_and_the_seat_offered(
    cancellation, payments, run, session
):
    event = an_event(capacity=1)
    order = add(session, an_order(event))
    add(session, an_entry(event))
    payments.failure = Killed()

    with pytest.raises(Killed):
        cancellation.cancel(order)
    payments.failure = None
    session.rollback()

    assert run("reconcile") == {"refunds made": 1}
    assert run("expire") == {"new offers": 1, "offers mailed": 1}


@pytest.mark.behaviour("jobs.killed")
def test_a_job_that_was_killed_is_finished_by_the_next(fake_clock, mailer, run, session):
    event = add(session, an_event())
    for number in (1, 2):
        add(session, an_entry(event, number=number))
    mailer.failure = Killed()

    with pytest.raises(Killed):
        run("expire")
    mailer.failure = None
    session.rollback()
    fake_clock.now += MINUTE + TICK

    assert run("expire") == {"offers mailed": 2}
    until = {entry.offered_until for entry in saved(session, WaitlistEntry)}
    assert until == {NOW + 48 * HOUR}


POISONED = "x\nBcc: eve@evil.example"


@pytest.mark.behaviour("mail.unexpected")
def test_one_address_that_cannot_be_written_holds_up_no_other_mail(mailer, run, session):
    """Such an address was accepted once, and is in the database."""
    event = an_event()
    add(session, an_order(event, email=POISONED, number=1, **UNSENT))
    good = add(session, an_order(event, number=2, **UNSENT))

    assert run("reconcile") == {"confirmations sent": 1, "confirmations not sent": 1}
    assert mailer.sent == [("confirmation", good)]


@pytest.mark.behaviour("mail.unexpected")
def test_one_address_that_cannot_be_written_holds_up_no_other_offer(mailer, run, session):
    event = an_event(capacity=2)
    add(session, an_entry(event, email=POISONED, number=1))
    good = add(session, an_entry(event, number=2))

    assert run("expire") == {"new offers": 2, "offers mailed": 1, "offers not mailed": 1}
    assert mailer.sent == [("offer", good)]


@pytest.mark.behaviour("mail.unexpected")
def test_a_reminder_that_fails_holds_up_no_other(mailer, run, session):
    event = an_event(starts_at=NOW + HOUR)
    add(session, an_order(event, email=POISONED, number=1))
    good = add(session, an_order(event, number=2))

    assert run("remind") == {"reminders sent": 1, "reminders not sent": 1}
    assert mailer.sent == [("reminder", good)]


@pytest.fixture
def break_at(monkeypatch):
    """Return a function that makes the lock of this row fail unexpectedly."""
    lock = Lockable.lock

    def break_at(broken):
        def lock_or_break(row):
            if row is broken:
                raise RuntimeError("Unexpected.")
            lock(row)

        monkeypatch.setattr(Lockable, "lock", lock_or_break)

    return break_at


@pytest.mark.behaviour("jobs.one_fails")
def test_an_event_that_fails_holds_up_no_other(break_at, run, session, states):
    events = [an_event("Jazz"), an_event("Blues"), an_event("Folk")]
    for number, event in enumerate(events, start=1):
        add(session, an_order(event, "pending", number=number, **LAPSED))
    break_at(events[1])

    assert run("expire") == {"expired orders": 2, "events failed": 1}
    assert states() == ["expired", "pending", "expired"]


@pytest.mark.behaviour("jobs.one_fails")
def test_an_order_that_fails_holds_up_no_other(break_at, caplog, charge, run, session, states):
    events = [an_event("Jazz"), an_event("Blues")]
    for number, event in enumerate(events, start=1):
        charge(add(session, an_order(event, "pending", number=number)))
    break_at(events[0])

    assert run("reconcile") == {"charges settled": 1, "charges still unknown": 1}
    assert states() == ["pending", "paid"]
    assert f"Order {saved(session, Order)[0].id} is left as it is." in caplog.text


@pytest.mark.behaviour("jobs.one_fails")
def test_a_refund_that_fails_unexpectedly_stays_due(payments, run, session):
    """The interface promises PaymentOutcomeUnknown; an implementation may break its promise."""
    event = an_event()
    for number in (1, 2):
        add(session, an_order(event, "cancelled", number=number, **REFUND_DUE))
    payments.failure = RuntimeError("Unexpected.")

    assert run("reconcile") == {"refunds still due": 2}


@pytest.fixture
def meanwhile(mailer, monkeypatch):
    """Return a function that calls another one while the first mail is sent."""

    def meanwhile(act):
        def send_slowly(row):
            mailer.sent.append(("first", row))
            act()
            for name in ("send_reminder", "send_offer"):
                monkeypatch.delattr(mailer, name, raising=False)

        for name in ("send_reminder", "send_offer"):
            monkeypatch.setattr(mailer, name, send_slowly, raising=False)

    return meanwhile


@pytest.mark.behaviour("mail.still_true")
def test_no_reminder_is_sent_once_the_event_has_started(
    fake_clock, mailer, meanwhile, run, session
):
    event = an_event(starts_at=NOW + TICK)
    first = add(session, an_order(event, number=1))
    add(session, an_order(event, number=2))
    meanwhile(lambda: setattr(fake_clock, "now", NOW + TICK))

    assert run("remind") == {"reminders sent": 1, "reminders not sent": 1}
    assert mailer.sent == [("first", first)]


@pytest.mark.behaviour("mail.still_true")
def test_an_offer_that_lapses_before_its_turn_is_not_mailed(
    fake_clock, mailer, meanwhile, run, session
):
    event = an_event(capacity=2)
    until = {"offered_until": NOW, "offer_sent_at": None}
    first = add(session, an_entry(event, "offered", number=1, **until))
    add(session, an_entry(event, "offered", number=2, **until))
    meanwhile(lambda: setattr(fake_clock, "now", NOW + TICK))

    run("expire")

    assert mailer.sent == [("first", first)]
