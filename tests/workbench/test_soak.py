"""`make soak`: the checks of a soak must fail where something is wrong, and only there."""

import socket
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from random import Random
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from flask import Flask, Response, request
from sqlalchemy import Connection, create_engine, insert, text

from workbench import soak
from workbench.environment import Problem
from workbench.sandbox.gateway import Charge, ChargeRequest, Ledger, Refund
from workbench.sandbox.mailbox import Mail
from workbench.sandbox.server import listen, serving
from workbench.sandbox.webhooks import Webhooks
from workbench.soak.browser import Browser, NoAnswer
from workbench.soak.invariants import (
    AT_ANY_MOMENT,
    INVARIANTS,
    OUTSIDE,
    breaches,
    log_problems,
    store_records,
    surplus_copies,
)
from workbench.soak.report import MEMORY_SLACK, describe_memory, describe_throughput, grows, table
from workbench.soak.shops import MailboxWithOffers, Shop
from workbench.soak.visitors import Visitor

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MEGABYTE = 1_000_000


# The invariants.


@pytest.fixture
def rows() -> Connection:
    """Return a shop in which everything is right, with one row for each thing that can be so."""
    db = import_module("before_mvt.models").db
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        db.metadata.create_all(connection)
        tables = db.metadata.tables
        events = [event("jazz", 20 * DAY, 9), event("blues", 7 * DAY, 6), event("now", DAY, 2)]
        connection.execute(insert(tables["events"]), events)
        connection.execute(
            insert(tables["vouchers"]),
            [{"code": "TEN", "kind": "percent", "value": 10, "max_uses": 1}],
        )
        connection.execute(
            insert(tables["waitlist_entries"]),
            [
                entry("TAKEN", "paid@example.org"),
                entry("OFFERED", "o@example.org", offered_until=NOW + DAY, offer_sent_at=NOW),
                entry("WAITING", "w@example.org", quantity=9),
            ],
        )
        connection.execute(
            insert(tables["orders"]),
            [
                order("paid", "paid", confirmation_sent_at=NOW, offer_id=1),
                order("half", "cancelled", event_id=2, refund_cents=1000, refund_state="done"),
                order("none", "cancelled", event_id=3),
                order("late", "expired", refund_state="done", refund_notice_sent_at=NOW),
                order("gone", "declined"),
                order("code", "paid", voucher_id=1, confirmation_sent_at=NOW, off=200),
                order("crew", "paid", event_id=2, quantity=6, confirmation_sent_at=NOW, off=1200),
            ],
        )
        tickets = [(1, 1), (2, 1), (3, 1), (6, 1), (7, 6)]
        connection.execute(
            insert(tables["tickets"]),
            [
                {"order_id": of, "code": f"ticket-{of}-{number}"}
                for of, quantity in tickets
                for number in range(quantity)
            ],
        )
        store_records(
            connection,
            charges=[
                charge("paid", 2000),
                charge("half", 2000),
                charge("none", 2000),
                charge("late", 2000),
                charge("gone", 2000, "card_declined"),
                charge("code", 1800),
                charge("crew", 10_800),
            ],
            refunds=[
                Refund(id="re_half", charge="ch_half", amount=1000),
                Refund(id="re_late", charge="ch_late", amount=2000),
            ],
            mails=[
                mail("confirmation_sent_at", 1, "paid", "Your tickets for Jazz"),
                mail("confirmation_sent_at", 6, "code", "Your tickets for Jazz"),
                mail("confirmation_sent_at", 7, "crew", "Your tickets for Blues"),
                mail("refund_notice_sent_at", 4, "late", "Your money back for Jazz"),
                mail("offer_sent_at", 2, "o", "Seats for Jazz", key="OFFERED"),
            ],
            seen={"/orders/paid/key-paid": "paid", "/orders/gone/key-gone": "declined"},
        )
        yield connection
    engine.dispose()


def event(slug: str, starts_in: timedelta, capacity: int) -> dict[str, object]:
    return {
        "slug": slug,
        "title": slug.title(),
        "summary": "Loud.",
        "venue": "Mill Barn",
        "category": "music",
        "starts_at": NOW + starts_in,
        "capacity": capacity,
        "price_cents": 2000,
        "published": True,
    }


