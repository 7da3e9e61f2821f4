"""What the payment gateway tells by itself: which messages are believed, and what they change."""

import json
from datetime import timedelta

import pytest

from after_service_layer.gateways.payments import BadWebhook, read_webhook
from after_service_layer.models import Order, Ticket
from after_service_layer.services.errors import OrderNotFound
from after_service_layer.services.interfaces import ChargeEvent, PaymentOutcomeUnknown
from tests.after.factories import a_voucher, add, an_entry, an_event, an_order, saved
from tests.after.fakes import Refund
from tests.after.helpers import MINUTE, NOW, TICK, WEBHOOK_SECRET, signature

STAMP = int(NOW.timestamp())


def message(kind="charge.succeeded", **differences):
    """Return the body of a webhook: charge ch_1 over 50 euros has succeeded."""
    charge = {"id": "ch_1", "amount": 5000, "reference": "A0001", **differences}
    return json.dumps({"id": "evt_1", "type": kind, "data": {"charge": charge}}).encode()


def read(body, header=None, secret=WEBHOOK_SECRET):
    """Read a webhook that is signed, and now, unless said otherwise."""
    header = signature(body, STAMP, secret) if header is None else header
    return read_webhook(body, header, secret=WEBHOOK_SECRET, now=NOW)


@pytest.mark.parametrize(
    ("kind", "succeeded"),
    [
        pytest.param("charge.succeeded", True, marks=pytest.mark.behaviour("webhook.succeeded")),
        pytest.param("charge.failed", False, marks=pytest.mark.behaviour("webhook.failed")),
        pytest.param("charge.disputed", None, marks=pytest.mark.behaviour("webhook.ignored")),
        pytest.param("", None, marks=pytest.mark.behaviour("webhook.ignored")),
    ],
)
def test_a_message_tells_what_became_of_which_charge(kind, succeeded):
    assert read(message(kind)) == ChargeEvent(
        succeeded=succeeded, charge_id="ch_1", amount_cents=5000, reference="A0001"
    )


@pytest.mark.behaviour("webhook.forged")
@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"t={STAMP},v1=",
        f"t={STAMP},v1=ü",
        f"t=now,v1={'0' * 64}",
        f"t={'9' * 5000},v1={'0' * 64}",
    ],
    ids=lambda header: header[:30],
)
def test_what_is_not_signed_is_not_believed(header):
    with pytest.raises(BadWebhook, match=r"^The webhook is not signed\.$"):
        read(message(), header)


RIGHT = signature(message(), STAMP)


@pytest.mark.behaviour("webhook.forged")
@pytest.mark.parametrize(
    ("body", "header"),
    [
        (message()[:-1], RIGHT),
        (message(amount=1), RIGHT),
        (message(), RIGHT.replace(f"t={STAMP}", f"t={STAMP + 1}")),
        (message(), signature(message(), STAMP, secret="another")),
        (message(), f"t={STAMP},v1={'0' * 64}"),
    ],
    ids=["shorter", "changed", "moved", "another secret", "made up"],
)
def test_a_signature_is_for_one_body_one_time_and_one_secret(body, header):
    with pytest.raises(BadWebhook, match=r"^The signature of the webhook is wrong\.$"):
        read(body, header)


@pytest.mark.behaviour("webhook.forged")
def test_without_a_secret_no_webhook_is_believed():
    header = signature(message(), STAMP, secret="")

    with pytest.raises(BadWebhook, match=r"^The webhook is not signed\.$"):
        read_webhook(message(), header, secret="", now=NOW)


@pytest.mark.behaviour("webhook.stale")
@pytest.mark.parametrize("stamp", [STAMP - 301, STAMP + 301, 0, 10**11])
def test_a_stale_webhook_is_not_believed(stamp):
    with pytest.raises(BadWebhook, match="300 seconds"):
        read(message(), signature(message(), stamp))


@pytest.mark.behaviour("webhook.stale")
@pytest.mark.parametrize("seconds", [300.9, 300.001, -300.001, -300.9])
def test_fractions_of_a_second_count(seconds):
    now = NOW + timedelta(seconds=seconds)

    with pytest.raises(BadWebhook, match="300 seconds"):
        read_webhook(message(), RIGHT, secret=WEBHOOK_SECRET, now=now)


@pytest.mark.behaviour("webhook.stale")
@pytest.mark.parametrize("seconds", [300, -300])
def test_a_webhook_holds_for_300_seconds(seconds):
    assert read(message(), signature(message(), STAMP + seconds)).charge_id == "ch_1"


