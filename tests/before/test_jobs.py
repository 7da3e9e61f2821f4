"""Scheduled jobs: lapsed holds and offers, reminders, and what was left half done."""

import json
import smtplib

import pytest
import requests

from tests.kit.helpers import DAY, HOUR, MINUTE, NOW, TICK, Killed

LAPSED = {"hold_until": NOW - TICK}
UNSENT = {"confirmation_sent_at": None}
REFUND_DUE = {"refund_cents": 2500, "refund_state": "due"}
REFUNDED = {"charge_id": "ch_1", "refund_cents": 2500, "refund_state": "done"}

NOTHING_TO_DO = {
    "expire": """\
expired orders: 0
lapsed offers: 0
new offers: 0
events failed: 0
offers mailed: 0
offers not mailed: 0
""",
    "remind": """\
reminders sent: 0
reminders not sent: 0
""",
    "reconcile": """\
charges settled: 0
charges still unknown: 0
refunds made: 0
refunds still due: 0
confirmations sent: 0
confirmations not sent: 0
refund notices sent: 0
refund notices not sent: 0
""",
}


@pytest.fixture
def statuses(stored):
    """Return a function that gives the status of each row of a model, the oldest first."""
    return lambda model="Order": [row.status for row in stored(model)]


@pytest.fixture
def subjects(mailbox):
    """Return a function that gives the subjects of all mails sent."""
    return lambda: [mail["Subject"] for mail in mailbox.mails]


@pytest.mark.behaviour("jobs.expire", "jobs.remind", "jobs.reconcile.charges")
@pytest.mark.parametrize("job", NOTHING_TO_DO)
def test_a_job_says_what_it_did_a_line_a_kind(app, job):
    result = app.test_cli_runner().invoke(args=["jobs", job])

    assert (result.exit_code, result.output) == (0, NOTHING_TO_DO[job])


@pytest.mark.behaviour("jobs.expire")
@pytest.mark.parametrize(
    ("hold_until", "status"),
    [(NOW + TICK, "pending"), (NOW, "pending"), (NOW - TICK, "expired")],
)
def test_a_pending_order_expires_once_its_hold_has_lapsed(
    add_event, add_order, run_job, statuses, hold_until, status
):
    add_order(add_event(), "pending", hold_until=hold_until)

    done = run_job("expire")

    assert statuses() == [status]
    assert done == ({"expired orders": 1} if status == "expired" else {})


@pytest.mark.behaviour("jobs.expire")
def test_other_orders_do_not_expire(add_event, add_order, run_job, statuses):
    event = add_event()
    for status in ("paid", "declined", "cancelled"):
        add_order(event, status, **LAPSED)

    assert run_job("expire") == {}
    assert statuses() == ["paid", "declined", "cancelled"]


@pytest.mark.behaviour("jobs.expire")
@pytest.mark.parametrize(("offered_until", "status"), [(NOW, "offered"), (NOW - TICK, "lapsed")])
def test_an_offer_lapses_after_its_last_instant(
    add_entry, add_event, run_job, statuses, offered_until, status
):
    add_entry(add_event(), "offered", offered_until=offered_until)

    run_job("expire")

    assert statuses("WaitlistEntry") == [status]


@pytest.mark.behaviour("jobs.expire")
def test_what_lapses_is_offered_to_the_next_in_line(
    add_entry, add_event, add_order, mailbox, run_job, stored
):
    jazz, blues = add_event("Jazz", capacity=1), add_event("Blues", capacity=1)
    add_entry(jazz, "offered", offered_until=NOW - TICK)
    for event in (jazz, jazz, blues):
        add_entry(event)
    add_order(blues, "pending", **LAPSED)

    done = run_job("expire")

    assert done == {"expired orders": 1, "lapsed offers": 1, "new offers": 2, "offers mailed": 2}
    lapsed, first, second, other = stored("WaitlistEntry")
    assert [lapsed.status, second.status] == ["lapsed", "waiting"]
    for entry in (first, other):
        facts = entry.status, entry.offered_until, entry.offer_sent_at
        assert facts == ("offered", NOW + 48 * HOUR, NOW)
    texts = {mail["To"]: mail.get_content() for mail in mailbox.mails}
    assert texts.keys() == {first.email, other.email}
    assert f"http://127.0.0.1:5000/waitlist/{first.token}\n" in texts[first.email]