def order(
    reference: str, status: str, *, off: int = 0, **differences: object
) -> dict[str, object]:
    facts = {
        "reference": reference,
        "secret": f"key-{reference}",
        "checkout_id": reference,
        "event_id": 1,
        "name": "Ada",
        "email": f"{reference}@example.org",
        "quantity": 1,
        "discount_cents": off,
        "voucher_id": None,
        "offer_id": None,
        "status": status,
        "created_at": NOW,
        "hold_until": NOW,
        "charge_id": f"ch_{reference}",
        "refund_cents": 0,
        "refund_state": "none",
        "confirmation_sent_at": None,
        "refund_notice_sent_at": None,
    }
    facts |= differences
    return facts | {"total_cents": 2000 * facts["quantity"] - off}


def entry(token: str, email: str, **differences: object) -> dict[str, object]:
    facts = {
        "event_id": 1,
        "email": email,
        "quantity": 1,
        "token": token,
        "created_at": NOW,
        "offered_until": None,
        "offer_sent_at": None,
        "status": token.lower(),
    }
    return facts | differences


def charge(reference: str, cents: int, status: str = "succeeded") -> Charge:
    asked = ChargeRequest(amount=cents, currency="EUR", source="tok_visa", reference=reference)
    key = f"{reference}-1"
    return Charge(id=f"ch_{reference}", idempotency_key=key, status=status, request=asked)


def mail(kind: str, row: int, name: str, subject: str, key: str = "") -> Mail:
    return Mail(
        sender="shop@example.org",
        recipients=(f"{name}@example.org",),
        message_id=f"<{kind}.{row}.1804075200@example.org>",
        subject=subject,
        date="",
        text=f"Look here: http://127.0.0.1/path/{key or 'key-' + name}\n",
    )


def test_nothing_is_reported_for_a_correct_shop(rows: Connection) -> None:
    assert breaches(rows, NOW) == []


# Each breaks a rule, and names the first words of the sentence of that rule.
HARM = [
    ("No event has sold", "UPDATE events SET capacity = 2"),
    ("No event has sold", "UPDATE orders SET status = 'pending', hold_until = '2027-03-02'"),
    ("An order that is or was paid", "DELETE FROM tickets WHERE order_id = 2"),
    ("An order that is or was paid", "UPDATE tickets SET order_id = 5 WHERE order_id = 3"),
    ("Only tickets of paid", "UPDATE tickets SET checked_in_at = '2027-03-01' WHERE order_id = 2"),
    ("A price is", "UPDATE orders SET total_cents = 1999, discount_cents = 1 WHERE id = 1"),
    ("A price is", "UPDATE orders SET total_cents = total_cents + 1 WHERE id = 6"),
    ("A price is", "UPDATE orders SET quantity = 5, total_cents = 8800 WHERE id = 7"),
    ("No voucher", "UPDATE vouchers SET max_uses = 0"),
    ("No offer is used by two", "UPDATE orders SET offer_id = 1"),
    ("An offer is used only by", "UPDATE orders SET email = 'eve@example.org' WHERE id = 1"),
    ("An address waits once", "UPDATE waitlist_entries SET email = 'O@example.org'"),
    ("Seats are offered in", "UPDATE waitlist_entries SET status = 'waiting' WHERE id = 1"),
    ("The first in line", "UPDATE waitlist_entries SET quantity = 6 WHERE id = 3"),
    ("Every charge", "DELETE FROM orders WHERE id = 5"),
    ("No order is charged twice", "UPDATE soak_charges SET reference = 'paid'"),
    ("No order is charged twice", "UPDATE soak_refunds SET charge = 'ch_half'"),
    ("The gateway keeps", "UPDATE soak_charges SET amount = 1 WHERE reference = 'paid'"),
    ("The gateway keeps", "DELETE FROM soak_refunds WHERE charge = 'ch_half'"),
    ("The gateway keeps", "UPDATE soak_charges SET status = 'succeeded'"),
    ("A paid order names", "UPDATE orders SET charge_id = NULL WHERE id = 1"),
    ("A paid order names", "UPDATE orders SET charge_id = 'ch_half' WHERE id = 1"),
    ("A cancellation gives", "UPDATE orders SET refund_cents = 2000 WHERE id = 2"),
    ("A cancellation gives", "UPDATE orders SET refund_cents = 1000 WHERE id = 3"),
    ("No order is left pending", "UPDATE orders SET status = 'pending' WHERE id = 5"),
    ("No order is left pending", "UPDATE orders SET refund_state = 'due' WHERE id = 2"),
    ("No order is left pending", "UPDATE orders SET confirmation_sent_at = NULL WHERE id = 1"),
    ("No order is left pending", "UPDATE orders SET refund_notice_sent_at = NULL WHERE id = 4"),
    ("No offer is left", "UPDATE waitlist_entries SET offer_sent_at = NULL WHERE id = 2"),
    ("Every mail that is noted", "DELETE FROM soak_mails WHERE recipient = 'code@example.org'"),
    ("Every mail that is noted", "UPDATE orders SET reminder_sent_at = '2027-03-01' WHERE id = 1"),
    ("A mail of a kind", "UPDATE soak_mails SET row_id = 1 WHERE row_id = 6"),
    ("A mail goes to", "UPDATE soak_mails SET recipient = recipient || ', eve@example.org'"),
    ("A mail goes to", "UPDATE soak_mails SET text = 'http://127.0.0.1/path/key-half'"),
    ("A mail goes to", "UPDATE soak_mails SET kind = NULL, row_id = NULL"),
    ("The subject of a mail", "UPDATE soak_mails SET subject = 'Seats for Ja' WHERE row_id = 2"),
    ("What a visitor has seen", "UPDATE orders SET status = 'expired' WHERE id = 1"),
    ("What a visitor has seen", "UPDATE orders SET secret = 'another' WHERE id = 5"),
]


