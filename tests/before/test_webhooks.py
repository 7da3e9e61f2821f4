"""Webhooks of the payment gateway: what they change, and which are refused."""

import json
from datetime import timedelta

import pytest

from tests.kit.helpers import NOW, TICK, signature, text_of

LAPSED = {"hold_until": NOW - TICK}
UNPAID = [("expired", {}), ("declined", {}), ("pending", LAPSED)]


def facts_of(order):
    """Return what a webhook could have changed of an order."""
    return order.status, order.charge_id, order.refund_state, order.refund_cents


@pytest.fixture
def unchanged(mailbox, stored):
    """Return a function that says whether an order is as it was, and no mail was sent."""

    def unchanged(order):
        facts = [facts_of(row) for row in stored("Order") if row.id == order.id]
        return facts == [facts_of(order)] and stored("Ticket") == mailbox.mails == []

    return unchanged


@pytest.fixture
def pending(add_event, add_order):
    """An order of two seats whose charge is unknown."""
    return add_order(add_event(), "pending", quantity=2, total_cents=5000)


@pytest.fixture
def body(pending):
    """The message that the charge of this order has succeeded."""
    charge = {"id": "ch_1", "amount": 5000, "reference": pending.reference}
    message = {"id": "evt_1", "type": "charge.succeeded", "data": {"charge": charge}}
    return json.dumps(message).encode()


@pytest.mark.behaviour("webhook.succeeded")
def test_a_success_makes_a_pending_order_paid(mailbox, pending, stored, webhook):
    answer = webhook(pending, id="ch_777")

    assert answer.status_code == 200
    [order] = stored("Order")
    assert (order.status, order.charge_id) == ("paid", "ch_777")
    assert (order.refund_state, order.confirmation_sent_at) == ("none", NOW)
    assert len(stored("Ticket")) == 2
    [mail] = mailbox.mails
    assert (mail["To"], mail["Subject"]) == (
        "bruno@example.org",
        "Your tickets for The Glass Orchestra",
    )
    assert all(ticket.code in mail.get_content() for ticket in stored("Ticket"))