@pytest.mark.behaviour("jobs.expire")
def test_seats_that_are_free_anyhow_are_offered(add_entry, add_event, run_job, statuses):
    event = add_event(capacity=3)
    for quantity in (1, 3, 1):
        add_entry(event, quantity=quantity)

    assert run_job("expire") == {"new offers": 1, "offers mailed": 1}
    assert statuses("WaitlistEntry") == ["offered", "waiting", "waiting"]


@pytest.mark.behaviour("waitlist.served")
@pytest.mark.parametrize("differences", [{"starts_at": NOW}, {"published": False}])
def test_what_cannot_be_bought_is_not_offered(
    add_entry, add_event, add_order, run_job, statuses, differences
):
    event = add_event(**differences)
    add_entry(event)
    add_order(event, "pending", **LAPSED)

    assert run_job("expire") == {"expired orders": 1}
    assert statuses("WaitlistEntry") == ["waiting"]


@pytest.mark.behaviour("jobs.remind")
@pytest.mark.parametrize(
    ("time_left", "reminders"),
    [(DAY + TICK, 0), (DAY, 1), (TICK, 1), (0 * TICK, 0), (-DAY, 0)],
)
def test_a_reminder_is_sent_in_the_last_day_before_the_start(
    add_event, add_order, run_job, stored, subjects, time_left, reminders
):
    add_order(add_event(starts_at=NOW + time_left))

    run_job("remind")

    assert subjects() == ["Soon: The Glass Orchestra"] * reminders
    assert [order.reminder_sent_at for order in stored("Order")] == [NOW if reminders else None]


@pytest.mark.behaviour("jobs.remind")
def test_a_reminder_has_tickets_and_link(add_event, add_order, mailbox, models, run_job):
    tickets = [models.Ticket(code="code-1"), models.Ticket(code="code-2")]
    order = add_order(add_event(starts_at=NOW + HOUR), quantity=2, tickets=tickets)

    assert run_job("remind") == {"reminders sent": 1}

    [mail] = mailbox.mails
    text = mail.get_content()
    assert mail["To"] == "bruno@example.org"
    assert "code-1" in text
    assert "code-2" in text
    assert f"http://127.0.0.1:5000/orders/{order.reference}/{order.secret}\n" in text


@pytest.mark.behaviour("jobs.remind")
def test_only_holders_of_paid_orders_are_reminded(add_event, add_order, run_job):
    event = add_event(starts_at=NOW + HOUR)
    for status in ("pending", "declined", "expired", "cancelled"):
        add_order(event, status)

    assert run_job("remind") == {}


@pytest.mark.behaviour("jobs.reconcile.charges")
@pytest.mark.parametrize("status", ["pending", "expired"])
def test_an_order_whose_charge_stands_is_paid(
    add_event, add_order, gateway, mailbox, run_job, stored, status
):
    order = add_order(add_event(), status, quantity=2)
    gateway.knows(order, id="ch_777")

    assert run_job("reconcile") == {"charges settled": 1}

    [paid] = stored("Order")
    assert (paid.status, paid.charge_id, paid.confirmation_sent_at) == ("paid", "ch_777", NOW)
    assert len(stored("Ticket")) == 2
    [mail] = mailbox.mails
    assert mail["Subject"] == "Your tickets for The Glass Orchestra"
    assert f"http://127.0.0.1:5000/orders/{order.reference}/" in mail.get_content()


@pytest.mark.behaviour("jobs.reconcile.charges")
def test_the_gateway_is_asked_for_the_key_of_the_charge(add_event, add_order, gateway, run_job):
    order = add_order(add_event(), "pending")
    gateway.knows(order)

    run_job("reconcile")

    [request] = gateway.requests
    assert request.params == {"idempotency_key": f"{order.reference}-1"}
    assert request.headers["Authorization"] == "Bearer key of the shop"
    assert request.req_kwargs["timeout"] == 5


@pytest.mark.behaviour("jobs.reconcile.charges")
@pytest.mark.parametrize(
    ("status", "differences"),
    [
        ("paid", {}),
        ("cancelled", {}),
        ("declined", {}),
        ("expired", REFUNDED | {"refund_notice_sent_at": NOW}),
        ("pending", LAPSED | {"uncharged_at": NOW}),
        ("expired", {"uncharged_at": NOW}),
        ("expired", {"total_cents": 0}),
    ],
)
def test_the_gateway_is_not_asked_about_what_is_known(
    add_event, add_order, gateway, run_job, statuses, status, differences
):
    add_order(add_event(), status, **differences)

    assert run_job("reconcile") == {}
    assert statuses() == [status]
    assert gateway.requests == []