@pytest.mark.parametrize(("sentence", "harm"), HARM)
def test_an_invariant_that_does_not_hold_is_reported(
    rows: Connection, sentence: str, harm: str
) -> None:
    assert rows.execute(text(harm)).rowcount > 0

    assert [breach for breach in breaches(rows, NOW) if breach.startswith(sentence)]


def test_each_invariant_has_been_seen_to_break() -> None:
    broken = {
        invariant
        for invariant in INVARIANTS
        for sentence, _ in HARM
        if invariant.sentence.startswith(sentence)
    }

    assert broken == set(INVARIANTS)


def test_what_holds_at_any_moment_needs_nothing_but_the_shop(rows: Connection) -> None:
    OUTSIDE.drop_all(rows)
    right = breaches(rows, NOW, AT_ANY_MOMENT)
    rows.execute(text("UPDATE events SET capacity = 2"))
    wrong = breaches(rows, NOW, AT_ANY_MOMENT)

    assert right == []
    assert [breach.partition(".")[0] for breach in wrong] == [AT_ANY_MOMENT[0].sentence]


def test_a_breach_names_three_rows_and_counts_the_others(rows: Connection) -> None:
    rows.execute(text("DELETE FROM tickets"))

    assert breaches(rows, NOW) == [
        "An order that is or was paid has a ticket for each seat, any other has none."
        " But: paid paid, half cancelled, none cancelled and 2 more."
    ]


# Mails and logs.


def test_a_mail_may_come_twice_where_a_process_was_killed() -> None:
    arrivals = [("<a@b>", 10.0), ("<c@d>", 10.0), ("<a@b>", 70.0)]

    assert surplus_copies(arrivals, [10.5]) == []
    assert surplus_copies(arrivals, [30.0]) == ["Mails came twice: <a@b>."]
    # The second copy was not sent by a killed process.
    assert surplus_copies([*arrivals, ("<a@b>", 80.0)], [10.5]) == ["Mails came twice: <a@b>."]


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        ("GET /orders/ABCDE/*** 200\nThe hall is full.", None),
        ("Traceback (most recent call last):\n  File", "The log has 'Traceback"),
        ("[CRITICAL] WORKER TIMEOUT (pid:7)", "The log has 'WORKER TIMEOUT'"),
        ("GET /orders/ABCDE/k3y_-x/cancel 303", "The log has 1 secrets"),
        ("Cookie: session=.eJx.a_b", "The log has 1 secrets"),
        ("the password of every organiser", "The log has 1 secrets"),
    ],
)
def test_a_log_has_no_traceback_and_no_secret(log: str, sentence: str | None) -> None:
    problems = log_problems(log, ["k3y_-x", ".eJx.a_b", "of every organiser", "tok_visa"])

    assert len(problems) == (sentence is not None)
    assert not problems or problems[0].startswith(str(sentence))
    assert not any(secret in str(problems) for secret in ("k3y_-x", ".eJx.a_b"))


