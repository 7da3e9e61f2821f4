"""Mails: text and address arrive as typed, and a mail that fails stops no other."""

import pytest

from tests.kit.helpers import DAY, HOUR, MINUTE, NOW, TICK, elsewhere, text_of

TITLE = "Jazz =?utf-8?q?=0D=0ABcc:_eve=40evil.example?="
UNSENT = {"confirmation_sent_at": None}
FAILURES = [
    ConnectionRefusedError("No mail server."),
    RuntimeError("Something unexpected."),
    ValueError("Not a header."),
    UnicodeEncodeError("ascii", "the whole text", 0, 1, "no ASCII"),
]


@pytest.fixture(params=FAILURES, ids=lambda failure: type(failure).__name__)
def failing_mailbox(mailbox, request):
    mailbox.failure = request.param
    return mailbox


@pytest.mark.behaviour("mail.as_typed")
def test_the_subject_has_the_title_as_it_was_typed(add_event, buy, gateway, mailbox):
    gateway.charges()

    buy(add_event(TITLE, slug="jazz"), email="ada@example.org")

    [mail] = mailbox.mails
    assert mail["Subject"] == f"Your tickets for {TITLE}"
    assert mailbox.recipients == [["ada@example.org"]]


@pytest.mark.behaviour("mail.as_typed")
def test_the_text_has_names_as_they_were_typed(add_event, buy, gateway, mailbox):
    gateway.charges()
    name = "=?utf-8?q?Ada?= <b>Sørensen</b> .\N{SNOWMAN}"

    buy(add_event(), name=name)

    [mail] = mailbox.mails
    assert f"Hello {name},\n" in mail.get_content()


@pytest.mark.behaviour("mail.unexpected")
@pytest.mark.usefixtures("failing_mailbox")
def test_a_buyer_whose_mail_fails_has_the_order(add_event, buy, gateway, stored):
    gateway.charges()

    answer = buy(add_event())

    assert answer.status_code == 303
    [order] = stored("Order")
    assert (order.status, order.confirmation_sent_at) == ("paid", None)
    assert order.mail_claimed_until is None


@pytest.mark.behaviour("mail.unexpected")
@pytest.mark.usefixtures("failing_mailbox")
def test_a_cancellation_does_not_fail_when_the_mail_to_another_buyer_fails(
    add_entry, add_event, add_order, cancel, gateway, stored
):
    event = add_event(capacity=1)
    order = add_order(event)
    add_entry(event)
    gateway.refunds()

    assert cancel(order).status_code == 303

    [entry] = stored("WaitlistEntry")
    assert (entry.status, entry.offer_sent_at) == ("offered", None)


@pytest.mark.behaviour("mail.unexpected")
def test_one_address_that_cannot_be_written_holds_up_no_other_mail(
    add_event, add_order, mailbox, run_job, stored
):
    """Such an address was accepted once, and is in the database."""
    event = add_event()
    add_order(event, email="x\nBcc: eve@evil.example", **UNSENT)
    add_order(event, email="bruno@example.org", **UNSENT)

    done = run_job("reconcile")

    assert done == {"confirmations sent": 1, "confirmations not sent": 1}
    assert mailbox.recipients == [["bruno@example.org"]]
    assert [order.confirmation_sent_at for order in stored("Order")] == [None, NOW]


@pytest.mark.behaviour("mail.unexpected")
def test_one_address_that_cannot_be_written_holds_up_no_other_offer(
    add_entry, add_event, mailbox, run_job, stored
):
    event = add_event(capacity=2)
    add_entry(event, email="x\nBcc: eve@evil.example")
    add_entry(event, email="cleo@example.org")

    done = run_job("expire")

    assert done == {"new offers": 2, "offers mailed": 1, "offers not mailed": 1}
    assert mailbox.recipients == [["cleo@example.org"]]
    assert [entry.offer_sent_at for entry in stored("WaitlistEntry")] == [None, NOW]


@pytest.mark.behaviour("mail.unexpected")
def test_a_reminder_that_fails_holds_up_no_other(add_event, add_order, mailbox, run_job):
    event = add_event(starts_at=NOW + HOUR)
    add_order(event, email="ü@example.org")
    add_order(event, email="bruno@example.org")

    assert run_job("remind") == {"reminders sent": 1, "reminders not sent": 1}
    assert mailbox.recipients == [["bruno@example.org"]]


@pytest.mark.behaviour("mail.unexpected")
def test_the_log_says_which_mail_failed_and_nothing_of_its_text(
    add_event, add_order, caplog, mailbox, run_job
):
    mailbox.failure = UnicodeEncodeError("ascii", "secret-1 in the text", 0, 1, "no ASCII")
    order = add_order(add_event(), **UNSENT)

    run_job("reconcile")

    [line] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.startswith(f"No mail to Order {order.id}: UnicodeEncodeError: ")
    assert "secret-1" not in caplog.text


@pytest.fixture
def break_at(models, monkeypatch):
    """Return a function that lets something unexpected happen when this row is locked."""
    lock = models.Lockable.lock

    def break_at(broken):
        def lock_or_break(row):
            if row.id == broken.id:
                raise RuntimeError("Something unexpected.")
            lock(row)

        monkeypatch.setattr(models.Lockable, "lock", lock_or_break)

    return break_at


@pytest.mark.behaviour("jobs.one_fails")
def test_an_event_that_fails_holds_up_no_other(add_event, add_order, break_at, run_job, stored):
    events = [add_event("Jazz"), add_event("Blues"), add_event("Folk")]
    for event in events:
        add_order(event, "pending", hold_until=NOW - TICK)
    break_at(events[1])

    assert run_job("expire") == {"expired orders": 2, "events failed": 1}
    assert [order.status for order in stored("Order")] == ["expired", "pending", "expired"]