@pytest.mark.behaviour("jobs.reconcile.charges")
@pytest.mark.parametrize(("status", "differences"), [("pending", LAPSED), ("expired", {})])
def test_a_charge_that_stands_is_refunded_when_the_seats_are_gone(
    add_event, add_order, gateway, run_job, stored, subjects, status, differences
):
    event = add_event(capacity=1)
    add_order(event)
    late = add_order(event, status, **differences)
    gateway.knows(late, id="ch_777")
    gateway.refunds()

    run_job("reconcile")

    late = stored("Order")[-1]
    assert (late.status, late.charge_id) == ("expired", "ch_777")
    assert (late.refund_cents, late.refund_state) == (2500, "done")
    assert subjects() == ["Your money back for The Glass Orchestra"]


@pytest.mark.behaviour("jobs.reconcile.charges")
def test_an_order_that_was_never_charged_ends_with_its_hold(
    add_event, add_order, clock, gateway, run_job, stored
):
    order = add_order(add_event(), "pending")
    for _ in range(2):
        gateway.knows()

    clock.move_to(order.hold_until)
    assert run_job("reconcile") == {"charges still unknown": 1}
    clock.move_to(order.hold_until + TICK)
    run_job("reconcile")

    [ended] = stored("Order")
    assert (ended.status, ended.uncharged_at) == ("pending", order.hold_until + TICK)
    assert run_job("reconcile") == {}
    assert run_job("expire") == {"expired orders": 1}


NO_CLEAR_ANSWERS = {
    "timeout": {"body": requests.ReadTimeout()},
    "error": {"status": 500, "json": {"data": []}},
    "wrong key": {"status": 401, "json": {"error": {"code": "key", "message": "Who?"}}},
    "web page": {"body": "<h1>Welcome</h1>"},
    "no object": {"json": []},
    "no list": {"json": {"data": None}},
    "no charge": {"json": {"data": ["succeeded"]}},
    "too deep": {"body": "[" * 100_000},
}


@pytest.mark.behaviour("jobs.reconcile.unknown")
@pytest.mark.parametrize("answer", NO_CLEAR_ANSWERS.values(), ids=NO_CLEAR_ANSWERS)
def test_without_a_clear_answer_the_gateway_is_asked_again(
    add_event, add_order, gateway, run_job, stored, answer
):
    order = add_order(add_event(), "pending", **LAPSED)
    gateway.answers("charges", method="GET", **answer)
    gateway.knows(order)

    assert run_job("reconcile") == {"charges still unknown": 1}
    [unknown] = stored("Order")
    assert (unknown.status, unknown.uncharged_at) == ("pending", None)
    assert run_job("reconcile") == {"charges settled": 1}


@pytest.mark.behaviour("jobs.reconcile.unknown")
@pytest.mark.parametrize(
    "difference",
    [{"amount": 1}, {"reference": "OTHER"}, {"status": "failed"}, {"id": None}],
    ids=lambda difference: next(iter(difference)),
)
def test_a_charge_that_is_not_this_one_settles_nothing(
    add_event, add_order, gateway, run_job, stored, difference
):
    gateway.knows(add_order(add_event(), "pending", **LAPSED), **difference)

    assert run_job("reconcile") == {"charges still unknown": 1}
    [order] = stored("Order")
    assert (order.status, order.charge_id, order.uncharged_at) == ("pending", None, None)


@pytest.mark.behaviour("jobs.reconcile.unknown")
def test_one_order_that_stays_unknown_holds_up_no_other(
    add_event, add_order, gateway, run_job, statuses
):
    event = add_event()
    add_order(event, "pending")
    gateway.answers("charges", method="GET", status=500)
    gateway.knows(add_order(event, "pending"))

    assert run_job("reconcile") == {"charges settled": 1, "charges still unknown": 1}
    assert statuses() == ["pending", "paid"]


@pytest.mark.behaviour("jobs.reconcile.refunds")
def test_a_refund_that_is_due_is_asked_for_again(add_event, add_order, gateway, run_job, stored):
    order = add_order(add_event(), "cancelled", **REFUND_DUE)
    gateway.answers("refunds", status=500)
    gateway.refunds()

    assert run_job("reconcile") == {"refunds still due": 1}
    assert run_job("reconcile") == {"refunds made": 1}

    assert [order.refund_state for order in stored("Order")] == ["done"]
    for request in gateway.requests:
        assert json.loads(request.body) == {"charge": "ch_earlier", "amount": 2500}
        assert request.headers["Idempotency-Key"] == f"{order.reference}-refund"