# The report.


def test_a_memory_that_goes_up_to_the_end_grows() -> None:
    leak = [MEGABYTE * (200 + 8 * number) for number in range(9)]

    assert grows(leak)
    assert "it grows" in describe_memory("before", leak)


@pytest.mark.parametrize(
    "megabytes",
    [
        [200] * 9,
        # Caches fill up at first.
        [100, 150, 199, 200, 200, 201, 202, 201, 203],
        # One round had more to do, and gave it back.
        [200, 200, 200, 200, 200, 200, 200, 260, 200],
        [260, 250, 240, 230, 220, 210, 200, 190, 180],
    ],
)
def test_a_memory_that_settles_does_not_grow(megabytes: list[int]) -> None:
    samples = [MEGABYTE * number for number in megabytes]

    assert not grows(samples)
    assert "it does not grow" in describe_memory("before", samples)


def test_the_slack_of_the_memory_is_a_limit() -> None:
    base = 1000
    allowed = round(base * (1 + MEMORY_SLACK))

    assert not grows([base] * 6 + [allowed] * 3)
    assert grows([base] * 6 + [allowed + 1] * 3)


def test_throughput_is_compared_pair_by_pair() -> None:
    # The machine was slow for a while: for both shops.
    line = describe_throughput({"before": [100, 50, 200], "after": [90, 45, 190]})

    assert "after ÷ before: 0.900, quartiles 0.900–0.925, of 3 pairs" in line
    assert "(100/s → 90/s)" in line


def test_requests_are_counted_by_kind_and_status() -> None:
    counts = {
        "before": Counter({("checkout", "303"): 7, ("checkout", "none"): 1, ("search", "200"): 5}),
        "after": Counter({("checkout", "303"): 8}),
    }

    lines = [line.split() for line in table(counts).splitlines()]

    assert lines == [
        ["before", "after"],
        ["checkout", "303", "7", "8"],
        ["checkout", "none", "1", "0"],
        ["search", "200", "5", "0"],
        ["in", "all", "13", "8"],
    ]


@pytest.mark.parametrize(
    ("step", "problems", "code", "message"),
    [
        (
            0,
            [],
            0,
            f"All {len(INVARIANTS)} invariants hold in both shops, and nothing else is wrong.",
        ),
        (0, ["A seat is sold twice."], 1, "after: A seat is sold twice."),
        (9, [], 1, "after: The memory of the workers grows."),
    ],
)
def test_what_is_wrong_is_reported_and_fails_the_command(
    capsys: pytest.CaptureFixture[str], step: int, problems: list[str], code: int, message: str
) -> None:
    samples = {"before": [100] * 9, "after": [100 + step * number for number in range(9)]}
    load = SimpleNamespace(memory=samples)

    assert soak.verdict(load, {"before": [], "after": problems}) == code
    assert message in "".join(capsys.readouterr())


# Arguments.


def test_without_arguments_it_takes_some_minutes_and_a_new_seed() -> None:
    first, second = soak.read_arguments([]), soak.read_arguments([])

    assert (first.seconds, first.workers, first.clients) == (240, 3, 6)
    assert first.seed != second.seed


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--seconds", "9"], "'9' is not a whole number from 10 to 3600"),
        (["--seconds", "１0"], "is not a whole number"),
        (["--workers", "9"], "'9' is not a whole number from 1 to 8"),
        (["--clients", "many"], "'many' is not a whole number"),
        (["--kills", "3"], "unrecognized arguments: --kills"),
    ],
)
def test_bad_arguments_get_one_sentence(argv: list[str], sentence: str) -> None:
    with pytest.raises(Problem) as problem:
        soak.read_arguments(argv)

    assert sentence in str(problem.value)
    assert "\n" not in str(problem.value)