@pytest.mark.behaviour("webhook.malformed")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type": ' + b"9" * 5000 + b"}",
        b'{"type": "charge.succeeded", "data": []}',
        b'{"type": "charge.succeeded", "data": {"charge": "ch_1"}}',
        b'{"type": 1, "data": {"charge": {"id": "c", "amount": 1, "reference": "A"}}}',
    ],
    ids=lambda body: body[:30].decode("ascii", "replace"),
)
def test_what_tells_of_no_charge_is_refused(body):
    with pytest.raises(BadWebhook, match=r"^The webhook does not tell of a charge\.$"):
        read(body)


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
def test_a_charge_with_a_part_that_cannot_be_is_refused(difference):
    with pytest.raises(BadWebhook, match=r"^The webhook does not tell which charge it is\.$"):
        read(message(**difference))


def a_report(order, succeeded=True, **differences):
    """Return what the gateway tells of this order's charge: it succeeded, mostly."""
    facts = {
        "succeeded": succeeded,
        "charge_id": "ch_1",
        "amount_cents": order.total_cents,
        "reference": order.reference,
    }
    return ChargeEvent(**{**facts, **differences})


def facts_of(order):
    """Return what a report could have changed of an order."""
    return order.status, order.charge_id, order.refund_state, order.refund_cents


@pytest.fixture
def changes_nothing(mailer, payments, session, settlement):
    """Return a function that lets a report be heard, and says whether nothing came of it."""

    def changes_nothing(report):
        before = [facts_of(order) for order in saved(session, Order)]
        settlement.handle_charge_event(report)
        nothing_done = saved(session, Ticket) == mailer.sent == payments.refunds == []
        return nothing_done and [facts_of(order) for order in saved(session, Order)] == before

    return changes_nothing


@pytest.mark.behaviour("webhook.succeeded")
def test_a_success_makes_a_pending_order_paid(mailer, session, settlement):
    order = add(session, an_order(an_event(), "pending", quantity=2))

    settlement.handle_charge_event(a_report(order, charge_id="ch_777"))

    assert saved(session, Order) == [order]
    assert facts_of(order) == ("paid", "ch_777", "none", 0)
    assert len({ticket.code for ticket in saved(session, Ticket)}) == 2
    assert mailer.sent == [("confirmation", order)]
    assert order.confirmation_sent_at == NOW


@pytest.mark.behaviour("webhook.succeeded")
@pytest.mark.parametrize("hold_until", [NOW + 30 * MINUTE, NOW])
def test_an_order_whose_hold_stands_is_paid_from_the_seats_it_holds(
    session, settlement, hold_until
):
    event, voucher = an_event(capacity=1), a_voucher(max_uses=1)
    facts = {"hold_until": hold_until, "voucher": voucher}
    order = add(session, an_order(event, "pending", **facts))

    settlement.handle_charge_event(a_report(order))

    assert order.status == "paid"


@pytest.mark.behaviour("webhook.repeated")
def test_a_success_that_is_told_twice_counts_once(mailer, session, settlement):
    order = add(session, an_order(an_event(), "pending"))

    for _ in range(2):
        settlement.handle_charge_event(a_report(order))

    assert len(saved(session, Ticket)) == len(mailer.sent) == 1


REFUNDED = {"charge_id": "ch_1", "refund_cents": 2500, "refund_state": "done"}


@pytest.mark.behaviour("webhook.repeated")
@pytest.mark.parametrize(
    ("status", "differences"),
    [
        ("paid", {}),
        ("cancelled", REFUNDED),
        ("expired", REFUNDED),
        ("declined", {**REFUNDED, "refund_state": "due"}),
    ],
)
def test_a_success_that_is_known_already_changes_nothing(
    changes_nothing, session, status, differences
):
    order = add(session, an_order(an_event(), status, **differences))

    assert changes_nothing(a_report(order))


@pytest.mark.behaviour("webhook.repeated")
@pytest.mark.parametrize("succeeded", [True, False])
def test_after_a_report_that_comes_late_nobody_has_to_wait_for_the_event(
    session, settlement, succeeded
):
    order = add(session, an_order(an_event()))

    settlement.handle_charge_event(a_report(order, succeeded))

    assert not session.in_transaction()


LAPSED = {"hold_until": NOW - TICK}


@pytest.mark.behaviour("webhook.late_paid")
@pytest.mark.parametrize(
    ("status", "differences"), [("expired", {}), ("declined", {}), ("pending", LAPSED)]
)
def test_a_late_success_is_paid_while_seats_remain(
    mailer, session, settlement, status, differences
):
    event = add(session, an_event(capacity=2))
    add(session, an_order(event, number=1))
    late = add(session, an_order(event, status, number=2, **differences))

    settlement.handle_charge_event(a_report(late))

    assert facts_of(late) == ("paid", "ch_1", "none", 0)
    assert [ticket.order for ticket in saved(session, Ticket)] == [late]
    assert mailer.sent == [("confirmation", late)]