@pytest.mark.behaviour("jobs.reconcile.refunds")
def test_the_refund_of_a_late_success_is_asked_for_again_without_a_second_mail(
    add_event, add_order, gateway, run_job, subjects
):
    facts = REFUND_DUE | {"charge_id": "ch_1", "refund_notice_sent_at": NOW}
    add_order(add_event(), "expired", **facts)
    gateway.refunds()

    assert run_job("reconcile") == {"refunds made": 1}
    assert subjects() == []


@pytest.fixture
def mail_due(add_entry, add_event, add_order):
    """Return a function that stores a row about which a mail is to be sent, and gives its job."""

    def mail_due(mail, **differences):
        event = add_event(starts_at=NOW + (HOUR if mail == "reminder" else 30 * DAY))
        if mail == "offer":
            add_entry(event, "offered", **{"offer_sent_at": None, **differences})
            return "expire"
        facts = {"confirmation": UNSENT, "refund notice": REFUNDED, "reminder": {}}[mail]
        status = "expired" if mail == "refund notice" else "paid"
        add_order(event, status, **{**facts, **differences})
        return "remind" if mail == "reminder" else "reconcile"

    return mail_due


MAILS = {
    "confirmation": ("confirmations sent", "confirmations not sent"),
    "refund notice": ("refund notices sent", "refund notices not sent"),
    "offer": ("offers mailed", "offers not mailed"),
    "reminder": ("reminders sent", "reminders not sent"),
}


@pytest.mark.behaviour("jobs.mails", "jobs.twice")
@pytest.mark.parametrize("mail", MAILS)
def test_a_mail_that_could_not_be_sent_is_sent_once_by_the_next_job(
    mail_due, mailbox, run_job, mail
):
    job = mail_due(mail)
    sent, not_sent = MAILS[mail]

    mailbox.failure = smtplib.SMTPServerDisconnected("Goodbye.")
    assert run_job(job) == {not_sent: 1}
    mailbox.failure = None
    assert run_job(job) == {sent: 1}
    assert run_job(job) == {}

    assert len(mailbox.mails) == 1


@pytest.mark.behaviour("jobs.mails")
def test_the_mail_of_a_cancelled_order_is_not_about_a_late_payment(add_event, add_order, run_job):
    add_order(add_event(), "cancelled", **REFUNDED)

    assert run_job("reconcile") == {}


@pytest.mark.behaviour("jobs.claimed")
@pytest.mark.parametrize("mail", MAILS)
def test_a_mail_that_another_process_is_sending_is_left_to_it(mail_due, mailbox, run_job, mail):
    run_job(mail_due(mail, mail_claimed_until=NOW))

    assert mailbox.mails == []


@pytest.mark.behaviour("jobs.twice")
@pytest.mark.parametrize("job", NOTHING_TO_DO)
def test_a_job_that_runs_again_does_nothing_again(
    add_entry, add_event, add_order, gateway, mailbox, run_job, stored, job
):
    event = add_event(starts_at=NOW + HOUR, capacity=3)
    add_order(event, **UNSENT)
    add_order(event, "cancelled", **REFUND_DUE)
    gateway.transport.assert_all_requests_are_fired = False
    gateway.knows(add_order(event, "pending", **LAPSED))
    gateway.refunds()
    add_entry(event, "offered", offered_until=NOW - TICK)
    add_entry(event)

    first = run_job(job)
    after_once = len(mailbox.mails), len(gateway.requests), len(stored("Ticket"))

    assert first != {}
    assert run_job(job) == {}
    assert (len(mailbox.mails), len(gateway.requests), len(stored("Ticket"))) == after_once


@pytest.mark.behaviour("jobs.twice", "jobs.claimed")
def test_two_jobs_at_once_send_each_mail_once(add_event, add_order, mailbox, run_job):
    event = add_event()
    for buyer in ("ada", "bruno"):
        add_order(event, email=f"{buyer}@example.org", **UNSENT)

    def send_another_first():
        """Let another job be quicker with the mail that comes after this one."""
        mailbox.meanwhile = None
        assert run_job("reconcile")["confirmations sent"] == 1

    mailbox.meanwhile = send_another_first

    assert run_job("reconcile")["confirmations sent"] == 1
    assert sorted(mail["To"] for mail in mailbox.mails) == ["ada@example.org", "bruno@example.org"]