def test_without_postgresql_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workbench.postgres.PLACES", ())
    monkeypatch.setenv("PATH", "")

    with pytest.raises(Problem, match="PostgreSQL is not installed"):
        soak.main([])


# Visitors.


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return a shop that is not served, with a database."""
    with listen() as free:
        port = free.getsockname()[1]
    engine = create_engine("sqlite://")
    yield Shop(
        name="before",
        port=port,
        engine=engine,
        settings={},
        events={},
        log_file=tmp_path / "log",
        ledger=Ledger(),
        webhooks=Webhooks("", []),
        mailbox=MailboxWithOffers(),
    )
    engine.dispose()


def test_a_browser_keeps_cookies_until_they_are_deleted_and_sends_the_token() -> None:
    app = Flask(__name__)

    @app.get("/form")
    def form() -> Response:
        page = Response('<input name="csrf_token" type="hidden" value="t0ken">')
        page.set_cookie("session", "a.b-c")
        page.set_cookie("per_page", "25")
        return page

    @app.post("/form")
    def sent() -> Response:
        answer = Response(f"{request.form['csrf_token']} {request.form['name']} {request.cookies}")
        answer.delete_cookie("per_page")
        return answer

    with serving(app) as url:
        browser = Browser(int(url.rpartition(":")[2]))
        browser.get("/form")
        answer = browser.post("/form", {"name": "Sørensen"})

    assert answer.status == 200
    assert answer.text.startswith("t0ken Sørensen")
    assert "a.b-c" in answer.text and "25" in answer.text
    assert browser.cookies == {"session": "a.b-c"}


def test_a_connection_that_is_cut_is_no_answer() -> None:
    with listen() as listener:
        thread = Thread(target=cut_off, args=(listener,))
        thread.start()
        with pytest.raises(NoAnswer):
            Browser(listener.getsockname()[1]).get("/")
        thread.join()


def cut_off(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    connection.recv(1000)
    connection.close()


def visit(shop: Shop, seconds: float = 0.3) -> Visitor:
    visitor = Visitor(shop, 0)
    visitor.random = Random(1)
    visitor.visit(time.monotonic() + seconds, Event())
    return visitor


def test_a_visitor_reports_every_answer_that_no_shop_should_give(shop: Shop) -> None:
    def broken(environ, start_response):
        start_response("500 Broken", [])
        return [b""]

    with serving(broken) as url:
        shop.port = int(url.rpartition(":")[2])
        visitor = visit(shop)

    assert visitor.counts and {status for _, status in visitor.counts} == {"500"}
    assert len(visitor.findings) == visitor.counts.total()


def test_only_a_killed_process_excuses_that_there_is_no_answer(shop: Shop) -> None:
    # No server listens there.
    unexcused = visit(shop)
    shop.kills.append(time.monotonic())
    excused = visit(shop)

    assert unexcused.findings and "no answer" in unexcused.findings[0]
    assert {status for _, status in excused.counts} == {"none"}
    assert not excused.findings


def test_holds_that_the_shop_is_done_with_lapse(shop: Shop) -> None:
    db = import_module("before_mvt.models").db
    db.metadata.create_all(shop.engine)
    now = datetime.now(UTC)
    held = {"hold_until": now + DAY, "offer_id": None}
    with shop.engine.begin() as connection:
        connection.execute(insert(db.metadata.tables["events"]), [event("jazz", DAY, 9)])
        connection.execute(
            insert(db.metadata.tables["orders"]),
            [
                order("fresh", "pending", **held, created_at=now),
                order("older", "pending", **held, created_at=now - timedelta(minutes=1)),
                order("saved", "paid", **held, created_at=now - timedelta(minutes=1)),
            ],
        )

    shop.lapse("holds", "offers")

    with shop.engine.connect() as connection:
        orders = db.metadata.tables["orders"].select()
        lapsed = [row.reference for row in connection.execute(orders) if row.hold_until < now]
    assert lapsed == ["older"]
