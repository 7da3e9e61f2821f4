"""Charge results: what a success or a failure means for an order, at whatever time it comes."""

import pytest

from after_service_layer.models import Order, Ticket
from after_service_layer.services.errors import OrderNotFound
from after_service_layer.services.interfaces import (
    ChargeEvent,
    ChargeOutcome,
    PaymentOutcomeUnknown,
)
from tests.after.services.factories import add, an_event, an_order, saved
from tests.after.services.fakes import Refund
from tests.kit.helpers import NOW, TICK


def a_report(order, outcome=ChargeOutcome.SUCCEEDED, **differences):
    """Return a report of the gateway about this order's charge, by default a success."""
    facts = {
        "outcome": outcome,
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
    """Return a function that handles a report, and returns whether nothing has changed."""

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


@pytest.mark.behaviour("webhook.repeated")
def test_a_success_that_is_reported_twice_counts_once(mailer, session, settlement):
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
@pytest.mark.parametrize("outcome", [ChargeOutcome.SUCCEEDED, ChargeOutcome.FAILED])
def test_after_a_report_that_changes_nothing_no_lock_is_held(session, settlement, outcome):
    order = add(session, an_order(an_event()))

    settlement.handle_charge_event(a_report(order, outcome))

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
    # The buyer gets the mail at once, although the refund is not made yet.
    assert mailer.sent == [("refund", late)]
    assert late.refund_notice_sent_at == NOW


@pytest.mark.behaviour("webhook.failed")
def test_a_failure_declines_a_pending_order_and_frees_its_seats(session, settlement):
    event = an_event(capacity=1)
    order = add(session, an_order(event, "pending"))

    settlement.handle_charge_event(a_report(order, ChargeOutcome.FAILED))

    assert [order.status for order in saved(session, Order)] == ["declined"]
    assert event.seats_left(NOW) == 1


@pytest.mark.behaviour("webhook.failed")
@pytest.mark.parametrize("status", ["paid", "cancelled", "expired", "declined"])
def test_a_late_failure_undoes_nothing(changes_nothing, session, status):
    order = add(session, an_order(an_event(), status))

    assert changes_nothing(a_report(order, ChargeOutcome.FAILED))


@pytest.mark.behaviour("webhook.ignored")
def test_a_report_of_another_kind_changes_nothing(changes_nothing, session):
    order = add(session, an_order(an_event(), "pending"))

    assert changes_nothing(a_report(order, ChargeOutcome.OTHER))


@pytest.mark.behaviour("webhook.ignored")
@pytest.mark.parametrize("amount", [2499, 2501, -2500])
def test_a_success_over_another_amount_changes_nothing(changes_nothing, session, amount):
    order = add(session, an_order(an_event(), "pending"))

    assert changes_nothing(a_report(order, amount_cents=amount))


@pytest.mark.behaviour("webhook.unknown")
@pytest.mark.parametrize("reference", ["ZZZZZ", "", "a0001", "x" * 1000])
def test_a_report_on_no_order_is_refused(session, settlement, reference):
    order = add(session, an_order(an_event(), "pending", reference="A0001"))

    with pytest.raises(OrderNotFound):
        settlement.handle_charge_event(a_report(order, reference=reference))