@pytest.mark.behaviour("webhook.repeated")
def test_a_success_that_is_sent_twice_counts_once(mailbox, pending, stored, webhook):
    answers = [webhook(pending), webhook(pending)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(stored("Ticket")) == 2
    assert len(mailbox.mails) == 1


@pytest.mark.behaviour("webhook.repeated")
@pytest.mark.parametrize(
    ("status", "differences"),
    [
        ("paid", {}),
        ("cancelled", {"refund_cents": 2500, "refund_state": "done"}),
        ("expired", {"charge_id": "ch_1", "refund_cents": 2500, "refund_state": "done"}),
        ("declined", {"charge_id": "ch_1", "refund_cents": 2500, "refund_state": "due"}),
    ],
)
def test_a_success_that_is_known_already_changes_nothing(
    add_event, add_order, gateway, unchanged, webhook, status, differences
):
    order = add_order(add_event(), status, **differences)

    assert webhook(order).status_code == 200
    assert unchanged(order)
    assert gateway.requests == []


@pytest.mark.behaviour("webhook.late_paid")
@pytest.mark.parametrize(("status", "differences"), UNPAID)
def test_a_late_success_is_paid_while_seats_remain(
    add_event, add_order, mailbox, stored, webhook, status, differences
):
    event = add_event(capacity=2)
    add_order(event)

    webhook(add_order(event, status, **differences))

    late = stored("Order")[-1]
    assert (late.status, late.charge_id, late.refund_state) == ("paid", "ch_1", "none")
    assert [ticket.order_id for ticket in stored("Ticket")] == [late.id]
    assert [mail["Subject"] for mail in mailbox.mails] == ["Your tickets for The Glass Orchestra"]


@pytest.mark.behaviour("webhook.late_refunded")
@pytest.mark.parametrize(
    ("status", "differences", "then"),
    [("expired", {}, "expired"), ("declined", {}, "declined"), ("pending", LAPSED, "expired")],
)
def test_a_success_too_late_for_a_seat_is_refunded_in_full(
    add_event, add_order, gateway, mailbox, stored, webhook, status, differences, then
):
    event = add_event(capacity=1)
    add_order(event)
    gateway.refunds()

    answer = webhook(add_order(event, status, total_cents=2501, **differences), id="ch_777")

    assert answer.status_code == 200
    late = stored("Order")[-1]
    assert facts_of(late) == (then, "ch_777", "done", 2501)
    assert stored("Ticket") == []
    [request] = gateway.requests
    assert json.loads(request.body) == {"charge": "ch_777", "amount": 2501}
    assert request.headers["Idempotency-Key"] == f"{late.reference}-refund"
    [mail] = mailbox.mails
    assert mail["Subject"] == "Your money back for The Glass Orchestra"
    assert "Refund: €25.01\n" in mail.get_content()
    assert late.refund_notice_sent_at == NOW


@pytest.mark.behaviour("webhook.late_refunded")
def test_a_refund_that_the_gateway_does_not_make_stays_due(
    add_event, add_order, gateway, mailbox, stored, webhook
):
    event = add_event(capacity=1)
    add_order(event)
    gateway.answers("refunds", status=500)

    answer = webhook(add_order(event, "expired"))

    assert answer.status_code == 200
    late = stored("Order")[-1]
    assert facts_of(late) == ("expired", "ch_1", "due", 2500)
    # The buyer did not ask for the refund, so the mail does not wait for it.
    assert [mail["Subject"] for mail in mailbox.mails] == [
        "Your money back for The Glass Orchestra"
    ]
    assert late.refund_notice_sent_at == NOW


@pytest.mark.behaviour("webhook.failed")
def test_a_failure_declines_a_pending_order_and_frees_its_seats(
    add_event, add_order, buy, stored, webhook
):
    event = add_event(capacity=1, price_cents=0)

    answer = webhook(add_order(event, "pending"), "charge.failed")

    assert answer.status_code == 200
    assert [order.status for order in stored("Order")] == ["declined"]
    assert buy(event).status_code == 303


@pytest.mark.behaviour("webhook.failed")
@pytest.mark.parametrize("status", ["paid", "cancelled", "expired", "declined"])
def test_a_late_failure_undoes_nothing(add_event, add_order, unchanged, webhook, status):
    order = add_order(add_event(), status)

    assert webhook(order, "charge.failed").status_code == 200
    assert unchanged(order)


@pytest.mark.behaviour("webhook.ignored")
@pytest.mark.parametrize("kind", ["charge.disputed", ""])
def test_a_webhook_of_an_unknown_kind_changes_nothing(pending, unchanged, webhook, kind):
    assert webhook(pending, kind).status_code == 200
    assert unchanged(pending)


@pytest.mark.behaviour("webhook.ignored")
@pytest.mark.parametrize("amount", [4999, 5001, -5000])
def test_a_success_over_another_amount_changes_nothing(pending, unchanged, webhook, amount):
    assert webhook(pending, amount=amount).status_code == 200
    assert unchanged(pending)


@pytest.mark.behaviour("webhook.unknown")
@pytest.mark.parametrize("reference", ["ZZZZZ", "", "a0001", "x" * 1000])
def test_a_webhook_about_no_order_is_not_found(pending, unchanged, webhook, reference):
    answer = webhook(pending, reference=reference)

    assert answer.status_code == 404
    assert "There is no such order." in text_of(answer)
    assert unchanged(pending)


STAMP = int(NOW.timestamp())


@pytest.mark.behaviour("webhook.forged")
@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"t={STAMP},v1=",
        f"t={STAMP},v1={'0' * 64}",
        f"t={STAMP},v1=ü",
        f"t=now,v1={'0' * 64}",
        f"t={'9' * 5000},v1={'0' * 64}",
    ],
    ids=lambda header: header[:30],
)
def test_a_webhook_without_a_signature_of_the_gateway_is_refused(
    body, pending, post_webhook, unchanged, header
):
    answer = post_webhook(body, header)

    assert answer.status_code == 400
    assert "Back to the events" in text_of(answer)
    assert unchanged(pending)


@pytest.mark.behaviour("webhook.forged")
def test_a_webhook_with_no_header_at_all_is_refused(body, client, pending, unchanged):
    assert client.post("/webhooks/payments", data=body).status_code == 400
    assert unchanged(pending)