@pytest.mark.behaviour("jobs.one_fails")
def test_an_order_that_fails_holds_up_no_other(
    add_event, add_order, break_at, caplog, gateway, run_job, stored
):
    events = [add_event("Jazz"), add_event("Blues")]
    for event in events:
        order = add_order(event, "pending")
        gateway.knows(order)
    break_at(events[0])

    done = run_job("reconcile")

    assert done == {"charges settled": 1, "charges still unknown": 1}
    assert [order.status for order in stored("Order")] == ["pending", "paid"]
    assert f"Order {stored('Order')[0].id} is left as it is." in caplog.text


@pytest.mark.behaviour("jobs.one_fails")
def test_a_refund_that_fails_unexpectedly_holds_up_no_other(
    add_event, add_order, gateway, run_job, stored
):
    event = add_event(starts_at=NOW + 30 * DAY)
    for _ in range(2):
        add_order(event, "cancelled", refund_cents=2500, refund_state="due")
    gateway.answers("refunds", body=RuntimeError("Something unexpected."))
    gateway.refunds()

    assert run_job("reconcile") == {"refunds made": 1, "refunds still due": 1}
    assert [order.refund_state for order in stored("Order")] == ["due", "done"]


@pytest.mark.behaviour("checkout.unanswered")
def test_an_unexpected_error_at_the_gateway_leaves_the_order_held(add_event, buy, gateway, stored):
    gateway.answers("charges", body=RuntimeError("Something unexpected."))

    answer = buy(add_event())

    assert answer.status_code == 503
    assert "Your seats are held. We will confirm by e-mail." in text_of(answer)
    assert [order.status for order in stored("Order")] == ["pending"]


@pytest.mark.behaviour("mail.still_true")
def test_a_mail_has_the_title_that_the_event_has_at_its_turn(
    add_event, add_order, mailbox, models, new_session, run_job
):
    event = add_event("Jazz", starts_at=NOW + HOUR)
    for buyer in ("ada", "bruno"):
        add_order(event, email=f"{buyer}@example.org")

    def rename():
        mailbox.meanwhile = None
        with new_session() as session:
            session.get(models.Event, event.id).title = "Blues"
            session.commit()

    mailbox.meanwhile = rename
    run_job("remind")

    assert [mail["Subject"] for mail in mailbox.mails] == ["Soon: Jazz", "Soon: Blues"]


@pytest.mark.behaviour("jobs.claimed")
def test_a_mail_that_fails_late_was_still_sent_by_another_process(
    add_event, buy, clock, gateway, mailbox, run_job
):
    gateway.charges()

    def let_the_claim_lapse():
        mailbox.meanwhile = None
        clock.move_to(NOW + 2 * MINUTE)
        assert run_job("reconcile") == {"confirmations sent": 1}
        mailbox.failure = ConnectionResetError("Gone.")

    mailbox.meanwhile = let_the_claim_lapse
    buy(add_event())
    mailbox.failure = None

    assert run_job("reconcile") == {}
    assert len(mailbox.mails) == 1


@pytest.mark.behaviour("mail.still_true")
def test_a_buyer_who_cancels_while_others_are_reminded_gets_no_reminder(
    add_event, add_order, cancel, mailbox, run_job
):
    event = add_event(starts_at=NOW + HOUR)
    add_order(event, email="ada@example.org")
    cancelled = add_order(event, email="bruno@example.org")

    def cancel_the_second():
        mailbox.meanwhile = None
        assert elsewhere(cancel, cancelled).status_code == 303

    mailbox.meanwhile = cancel_the_second

    assert run_job("remind") == {"reminders sent": 1, "reminders not sent": 1}
    assert mailbox.recipients == [["ada@example.org"]]


@pytest.mark.behaviour("mail.still_true")
def test_no_reminder_is_sent_once_the_event_has_started_meanwhile(
    add_event, add_order, clock, mailbox, run_job
):
    event = add_event(starts_at=NOW + TICK)
    for buyer in ("ada", "bruno"):
        add_order(event, email=f"{buyer}@example.org")
    mailbox.meanwhile = lambda: clock.move_to(NOW + TICK)

    assert run_job("remind") == {"reminders sent": 1, "reminders not sent": 1}
    assert mailbox.recipients == [["ada@example.org"]]


@pytest.mark.behaviour("mail.still_true")
def test_an_offer_that_lapses_before_its_turn_is_not_mailed(
    add_entry, add_event, clock, mailbox, run_job
):
    event = add_event(capacity=2)
    for name in ("ada", "cleo"):
        until = {"offered_until": NOW, "offer_sent_at": None}
        add_entry(event, "offered", email=f"{name}@example.org", **until)
    mailbox.meanwhile = lambda: clock.move_to(NOW + TICK)

    run_job("expire")

    assert mailbox.recipients == [["ada@example.org"]]


@pytest.mark.behaviour("log.no_keys")
def test_a_mail_server_that_quotes_a_link_does_not_bring_it_into_the_log(
    add_event, add_order, caplog, mailbox, run_job
):
    mailbox.failure = ConnectionError("554 Blocked: http://127.0.0.1/orders/A0001/secret-1 is bad")
    add_order(add_event(), **UNSENT)

    run_job("reconcile")

    assert "/orders/A0001/*** is bad" in caplog.text
    assert "secret-1" not in caplog.text


@pytest.mark.behaviour("lock.instant")
def test_a_slow_mail_is_noted_at_the_instant_of_its_claim(
    add_event, add_order, clock, mailbox, run_job, stored
):
    add_order(add_event(), **UNSENT)
    mailbox.meanwhile = lambda: clock.move_to(NOW + HOUR)

    run_job("reconcile")

    assert [order.confirmation_sent_at for order in stored("Order")] == [NOW]