@pytest.mark.parametrize("status", ["expired", "declined"])
@pytest.mark.parametrize(
    ("max_uses", "then"),
    [
        pytest.param(2, "paid", marks=pytest.mark.behaviour("webhook.late_paid")),
        pytest.param(1, None, marks=pytest.mark.behaviour("webhook.late_refunded")),
    ],
)
def test_a_late_success_needs_a_use_of_its_voucher(session, settlement, status, max_uses, then):
    event, voucher = an_event(), a_voucher(max_uses=max_uses)
    add(session, an_order(event, voucher=voucher, number=1))
    late = add(session, an_order(event, status, voucher=voucher, number=2))

    settlement.handle_charge_event(a_report(late))

    assert late.status == (then or status)
    assert late.refund_cents == (0 if then else 2500)


@pytest.mark.behaviour("webhook.late_paid")
def test_a_pending_order_has_its_voucher_even_when_its_hold_has_lapsed(session, settlement):
    facts = {"voucher": a_voucher(max_uses=1), **LAPSED}
    order = add(session, an_order(an_event(), "pending", **facts))

    settlement.handle_charge_event(a_report(order))

    assert order.status == "paid"


@pytest.mark.behaviour("webhook.late_refunded")
@pytest.mark.parametrize(
    ("status", "differences", "then"),
    [("expired", {}, "expired"), ("declined", {}, "declined"), ("pending", LAPSED, "expired")],
)
def test_a_success_too_late_for_a_seat_is_refunded_in_full(
    mailer, payments, session, settlement, status, differences, then
):
    event = an_event(capacity=0)
    late = add(session, an_order(event, status, total_cents=2501, **differences))

    settlement.handle_charge_event(a_report(late, charge_id="ch_777"))

    assert saved(session, Order) == [late]
    assert facts_of(late) == (then, "ch_777", "done", 2501)
    assert saved(session, Ticket) == []
    assert payments.refunds == [
        Refund(charge_id="ch_777", amount_cents=2501, key=f"{late.reference}-refund")
    ]
    assert mailer.sent == [("refund", late)]
    assert late.refund_notice_sent_at == NOW


@pytest.mark.behaviour("webhook.late_refunded")
def test_a_refund_that_the_gateway_does_not_make_stays_due(mailer, payments, session, settlement):
    late = add(session, an_order(an_event(capacity=0), "expired"))
    payments.failure = PaymentOutcomeUnknown()

    settlement.handle_charge_event(a_report(late))

    assert saved(session, Order) == [late]
    assert facts_of(late) == ("expired", "ch_1", "due", 2500)
    # The buyer did not ask for it, and is told at once all the same.
    assert mailer.sent == [("refund", late)]
    assert late.refund_notice_sent_at == NOW


@pytest.mark.behaviour("webhook.failed")
def test_a_failure_declines_a_pending_order_and_frees_its_seats(session, settlement):
    event = an_event(capacity=1)
    order = add(session, an_order(event, "pending"))

    settlement.handle_charge_event(a_report(order, succeeded=False))

    assert [order.status for order in saved(session, Order)] == ["declined"]
    assert event.seats_left(NOW) == 1


@pytest.mark.behaviour("webhook.failed")
@pytest.mark.parametrize("status", ["paid", "cancelled", "expired", "declined"])
def test_a_late_failure_undoes_nothing(changes_nothing, session, status):
    order = add(session, an_order(an_event(), status))

    assert changes_nothing(a_report(order, succeeded=False))


@pytest.mark.behaviour("webhook.ignored")
def test_news_of_another_kind_change_nothing(changes_nothing, session):
    order = add(session, an_order(an_event(), "pending"))

    assert changes_nothing(a_report(order, succeeded=None))


@pytest.mark.behaviour("webhook.ignored")
@pytest.mark.parametrize("amount", [2499, 2501, -2500])
def test_a_success_over_another_amount_changes_nothing(changes_nothing, session, amount):
    order = add(session, an_order(an_event(), "pending"))

    assert changes_nothing(a_report(order, amount_cents=amount))


@pytest.mark.behaviour("webhook.unknown")
@pytest.mark.parametrize("reference", ["ZZZZZ", "", "a0001", "x" * 1000])
def test_a_report_on_no_order_is_refused(session, settlement, reference):
    order = add(session, an_order(an_event(), "pending", reference="A0001"))

    with pytest.raises(OrderNotFound, match=r"^There is no such order\.$"):
        settlement.handle_charge_event(a_report(order, reference=reference))


@pytest.mark.behaviour("webhook.late_paid")
@pytest.mark.parametrize("capacity", [2, 4])
def test_a_late_success_takes_the_seats_of_its_own_offer(session, settlement, capacity):
    """The card was declined at first: the offer stands again, and holds its seats."""
    event = an_event(capacity=capacity)
    offer = add(session, an_entry(event, "offered", quantity=2))
    order = add(session, an_order(event, "declined", quantity=2, offer=offer))

    settlement.handle_charge_event(a_report(order))

    assert (order.status, offer.status) == ("paid", "taken")