@pytest.mark.behaviour("webhook.forged")
def test_a_signature_is_for_one_body_one_time_and_one_secret(
    body, pending, post_webhook, unchanged
):
    right = signature(body)
    forged = [
        (body[:-1], right),
        (body.replace(b"5000", b"1"), right),
        (body, right.replace(f"t={STAMP}", f"t={STAMP + 1}")),
        (body, signature(body, secret="another")),
    ]

    assert [post_webhook(*message).status_code for message in forged] == [400] * 4
    assert unchanged(pending)


@pytest.mark.behaviour("webhook.forged")
def test_without_a_secret_every_webhook_is_refused(
    app, body, monkeypatch, pending, post_webhook, unchanged
):
    monkeypatch.setitem(app.config, "PAYMENTS_WEBHOOK_SECRET", "")

    assert post_webhook(body, signature(body, secret="")).status_code == 400
    assert unchanged(pending)


@pytest.mark.behaviour("webhook.stale")
@pytest.mark.parametrize("stamp", [STAMP - 301, STAMP + 301, 0, 10**11, 10**30])
def test_a_stale_webhook_is_refused(body, pending, post_webhook, unchanged, stamp):
    answer = post_webhook(body, signature(body, stamp))

    assert answer.status_code == 400
    assert unchanged(pending)


@pytest.mark.behaviour("webhook.stale")
@pytest.mark.parametrize("seconds", [300.9, 300.001, -300.001, -300.9])
def test_fractions_of_a_second_count(body, clock, pending, post_webhook, unchanged, seconds):
    clock.move_to(NOW + timedelta(seconds=seconds))

    assert post_webhook(body, signature(body, STAMP)).status_code == 400
    assert unchanged(pending)


@pytest.mark.behaviour("webhook.stale")
@pytest.mark.parametrize("seconds", [300, -300])
def test_a_webhook_holds_for_300_seconds(body, post_webhook, stored, seconds):
    assert post_webhook(body, signature(body, STAMP - seconds)).status_code == 200
    assert [order.status for order in stored("Order")] == ["paid"]


@pytest.mark.behaviour("webhook.malformed")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"type": ' + b"9" * 5000 + b"}",
        b'{"type": "charge.succeeded", "data": []}',
        b'{"type": "charge.succeeded", "data": {"charge": "ch_1"}}',
        b'{"type": 1, "data": {"charge": {"id": "c", "amount": 1, "reference": "A"}}}',
    ],
    ids=lambda body: body[:30].decode("ascii", "replace"),
)
def test_a_signed_body_that_is_no_such_message_is_refused(post_webhook, body):
    answer = post_webhook(body)

    assert answer.status_code == 400
    assert "Back to the events" in text_of(answer)


@pytest.mark.behaviour("webhook.malformed")
@pytest.mark.parametrize(
    "difference",
    [
        {"id": None},
        {"id": "ch\0"},
        {"id": "\ud800"},
        {"amount": "5000"},
        {"amount": 5000.0},
        {"reference": None},
        {"reference": "A\0"},
        {"reference": "\ud800"},
    ],
    ids=repr,
)
def test_a_charge_with_a_field_of_a_wrong_kind_is_refused(pending, unchanged, webhook, difference):
    assert webhook(pending, **difference).status_code == 400
    assert unchanged(pending)


@pytest.mark.behaviour("webhook.malformed")
def test_a_huge_webhook_is_refused(body, pending, post_webhook, stored, unchanged):
    assert post_webhook(body.ljust(2**20 + 1)).status_code == 400
    assert unchanged(pending)

    assert post_webhook(body.ljust(2**20)).status_code == 200
    assert [order.status for order in stored("Order")] == ["paid"]


@pytest.mark.behaviour("webhook.succeeded")
def test_the_type_of_a_signed_body_does_not_matter(app, pending, gateway, mailbox):
    charge = {"id": "ch_1", "amount": pending.total_cents, "reference": pending.reference}
    body = json.dumps({"type": "charge.succeeded", "data": {"charge": charge}}).encode()

    answer = app.test_client().post(
        "/webhooks/payments",
        data=body,
        headers={"Gateway-Signature": signature(body)},
        content_type="application/x-www-form-urlencoded",
    )

    assert answer.status_code == 200