@pytest.mark.behaviour("jobs.killed")
@pytest.mark.parametrize("jobs", [["reconcile", "expire"], ["expire", "reconcile"]])
def test_killed_before_the_card_is_charged_the_order_ends_and_frees_its_seats(
    add_event, buy, clock, gateway, run_job, statuses, jobs
):
    event = add_event(capacity=1)
    gateway.kills("charges")
    gateway.knows()
    gateway.charges()

    with pytest.raises(Killed):
        buy(event)
    clock.move_to(NOW + 30 * MINUTE + TICK)
    for job in jobs:
        run_job(job)

    assert statuses() == ["expired"]
    assert buy(event, checkout_id="form-2").status_code == 303


@pytest.mark.behaviour("jobs.killed")
@pytest.mark.parametrize("jobs", [["reconcile"], ["expire", "reconcile"]])
def test_killed_once_the_card_is_charged_the_order_is_paid(
    add_event, buy, clock, gateway, mailbox, run_job, stored, jobs
):
    gateway.kills("charges")

    with pytest.raises(Killed):
        buy(add_event(), quantity=2)
    gateway.knows(*stored("Order"))
    clock.move_to(NOW + 30 * MINUTE + TICK)
    for job in jobs:
        run_job(job)

    [order] = stored("Order")
    assert (order.status, order.charge_id) == ("paid", "ch_1")
    assert len(stored("Ticket")) == 2
    assert len(mailbox.mails) == 1


@pytest.mark.behaviour("jobs.killed")
def test_killed_before_a_free_order_is_paid_it_is_paid_later(
    add_event, add_order, gateway, mailbox, run_job, stored
):
    add_order(add_event(), "pending", total_cents=0, quantity=2)

    run_job("reconcile")

    [order] = stored("Order")
    assert (order.status, order.charge_id) == ("paid", None)
    assert len(stored("Ticket")) == 2
    assert len(mailbox.mails) == 1
    assert gateway.requests == []


@pytest.mark.behaviour("jobs.killed")
def test_killed_before_a_free_order_is_paid_it_expires_when_its_seats_are_gone(
    add_event, add_order, gateway, mailbox, run_job, stored
):
    event = add_event(capacity=1)
    add_order(event)
    add_order(event, "pending", total_cents=0, **LAPSED)

    run_job("reconcile")

    expired = stored("Order")[-1]
    assert (expired.status, expired.refund_state) == ("expired", "none")
    assert gateway.requests == mailbox.mails == []


@pytest.mark.behaviour("jobs.killed")
def test_killed_while_it_mails_the_confirmation_is_sent_a_minute_later(
    add_event, buy, clock, gateway, mailbox, run_job, stored
):
    gateway.charges()
    mailbox.failure = Killed()

    with pytest.raises(Killed):
        buy(add_event())
    mailbox.failure = None
    clock.move_to(NOW + MINUTE)
    run_job("reconcile")
    assert mailbox.mails == []
    clock.move_to(NOW + MINUTE + TICK)
    run_job("reconcile")

    assert [order.status for order in stored("Order")] == ["paid"]
    assert len(mailbox.mails) == 1


@pytest.mark.behaviour("jobs.killed")
def test_killed_during_a_refund_the_refund_is_made_and_the_seat_offered(
    add_entry, add_event, add_order, cancel, gateway, run_job, statuses, stored
):
    event = add_event(capacity=1)
    order = add_order(event)
    add_entry(event)
    gateway.kills("refunds")
    gateway.refunds()

    with pytest.raises(Killed):
        cancel(order)

    assert run_job("reconcile") == {"refunds made": 1}
    assert run_job("expire") == {"new offers": 1, "offers mailed": 1}
    assert [(order.status, order.refund_state) for order in stored("Order")] == [
        ("cancelled", "done")
    ]
    assert statuses("WaitlistEntry") == ["offered"]


@pytest.mark.behaviour("jobs.killed")
def test_a_job_that_was_killed_is_finished_by_the_next(
    add_entry, add_event, clock, mailbox, run_job, stored
):
    event = add_event()
    for _ in range(2):
        add_entry(event)
    mailbox.failure = Killed()

    with pytest.raises(Killed):
        run_job("expire")
    mailbox.failure = None
    clock.move_to(NOW + MINUTE + TICK)

    assert run_job("expire") == {"offers mailed": 2}
    until = {entry.offered_until for entry in stored("WaitlistEntry")}
    assert until == {NOW + 48 * HOUR}
    assert len(mailbox.mails) == 2
